//! The SDK's routes for pages, by plain HTTP.

use harness::{Answer, Browser, app::checked, family::Family};
use reqwest::Method;
use serde_json::{Value, json};

/// bw, and a browser of somebody who is signed in at Passport.
struct Scene {
    family: Family,
    /// At bw.
    here: Browser,
    /// At Passport.
    there: Browser,
}

const TWIN: &str = "__Host-passport-x";

impl Scene {
    async fn start() -> Self {
        let family = Family::start().await;
        let here = at(&family.bw);
        let there = family.passport.signed_in("goal").await;
        Self { family, here, there }
    }

    async fn post(&self, browser: &mut Browser, route: &str, body: Value) -> Answer {
        self.post_as(browser, route, body, &[("origin", &self.family.bw)]).await
    }

    async fn post_as(
        &self,
        browser: &mut Browser,
        route: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        browser.request(Method::POST, &format!("/sso/{route}"), Some(body.to_string()), &all).await
    }

    /// A ticket for what bw has begun, as a page of bw gets it.
    async fn ticket(&self, begun: &Value) -> String {
        let path = format!(
            "/check?app=bw&state={}&challenge={}",
            begun["state"].as_str().unwrap(),
            begun["challenge"].as_str().unwrap()
        );
        let mut page = self.there.on_another_site();
        assert!(page.cookies.contains_key(TWIN));
        let answer = page.get_with(&path, &[("origin", &self.family.bw)]).await;
        checked(&answer)["ticket"].as_str().unwrap().to_owned()
    }
}

/// A browser at a site.
fn at(url: &str) -> Browser {
    let port: u16 = url.rsplit_once(':').unwrap().1.parse().unwrap();
    Browser::new(([127, 0, 0, 1], port).into(), url)
}

#[actix_web::test]
async fn begin_ask_finish() {
    let scene = Scene::start().await;
    let mut here = scene.here.clone();
    let nobody = here.get("/sso/session").await;
    assert_eq!(nobody.json(), json!({ "status": "signed_out" }));
    assert_eq!(nobody.header("cache-control"), "no-store");

    let begun = scene.post(&mut here, "begin", json!({ "silent": true })).await.json();
    assert_eq!(begun["app"], "bw");
    let waits = here.set_cookies[0].clone();
    let state = begun["state"].as_str().unwrap();
    assert!(waits.starts_with(&format!("__Host-sso.page-{state}=")), "{waits}");
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=600"] {
        assert!(waits.contains(attribute), "{attribute}: {waits}");
    }
    let ticket = scene.ticket(&begun).await;
    let body = json!({ "state": state, "ticket": ticket });
    let done = scene.post(&mut here, "finish", body.clone()).await;
    assert_eq!(done.json()["status"], "signed_in", "{}", done.body);
    assert_eq!(done.json()["user"]["username"], "goal");
    assert_eq!(
        here.cookies.keys().collect::<Vec<_>>(),
        ["__Host-bw"],
        "the one that waited is gone"
    );
    assert_eq!(here.get("/sso/session").await.json()["user"]["username"], "goal");
    let again = scene.post(&mut here, "finish", body).await;
    assert_eq!(again.status, 401, "once");
}

// SECURITY-CASES J-07, L-18, Y-01: a ticket of somebody else's cannot be slipped into a browser, and a
// stolen one is of no use.
#[actix_web::test]
async fn a_ticket_is_good_in_the_browser_that_asked_for_it() {
    let scene = Scene::start().await;
    let (mut victim, mut thief) = (scene.here.clone(), scene.here.clone());
    let asked = scene.post(&mut thief, "begin", json!({})).await.json();
    let ticket = scene.ticket(&asked).await;
    let own = scene.post(&mut victim, "begin", json!({})).await.json();
    for state in [&asked["state"], &own["state"]] {
        let body = json!({ "state": state, "ticket": ticket });
        let answer = scene.post(&mut victim, "finish", body).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert_eq!(victim.get("/sso/session").await.json(), json!({ "status": "signed_out" }));
    }
    let ticket = scene.ticket(&asked).await;
    let body = json!({ "state": asked["state"], "ticket": ticket });
    assert_eq!(scene.post(&mut thief, "finish", body).await.status, 200, "control");
}

// SECURITY-CASES J-08
#[actix_web::test]
async fn a_ticket_of_a_redirect_is_none_of_a_page() {
    let scene = Scene::start().await;
    let mut here = scene.here.clone();
    let sent = here.get("/sso/login?next=/").await;
    let path = sent.location().strip_prefix(&scene.family.passport.url).unwrap().to_owned();
    let back = scene.there.clone().get(&path).await;
    let ticket = back.ticket();
    let begun = scene.post(&mut here, "begin", json!({})).await.json();
    let body = json!({ "state": begun["state"], "ticket": ticket });
    assert_eq!(scene.post(&mut here, "finish", body).await.status, 401);
    // Nor with the state of the redirect: its cookie is another one.
    let state = back.sent("state").unwrap();
    let body = json!({ "state": state, "ticket": ticket });
    assert_eq!(scene.post(&mut here, "finish", body).await.json()["code"], "not_begun");
}

// SECURITY-CASES L-19: nobody but our own page begins or finishes anything.
#[actix_web::test]
async fn other_sites_begin_and_finish_nothing() {
    let scene = Scene::start().await;
    let bw = scene.family.bw.clone();
    let mut here = scene.here.clone();
    let begun = scene.post(&mut here, "begin", json!({})).await.json();
    let ticket = scene.ticket(&begun).await;
    let body = json!({ "state": begun["state"], "ticket": ticket });
    let slash = format!("{bw}/");
    for headers in [
        &[][..],
        &[("origin", "http://evil.localhost")],
        &[("origin", "null")],
        &[("origin", slash.as_str())],
        &[("origin", scene.family.aw.as_str())],
        &[("origin", bw.as_str()), ("origin", bw.as_str())],
        &[("origin", bw.as_str()), ("sec-fetch-site", "cross-site")],
        &[("origin", bw.as_str()), ("sec-fetch-site", "same-site")],
        &[("origin", bw.as_str()), ("sec-fetch-site", "none")],
    ] {
        for (route, body) in [("begin", json!({})), ("finish", body.clone())] {
            let answer = scene.post_as(&mut here, route, body, headers).await;
            assert_eq!(answer.status, 403, "{route} {headers:?}");
            assert_eq!(answer.header("set-cookie"), "", "{route} {headers:?}");
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
    // What a form can send.
    let form = [("origin", bw.as_str()), ("content-type", "text/plain")];
    let text = here.request(Method::POST, "/sso/finish", Some(body.to_string()), &form).await;
    assert!(text.status.is_client_error(), "{}", text.status);
    let good = [("origin", bw.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(scene.post_as(&mut here, "finish", body, &good).await.status, 200, "control");
}

#[actix_web::test]
async fn malformed_bodies_are_refused() {
    let scene = Scene::start().await;
    let mut here = scene.here.clone();
    let begun = scene.post(&mut here, "begin", json!({})).await.json();
    let good = scene.ticket(&begun).await;
    for body in [
        json!({ "state": begun["state"], "ticket": "a.b" }),
        json!({ "state": begun["state"], "ticket": format!("{good}\r\n") }),
        json!({ "state": begun["state"], "ticket": "" }),
        json!({ "state": "", "ticket": good }),
        json!({ "state": "x; __Host-bw=1", "ticket": good }),
        json!({ "state": begun["state"] }),
        json!({ "state": begun["state"], "ticket": good, "return_to": "http://evil.localhost" }),
    ] {
        let answer = scene.post(&mut here, "finish", body.clone()).await;
        assert!(answer.status.is_client_error(), "{body}: {}", answer.status);
    }
    let body = json!({ "state": begun["state"], "ticket": good });
    assert_eq!(scene.post(&mut here, "finish", body).await.status, 200, "control");
}

// Who leaves this app alone is not let in again behind their back.
#[actix_web::test]
async fn who_has_left_is_not_looked_for_in_silence() {
    let scene = Scene::start().await;
    let mut here = scene.here.clone();
    let enter = async |here: &mut Browser| {
        let begun = scene.post(here, "begin", json!({})).await.json();
        let ticket = scene.ticket(&begun).await;
        let body = json!({ "state": begun["state"], "ticket": ticket });
        assert_eq!(scene.post(here, "finish", body).await.status, 200);
    };
    let silent = json!({ "silent": true });
    enter(&mut here).await;
    let left = here
        .post_body("/sso/logout", "scope=app".to_owned(), &[("accept", "application/json")])
        .await;
    assert_eq!(left.status, 204, "{}", left.body);
    let answer = scene.post(&mut here, "begin", silent.clone()).await;
    assert_eq!(answer.json(), json!({ "status": "signed_out" }));
    enter(&mut here).await;
    let answer = scene.post(&mut here, "begin", silent.clone()).await;
    assert!(answer.json()["challenge"].is_string(), "they wanted in: {}", answer.body);
    // Whoever leaves everywhere is out at Passport, which says so itself.
    here.post("/sso/logout", &[("scope", "session")]).await;
    let answer = scene.post(&mut here, "begin", silent).await;
    assert!(answer.json()["challenge"].is_string(), "{}", answer.body);
}

// SECURITY-CASES X-01, Y-07, Z: many begin at once, and the way on is a path of ours.
#[actix_web::test]
async fn the_number_that_waits_is_bounded_and_the_window_leads_nowhere_else() {
    let scene = Scene::start().await;
    let mut here = scene.here.clone();
    here.get("/sso/login?next=/").await;
    let redirect = here.cookies.keys().next().unwrap().clone();
    for _ in 0..12 {
        scene.post(&mut here, "begin", json!({})).await;
        assert!(here.cookies.len() <= 6, "{:?}", here.cookies.keys());
    }
    assert!(here.cookies.contains_key(&redirect), "the redirect under way is not disturbed");
    for (next, expected) in [
        ("/members?a=1%26b", "href=\"/members?a=1&amp;b\""),
        ("//evil.localhost", "href=\"/\""),
        ("https://evil.localhost", "href=\"/\""),
        ("/%22%3E%3Csvg%2Fonload%3Dalert(1)%3E", "href=\"/%22%3E%3Csvg/onload=alert(1)%3E\""),
        ("javascript:alert(1)", "href=\"/\""),
    ] {
        let page = here.get(&format!("/sso/popup?next={next}")).await;
        assert!(page.body.contains(expected), "{next}: {}", page.body);
        assert!(!page.body.contains("<svg"), "{}", page.body);
        assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    }
}

// SECURITY-CASES Y-09: an app that cannot reach Passport lets nobody in, and says that it does not know.
#[actix_web::test]
async fn without_passport_nobody_knows() {
    let Scene { family, mut here, .. } = Scene::start().await;
    let post = async |here: &mut Browser, route: &str, body: Value| {
        let headers = [("content-type", "application/json"), ("origin", family.bw.as_str())];
        here.request(Method::POST, &format!("/sso/{route}"), Some(body.to_string()), &headers).await
    };
    let begun = post(&mut here, "begin", json!({})).await.json();
    let bw = family.bw.clone();
    family.passport.stop().await;
    let body = json!({ "state": begun["state"], "ticket": "a.b.c" });
    let headers = [("content-type", "application/json"), ("origin", bw.as_str())];
    let answer = here.request(Method::POST, "/sso/finish", Some(body.to_string()), &headers).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (503, &json!("unavailable")));
}
