//! The one that was used here last is asked for without a page of the provider's; and with one, once,
//! where that does not do (`checkid_immediate`).

use harness::{Answer, Browser, Database, on_both};
use serde_json::json;

use crate::scene::{Scene, filled, go_on, problem};

const REFUSED: &str = "SELECT COUNT(*) FROM audit WHERE kind = 'login.refused'";

/// A browser that has logged in with it, wants it offered, and has no session any more.
async fn known(scene: &Scene, page: &str) -> Browser {
    let mut browser = scene.browser();
    let identifier = scene.provider.at(page);
    let form = browser.get("/login").await.form("/login/openid").with("remember", "on");
    let answer = browser.submit(&form.with("openid_identifier", &identifier)).await;
    let left = go_on(&mut browser, answer).await;
    assert_eq!(left.sent("openid.mode").as_deref(), Some("checkid_setup"), "nothing is known yet");
    assert_eq!(scene.come_back(&mut browser, &left).await.location(), "/account");
    browser.forget_all_cookies_but(&["__Host-passport-openid"]);
    scene.provider.heard().await;
    browser
}

/// Takes the one that is offered.
async fn take(browser: &mut Browser, query: &str) -> Answer {
    let page = browser.get(&format!("/login{query}")).await;
    let offered = filled(&page, "openid_identifier");
    let form = page.form("/login/openid").with("openid_identifier", &offered);
    let answer = browser.submit(&form.with("remember", "on")).await;
    go_on(browser, answer).await
}

/// Away to the provider, in this manner.
fn leaves(scene: &Scene, answer: &Answer, mode: &str) {
    assert!(answer.location().starts_with(&scene.provider.endpoint()), "{}", answer.location());
    assert_eq!(answer.sent("openid.mode").as_deref(), Some(mode));
}

/// What the provider would say without a word from it: unsigned.
fn forged(scene: &Scene, left: &Answer, fields: &[(&str, &str)]) -> String {
    let back = left.sent("openid.return_to").unwrap();
    let path = back.strip_prefix(&scene.passport.url).unwrap();
    format!("{path}&{}", harness::browser::encode(fields.iter().copied()))
}

#[actix_web::test]
async fn the_offered_one_needs_no_page_of_the_providers() {
    on_both(async |database| {
        for page in ["id/alice", "html1/alice"] {
            let scene = Scene::on(database).await;
            scene.register(&mut scene.browser(), &scene.provider.at(page), "alice").await;
            let mut browser = known(&scene, page).await;
            let left = take(&mut browser, "?back=%2Faccount").await;
            leaves(&scene, &left, "checkid_immediate");
            assert_eq!(scene.come_back(&mut browser, &left).await.location(), "/account");
            assert!(browser.is_signed_in().await);
            assert!(!scene.provider.modes().await.contains(&"checkid_setup".to_owned()));

            // Another one than is offered, somebody who must prove anew who they are, and a browser
            // that was signed out, which is offered nothing: with a page.
            browser.forget_all_cookies_but(&["__Host-passport-openid"]);
            let left = scene.leave(&mut browser, "", &scene.provider.at("id/bob")).await;
            leaves(&scene, &left, "checkid_setup");
            leaves(&scene, &take(&mut browser, "?prompt=login").await, "checkid_setup");
            let left = take(&mut browser, "").await;
            scene.come_back(&mut browser, &left).await;
            browser.sign_out().await;
            let left = scene.leave(&mut browser, "", &scene.provider.at(page)).await;
            leaves(&scene, &left, "checkid_setup");
        }
    })
    .await;
}

// OPENID A7: a request of our own follows, from the same browser, and with it everything goes on.
#[actix_web::test]
async fn where_a_page_is_needed_one_follows_at_once() {
    on_both(async |database| {
        for page in ["id/alice", "html1/alice"] {
            let scene = Scene::on(database).await;
            scene.register(&mut scene.browser(), &scene.provider.at(page), "alice").await;
            let mut browser = known(&scene, page).await;
            scene.provider.tell(&[("do", "setup")]).await;
            let first = take(&mut browser, "?back=%2Faccount%2Fidentities").await;
            leaves(&scene, &first, "checkid_immediate");
            let needs = scene.provider.sends_back(first.location()).await;
            assert!(needs.url.contains("setup"), "{}", needs.url);
            let second = scene.bring(&mut browser, &needs).await;
            leaves(&scene, &second, "checkid_setup");
            let t = |left: &Answer| left.sent("openid.return_to").unwrap();
            assert_ne!(t(&first), t(&second), "a login of its own");
            // The first one is over, whatever comes with its name.
            assert_eq!(problem(&scene.bring(&mut browser, &needs).await), "openid-void");
            scene.provider.tell(&[("do", "approve")]).await;
            assert_eq!(problem(&scene.come_back(&mut browser, &first).await), "openid-void");
            // The second one is of this browser, and counts once.
            let sent = scene.provider.sends_back(second.location()).await;
            assert_eq!(problem(&scene.bring(&mut scene.browser(), &sent).await), "openid-void");
            let answer = scene.bring(&mut browser, &sent).await;
            assert_eq!(answer.location(), "/account/identities", "where they were going");
            assert!(browser.is_signed_in().await);
            assert_eq!(problem(&scene.bring(&mut browser, &sent).await), "openid-void");
            assert_eq!(scene.passport.count(REFUSED).await, 0);
        }
    })
    .await;
}

#[actix_web::test]
async fn no_means_no_once_there_was_a_page() {
    let scene = Scene::on(Database::Sqlite).await;
    scene.register(&mut scene.browser(), &scene.provider.at("id/alice"), "alice").await;
    let mut browser = known(&scene, "id/alice").await;
    for (does, word) in [("cancel", "openid-cancelled"), ("error", "openid-provider")] {
        scene.provider.tell(&[("do", does)]).await;
        let first = take(&mut browser, "").await;
        leaves(&scene, &first, "checkid_immediate");
        let second = scene.come_back(&mut browser, &first).await;
        leaves(&scene, &second, "checkid_setup");
        assert_eq!(problem(&scene.come_back(&mut browser, &second).await), word, "{does}");
    }
    // A provider that never has enough is left: there is no third time.
    let first = take(&mut browser, "").await;
    let needs =
        [("openid.ns", "http://specs.openid.net/auth/2.0"), ("openid.mode", "setup_needed")];
    let second = browser.get(&forged(&scene, &first, &needs)).await;
    leaves(&scene, &second, "checkid_setup");
    let end = browser.get(&forged(&scene, &second, &needs)).await;
    assert_eq!(problem(&end), "openid-provider");
    assert!(!browser.is_signed_in().await);
}

// SECURITY-CASES O-01, O-03, O-09, U-01: an answer without a page is believed no more easily.
#[actix_web::test]
async fn answers_without_a_page_that_lie() {
    let scene = Scene::on(Database::Sqlite).await;
    scene.register(&mut scene.browser(), &scene.provider.at("id/alice"), "alice").await;
    scene.register(&mut scene.browser(), &scene.provider.at("id/bob"), "bob").await;
    let mut browser = known(&scene, "id/alice").await;
    let bob = scene.provider.at("id/bob");
    let other = harness::Provider::start();
    let theirs = other.at("id/bob");
    for (knob, value) in [
        // (This provider's own bob it may name: it speaks for both. Another one's it may not.)
        ("presign", json!({ "claimed_id": theirs, "identity": theirs })),
        ("postsign", json!({ "claimed_id": bob, "identity": bob })),
        ("presign", json!({ "return_to": "http://evil.example/complete/openid" })),
        ("postsign", json!({ "sig": "AAAA" })),
        ("postsign", json!({ "response_nonce": null })),
        ("unsign", json!(["return_to"])),
        ("presign", json!({ "response_nonce": "2001-01-01T00:00:00Zold" })),
    ] {
        scene.provider.tell(&[("reset", "1")]).await;
        scene.provider.tell(&[(knob, &value.to_string())]).await;
        let left = take(&mut browser, "").await;
        leaves(&scene, &left, "checkid_immediate");
        // Refused, and nobody is sent on: who lies without a page lies with one.
        let answer = scene.come_back(&mut browser, &left).await;
        assert_eq!(problem(&answer), "openid-refused", "{knob} {value}");
    }
    scene.provider.tell(&[("reset", "1")]).await;
    assert!(!browser.is_signed_in().await);

    // That a page is needed is said to its own browser only, and a URL that comes along is not led to.
    let ns = ("openid.ns", "http://specs.openid.net/auth/2.0");
    let url = ("openid.user_setup_url", "http://evil.example/");
    let left = take(&mut browser, "").await;
    let needs = forged(&scene, &left, &[ns, ("openid.mode", "setup_needed"), url]);
    assert_eq!(problem(&scene.browser().get(&needs).await), "openid-void");
    leaves(&scene, &browser.get(&needs).await, "checkid_setup");
    // In version 2 that URL means nothing.
    let left = take(&mut browser, "").await;
    let answer = browser.get(&forged(&scene, &left, &[ns, ("openid.mode", "id_res"), url])).await;
    assert_eq!(problem(&answer), "openid-refused");
    // In version 1 it means that a page is needed, and not which.
    scene.register(&mut scene.browser(), &scene.provider.at("html1/alice"), "alice1").await;
    let mut browser = known(&scene, "html1/alice").await;
    let left = take(&mut browser, "").await;
    let answer = browser.get(&forged(&scene, &left, &[("openid.mode", "id_res"), url])).await;
    leaves(&scene, &answer, "checkid_setup");
}
