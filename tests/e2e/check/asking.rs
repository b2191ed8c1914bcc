//! A page of a registered app asks, and hears one of three.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use harness::{HOUR, app::checked, on_both};
use serde_json::{Value, json};
use sso_server::flows::users;

use crate::scene::{Scene, ask, status, ticket};

// SECURITY-CASES J-05, J-07: a ticket or nothing, never a name; and the ticket needs app and verifier.
#[actix_web::test]
async fn whoever_is_signed_in_gets_a_ticket_and_no_name() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let by_fetch = scene.aw.check(&scene.browser).await;
        let by_script = scene.aw.check_by_script(&scene.browser, "passport.done").await;
        for answer in [by_fetch, by_script] {
            let said = checked(&answer);
            let mut names: Vec<&String> = said.as_object().unwrap().keys().collect();
            names.sort();
            assert_eq!(names, ["state", "status", "ticket"], "{said}");
            assert_eq!((&said["status"], &said["state"]), (&json!("signed_in"), &json!("st-1")));
            assert!(!answer.body.contains("member"), "{}", answer.body);

            let ticket = ticket(&answer);
            let thief = scene.bw.redeem_in_page(&ticket).await;
            assert_eq!(thief.json()["code"], "invalid_ticket", "and it is burned");
        }
        let ticket = ticket(&scene.aw.check(&scene.browser).await);
        let entered = scene.aw.redeem_in_page(&ticket).await;
        assert_eq!(entered.json()["user"]["username"], "member");
        let again = scene.aw.redeem_in_page(&ticket).await;
        assert_eq!(again.json()["code"], "invalid_ticket");
    })
    .await;
}

// SECURITY-CASES J-08, and T-09 for tickets of pages: the verifier always.
#[actix_web::test]
async fn a_ticket_of_a_page_is_none_of_a_redirect_nor_the_reverse() {
    let mut scene = Scene::start().await;
    let aw = scene.aw.clone();
    let verifier = harness::app::VERIFIER;
    for body in [
        json!({ "return_to": aw.return_to, "verifier": verifier }),
        json!({ "return_to": "", "verifier": verifier }),
        json!({}),
        json!({ "verifier": "another" }),
        json!({ "verifier": harness::app::challenge(verifier) }),
    ] {
        let mut body = body;
        body["ticket"] = ticket(&aw.check(&scene.browser).await).into();
        assert_eq!(aw.redeem_body(body, &[]).await.json()["code"], "invalid_ticket");
    }
    let challenge = harness::app::challenge(verifier);
    let sent = aw.send_with(&mut scene.browser, &[("challenge", &challenge)]).await.ticket();
    assert_eq!(aw.redeem_in_page(&sent).await.json()["code"], "invalid_ticket");
    assert_eq!(scene.passport.count("SELECT COUNT(*) FROM app_sessions").await, 0);

    let ticket = ticket(&aw.check(&scene.browser).await);
    assert_eq!(aw.redeem_in_page(&ticket).await.status, 200, "control");
}

// SECURITY-CASES J-12: what the browser says of its cookies decides between "out" and "who knows".
#[actix_web::test]
async fn surely_out_is_said_only_where_the_cookie_could_have_come() {
    let mut scene = Scene::start().await;
    let origin = scene.aw.origin();
    let path = scene.aw.check_path(&[]);
    let retry = format!("retry; allowed-origin=\"{origin}\"");
    let mut left = scene.browser.clone();
    let ended = left.clone();
    left.sign_out().await;
    for (storage, nobody, void) in [
        (Some("active"), "signed_out", "signed_out"),
        (Some("inactive"), "unknown", "unknown"),
        (Some("none"), "unknown", "unknown"),
        (Some("sometimes"), "unknown", "signed_out"),
        (None, "unknown", "signed_out"),
    ] {
        let mut headers = vec![("origin", origin.as_str())];
        headers.extend(storage.map(|storage| ("sec-fetch-storage-access", storage)));
        let cases = [(&scene.stranger, nobody), (&left, nobody), (&ended, void)];
        for (browser, expected) in cases {
            let answer = ask(browser, &path, &headers).await;
            assert_eq!(answer.json(), json!({ "status": expected }), "{storage:?}");
            let asked_again = answer.header("activate-storage-access");
            assert_eq!(asked_again == retry, storage == Some("inactive"), "{asked_again}");
        }
    }
    scene.browser.sign_in("member").await;
    assert_eq!(status(&scene.aw.check(&scene.browser).await), "signed_in", "control");
}

// SECURITY-CASES S-06, S-10, INV-07: the twin ends with its session, at every node.
#[actix_web::test]
async fn whatever_ends_the_session_ends_the_twin() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let other = scene.passport.second_node().await;
        let there = scene.aw.at(&other);
        let app = &scene.passport.app;
        for (what, name) in [("logged out", "one"), ("disabled", "two"), ("over", "three")] {
            scene.passport.add_user(name).await;
            let here = scene.passport.signed_in(name).await;
            let elsewhere = here.clone().at(&other);
            for (aw, browser) in [(&scene.aw, &here), (&there, &elsewhere)] {
                assert_eq!(status(&aw.check(browser).await), "signed_in", "{what}: control");
            }
            match what {
                "logged out" => drop(users::logout(app, name).await.unwrap()),
                "disabled" => drop(users::disable(app, name, false).await.unwrap()),
                _ => scene.passport.advance(31 * 24 * HOUR),
            }
            for (aw, browser) in [(&scene.aw, &here), (&there, &elsewhere)] {
                let answer = aw.check(browser).await;
                assert_eq!(answer.json(), json!({ "status": "signed_out" }), "{what}");
            }
        }
    })
    .await;
}

// SECURITY-CASES J-02, J-03, J-10, X-08.
#[actix_web::test]
async fn both_shapes_have_the_headers_that_keep_them_to_one_page() {
    let scene = Scene::start().await;
    for browser in [&scene.browser, &scene.stranger] {
        let by_fetch = scene.aw.check(browser).await;
        let by_script = scene.aw.check_by_script(browser, "a.b").await;
        let start = "/**/typeof a.b==='function'&&a.b({\"status\":";
        assert!(by_script.body.starts_with(start), "{}", by_script.body);
        assert!(by_script.body.ends_with("});"), "{}", by_script.body);
        for (answer, script) in [(by_fetch, false), (by_script, true)] {
            let only = |text| if script { text } else { "" };
            let resource = if script { "cross-origin" } else { "same-origin" };
            let kind = if script { "text/javascript; charset=utf-8" } else { "application/json" };
            for (name, value) in [
                ("content-type", kind),
                ("content-disposition", only("attachment; filename=\"f.txt\"")),
                ("p3p", only("CP=\"NOI CURa OUR STP UNI\"")),
                ("cross-origin-resource-policy", resource),
                ("x-content-type-options", "nosniff"),
                ("cache-control", "no-store, private"),
                ("referrer-policy", "no-referrer"),
                ("access-control-allow-origin", &*scene.aw.origin()),
                ("access-control-allow-credentials", "true"),
                ("set-cookie", ""),
                ("etag", ""),
                ("last-modified", ""),
            ] {
                assert_eq!(answer.header(name), value, "{name}, script: {script}");
            }
            for name in ["Cookie", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Storage-Access"] {
                assert!(answer.header("vary").contains(name), "{name}");
            }
        }
    }
}

// SECURITY-CASES J-01, T-31, X-03: whatever is not as it should be is refused in words, before anybody
// is looked up.
#[actix_web::test]
async fn a_malformed_question_is_refused_in_plain_text() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let good = scene.aw.check_path(&[]);
    let long = "x".repeat(513);
    let rows = [
        ("callback", "&callback="),
        ("callback", "&callback=alert(1)%2F%2F"),
        ("callback", "&callback=a%0ab"),
        ("callback", "&callback=%3Csvg%2Fonload%3Dalert(1)%3E"),
        ("callback", "&callback=constructor.constructor"),
        ("callback", "&callback=%E2%80%A8"),
        ("each once", "&callback=a&callback=b"),
        ("each once", "&app=aw"),
        ("each once", "&state=b"),
        ("each once", "&callback=%ff"),
    ];
    for browser in [&scene.browser, &scene.stranger] {
        for (why, more) in rows {
            let answer = ask(browser, &format!("{good}{more}"), &[("origin", &origin)]).await;
            assert_refused(&answer, why, more);
        }
        for (why, path) in [
            ("state: ", good.replace("st-1", "")),
            ("state: ", good.replace("st-1", "a%20b")),
            ("state: ", good.replace("st-1", &long)),
            ("challenge: ", good.replace("challenge=", "challenge=x")),
            ("required", good.replace("challenge=", "chalk=")),
            ("required", good.replace("state=", "stage=")),
            ("required", good.replace("app=", "apple=")),
        ] {
            assert_refused(&ask(browser, &path, &[("origin", &origin)]).await, why, &path);
        }
    }
    assert_eq!(status(&ask(&scene.browser, &good, &[("origin", &origin)]).await), "signed_in");
}

fn assert_refused(answer: &harness::Answer, why: &str, row: &str) {
    assert_eq!(answer.status, 400, "{row}: {}", answer.body);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{row}");
    assert!(
        answer.body.starts_with("400: ") && answer.body.contains(why),
        "{row}: {}",
        answer.body
    );
    for sent in ["alert", "svg", "constructor"] {
        assert!(!answer.body.contains(sent), "{row}: {}", answer.body);
    }
}

// SECURITY-CASES J-04, X-01: the only text of the page's own in an answer is its state.
#[actix_web::test]
async fn a_state_comes_back_as_it_was_in_both_shapes() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let state = r#"</script><!--]]>'"\&<svg/onload=alert(1)>"#;
    let sent = harness::browser::encode([("", state)]);
    let path = scene.aw.check_path(&[]).replace("st-1", &sent[1..]);
    for more in ["", "&callback=cb"] {
        let answer = ask(&scene.browser, &format!("{path}{more}"), &[("origin", &origin)]).await;
        assert_eq!(checked(&answer)["state"], Value::from(state));
        if !more.is_empty() {
            assert!(!answer.body.contains(['<', '>']), "{}", answer.body);
        }
    }
}

// SECURITY-CASES S-14, J-10: of many who ask together each hears of themselves.
#[actix_web::test]
async fn of_many_who_ask_at_once_each_hears_of_themselves() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let mut people = Vec::new();
        for name in ["ann", "ben", "cleo", "dora", "emil", "fay"] {
            let id = scene.passport.add_user(name).await;
            people.push((id, scene.passport.signed_in(name).await));
        }
        let asked = (0..120).map(|n| {
            let (aw, (id, browser)) = (&scene.aw, &people[n % people.len()]);
            async move {
                let answer = match n % 2 {
                    0 => aw.check(browser).await,
                    _ => aw.check_by_script(browser, "cb").await,
                };
                (id, ticket(&answer))
            }
        });
        for (id, ticket) in join_all(asked).await {
            let claims = URL_SAFE_NO_PAD.decode(ticket.split('.').nth(1).unwrap()).unwrap();
            let claims: Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!((&claims["sub"], &claims["aud"]), (&json!(id), &json!("aw")));
        }
    })
    .await;
}
