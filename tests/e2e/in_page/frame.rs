//! Passport's frame in an app's page, by plain HTTP: who may show it, and who gets an answer.

use harness::{Browser, Database, Passport, TestApp, app::checked, on_both};
use serde_json::{Value, json};
use sso_server::flows::apps;

struct Scene {
    passport: Passport,
    aw: TestApp,
    bw: TestApp,
    browser: Browser,
    stranger: Browser,
}

impl Scene {
    async fn on(database: Database) -> Self {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let browser = passport.signed_in("member").await;
        let stranger = passport.browser();
        Self { passport, aw, bw, browser, stranger }
    }

    fn body(&self, change: &[(&str, Value)]) -> Value {
        let mut body = json!({
            "app": "aw", "origin": self.aw.origin(), "state": "st-1",
            "challenge": harness::app::challenge(harness::app::VERIFIER),
        });
        for (name, value) in change {
            body[*name] = value.clone();
        }
        body
    }
}

// SECURITY-CASES X-07: only pages of the app show it, and it says the same to all.
#[actix_web::test]
async fn only_pages_of_the_app_may_show_it() {
    let scene = Scene::on(Database::Sqlite).await;
    let page = scene.browser.clone().get("/frame?app=aw").await;
    let again = scene.stranger.clone().get("/frame?app=aw").await;
    assert_eq!((page.status.as_u16(), &page.body), (200, &again.body));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors http://aw.localhost;"), "{policy}");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!((page.header("x-frame-options"), page.header("set-cookie")), ("", ""));
    assert!(!page.body.contains("aw"), "nothing of the request is in it: {}", page.body);

    let other = scene.browser.clone().get("/login").await;
    let policy = other.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'"), "control: {policy}");
    assert_eq!(other.header("x-frame-options"), "DENY");

    apps::disable(&scene.passport.app, "bw").await.unwrap();
    for nobody in ["bw", "zz", "", "%3Csvg%3E"] {
        let page = scene.browser.clone().get(&format!("/frame?app={nobody}")).await;
        assert_eq!(page.status, 403, "{nobody}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{nobody}: {policy}");
    }
}

// SECURITY-CASES J-05, J-07, J-08, J-09: a ticket for the app, with a challenge, and nothing written.
#[actix_web::test]
async fn it_gets_what_a_page_of_the_app_gets() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let answer = scene.aw.check_by_frame(&scene.browser).await;
        let said = checked(&answer);
        assert_eq!((&said["status"], &said["state"]), (&json!("signed_in"), &json!("st-1")));
        assert_eq!(answer.header("access-control-allow-origin"), "", "it is our own page's");
        assert_eq!(answer.header("cache-control"), "no-store, private");
        let ticket = said["ticket"].as_str().unwrap();
        let elsewhere = scene.aw.redeem_body(json!({ "ticket": ticket }), &[]).await;
        assert_eq!(elsewhere.json()["code"], "invalid_ticket", "no verifier");
        let said = checked(&scene.aw.check_by_frame(&scene.browser).await);
        let redeemed = scene.aw.redeem_in_page(said["ticket"].as_str().unwrap()).await;
        assert_eq!(redeemed.json()["user"]["username"], "member");
        assert_eq!(
            checked(&scene.aw.check_by_frame(&scene.stranger).await),
            json!({ "status": "signed_out" })
        );
        let none = [("sec-fetch-storage-access", "none")];
        let blocked = scene.aw.ask_as_frame(&scene.stranger, &scene.body(&[]), &none).await;
        assert_eq!(checked(&blocked), json!({ "status": "unknown" }));
    })
    .await;
}

// SECURITY-CASES J-06, J-14: nobody but our own page asks, and for nobody but the app around it.
#[actix_web::test]
async fn others_get_the_same_nothing_whoever_sits_there() {
    let scene = Scene::on(Database::Sqlite).await;
    let good = scene.body(&[]);
    let (aw, bw) = (scene.aw.origin(), scene.bw.origin());
    let headers: [&[(&str, &str)]; 8] = [
        &[("origin", &aw)],
        &[("origin", "http://evil.localhost")],
        &[("origin", "null")],
        &[("origin", "-")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-mode", "-")],
    ];
    let bodies = [
        scene.body(&[("origin", bw.as_str().into())]),
        scene.body(&[("origin", "http://evil.localhost".into())]),
        scene.body(&[("origin", "null".into())]),
        scene.body(&[("origin", format!("{aw}/").into())]),
        scene.body(&[("origin", scene.browser.url().into())]),
        scene.body(&[("app", "zz".into())]),
        scene.body(&[("app", "bw".into())]),
    ];
    let rows = headers
        .iter()
        .map(|headers| (&good, *headers))
        .chain(bodies.iter().map(|body| (body, &[] as &[(&str, &str)])));
    for (body, headers) in rows {
        let [inside, outside] = [
            scene.aw.ask_as_frame(&scene.browser, body, headers).await,
            scene.aw.ask_as_frame(&scene.stranger, body, headers).await,
        ];
        assert_eq!(inside.status, 403, "{body} {headers:?}: {}", inside.body);
        assert_eq!((inside.status, &inside.body), (outside.status, &outside.body));
        assert!(!inside.body.contains("ticket\""), "{}", inside.body);
    }
    for bad in [
        scene.body(&[("challenge", "short".into())]),
        scene.body(&[("state", "".into())]),
        scene.body(&[("more", "x".into())]),
        json!([]),
    ] {
        let answer = scene.aw.ask_as_frame(&scene.browser, &bad, &[]).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.body);
    }
    let form = [("content-type", "text/plain")];
    assert_eq!(scene.aw.ask_as_frame(&scene.browser, &good, &form).await.status, 400);
    assert_eq!(scene.aw.ask_as_frame(&scene.browser, &good, &[]).await.status, 200, "control");
}
