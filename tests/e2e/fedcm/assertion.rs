//! A ticket for the page of an app, through the browser.

use harness::{DAY, Database, MINUTE, PASSWORD, on_both};
use serde_json::json;
use sso_server::flows::{apps, users};

use crate::scene::{Scene, assert_open_to, assert_sealed, refusal};

// SECURITY-CASES J-05, J-07, J-08: an in-page ticket, for this app and this verifier alone.
#[actix_web::test]
async fn the_app_gets_a_ticket_and_no_name() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let token = async || {
            let answer = scene.aw.assertion(&scene.browser, &scene.member).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_sealed(&answer);
            assert_open_to(&answer, &scene.aw.origin());
            let body = answer.json();
            assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
            assert!(!answer.body.contains("member"), "{}", answer.body);
            body["token"].as_str().unwrap().to_owned()
        };
        let thief = scene.bw.redeem_in_page(&token().await).await;
        assert_eq!(thief.json()["code"], "invalid_ticket", "of another app");
        let redirect = scene.aw.redeem(&token().await).await;
        assert_eq!(redirect.json()["code"], "invalid_ticket", "as one of a redirect");
        let other = "x".repeat(43);
        let body = json!({ "ticket": token().await, "verifier": other });
        let other = scene.aw.redeem_body(body, &[]).await;
        assert_eq!(other.json()["code"], "invalid_ticket", "another verifier");
        let without = scene.aw.redeem_body(json!({ "ticket": token().await }), &[]).await;
        assert_ne!(without.status, 200, "no verifier");

        let ticket = token().await;
        let entered = scene.aw.redeem_in_page(&ticket).await;
        assert_eq!(entered.json()["user"]["username"], "member");
        assert_eq!(entered.json()["user"]["id"], scene.member.as_str(), "the account's id");
        let again = scene.aw.redeem_in_page(&ticket).await;
        assert_eq!(again.json()["code"], "invalid_ticket", "once");
    })
    .await;
}

// Whoever is not, or is not any more, the person of the dialog.
#[actix_web::test]
async fn only_the_person_of_the_dialog_enters() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let other = scene.passport.add_user("other").await;
        let denied = async |browser: &harness::Browser, account: &str| {
            let answer = scene.aw.assertion(browser, account).await;
            assert_eq!((answer.status.as_u16(), &*refusal(&answer)), (403, "access_denied"));
            assert_open_to(&answer, &scene.aw.origin());
            assert_sealed(&answer);
        };
        for account in [&*other, "", "member", &scene.member.to_uppercase()] {
            denied(&scene.browser, account).await;
        }
        denied(&scene.stranger, &scene.member).await;
        assert_eq!(scene.aw.assertion(&scene.browser, &scene.member).await.status, 200, "control");

        // Another has signed in here since the dialog was drawn.
        let before = scene.browser.clone();
        let form = scene.browser.login_form("?back=%2Fadmin", "other", PASSWORD).await;
        scene.browser.submit(&form).await;
        let denied = async |browser: &harness::Browser, account: &str| {
            let answer = scene.aw.assertion(browser, account).await;
            assert_eq!((answer.status.as_u16(), &*refusal(&answer)), (403, "access_denied"));
        };
        denied(&scene.browser, &scene.member).await;
        denied(&before, &scene.member).await;
        assert_eq!(scene.aw.assertion(&scene.browser, &other).await.status, 200, "control");
        users::disable(&scene.passport.app, "other", false).await.unwrap();
        denied(&scene.browser, &other).await;

        let member = scene.passport.signed_in("member").await;
        scene.passport.advance(14 * DAY);
        denied(&member, &scene.member).await;
    })
    .await;
}

// SECURITY-CASES INV-05: said to its own pages, which are told in FedCM's words.
#[actix_web::test]
async fn an_app_that_is_shut_off_lets_nobody_in() {
    let scene = Scene::start().await;
    apps::disable(&scene.passport.app, "aw").await.unwrap();
    let inside = scene.aw.assertion(&scene.browser, &scene.member).await;
    let outside = scene.aw.assertion(&scene.stranger, &scene.member).await;
    for answer in [inside, outside] {
        assert_eq!((answer.status.as_u16(), &*refusal(&answer)), (403, "unauthorized_client"));
        assert_open_to(&answer, &scene.aw.origin());
    }
    assert_eq!(scene.bw.assertion(&scene.browser, &scene.member).await.status, 200, "control");
    apps::enable(&scene.passport.app, "aw").await.unwrap();
    assert_eq!(scene.aw.assertion(&scene.browser, &scene.member).await.status, 200, "control");
}

// A ticket without a challenge would be anybody's who steals it.
#[actix_web::test]
async fn without_a_challenge_there_is_no_ticket() {
    let scene = Scene::start().await;
    let good = scene.aw.assertion_fields(&scene.member);
    let with = |params: Option<&str>| {
        let mut fields = good.clone();
        fields.retain(|(name, _)| *name != "params");
        fields.extend(params.map(|params| ("params", params.to_owned())));
        fields
    };
    let challenge = harness::app::challenge(harness::app::VERIFIER);
    for params in [None, Some(""), Some("{}"), Some(&*challenge), Some("{\"challenge\":\"x\"}")] {
        for browser in [&scene.browser, &scene.stranger] {
            let answer = scene.aw.assertion_with(browser, &with(params)).await;
            assert_eq!((answer.status.as_u16(), &*refusal(&answer)), (400, "invalid_request"));
            assert_open_to(&answer, &scene.aw.origin());
        }
    }
    // As older browsers sent it: not read.
    let mut nonce = with(None);
    nonce.push(("nonce", challenge.clone()));
    assert_eq!(scene.aw.assertion_with(&scene.browser, &nonce).await.status, 400);
    let short = with(Some(&json!({ "challenge": challenge }).to_string()));
    assert_eq!(scene.aw.assertion_with(&scene.browser, &short).await.status, 200, "control");
    // Each field once.
    for again in ["client_id", "account_id", "params"] {
        let mut twice = good.clone();
        twice.push(good.iter().find(|(name, _)| *name == again).unwrap().clone());
        let answer = scene.aw.assertion_with(&scene.browser, &twice).await;
        assert_eq!(
            (answer.status.as_u16(), &*refusal(&answer)),
            (400, "invalid_request"),
            "{again}"
        );
        let mut without = good.clone();
        without.retain(|(name, _)| *name != again);
        assert_eq!(scene.aw.assertion_with(&scene.browser, &without).await.status, 400, "{again}");
    }
}

// SECURITY-CASES J-13: counted with the questions of the app's pages.
#[actix_web::test]
async fn too_many_are_told_to_wait() {
    let scene = Scene::with(Database::Sqlite, |config| {
        config.throttle.page_checks_per_minute = 3;
    })
    .await;
    for _ in 0..2 {
        assert_eq!(scene.aw.assertion(&scene.browser, &scene.member).await.status, 200);
    }
    assert_eq!(scene.aw.check(&scene.browser).await.status, 200);
    let answer = scene.aw.assertion(&scene.browser, &scene.member).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "61"));
    assert_eq!(refusal(&answer), "temporarily_unavailable");
    assert_open_to(&answer, &scene.aw.origin());
    assert_eq!(scene.bw.assertion(&scene.browser, &scene.member).await.status, 200, "another app");
    scene.passport.advance(MINUTE);
    assert_eq!(scene.aw.assertion(&scene.browser, &scene.member).await.status, 200);
}
