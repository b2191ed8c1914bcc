//! Every page by which the provider can be found, both versions, with a shared key and without, every
//! manner of answering.

use harness::{Browser, on_both};

use crate::scene::{Scene, filled, problem, registration};

/// The pages of `op.py`, and whether the person behind them is the page itself or the one that it
/// redirects to.
const PAGES: [(&str, &str); 17] = [
    ("id/alice", "id/alice"),
    ("accept/alice", "accept/alice"),
    ("hdr/alice", "hdr/alice"),
    ("meta/alice", "meta/alice"),
    ("html2/alice", "html2/alice"),
    ("html1/alice", "html1/alice"),
    ("htmlboth/alice", "htmlboth/alice"),
    ("dele2/alice", "dele2/alice"),
    ("dele1/alice", "dele1/alice"),
    ("xdele/alice", "xdele/alice"),
    ("xrds1/alice", "xrds1/alice"),
    ("xrds10/alice", "xrds10/alice"),
    ("xsrv1/alice", "xsrv1/alice"),
    ("prio/alice", "prio/alice"),
    ("qs/alice", "qs/alice"),
    ("redir/alice", "id/alice"),
    ("redir3/alice", "id/alice"),
];

/// Who was proven, as the registration form shows it.
async fn proven(browser: &mut Browser, answer: &harness::Answer) -> String {
    registration(browser, answer).await;
    let page = browser.get(answer.location()).await;
    let html = scraper::Html::parse_document(&page.body);
    let shown = scraper::Selector::parse("dd bdi").unwrap();
    html.select(&shown).next().unwrap().text().collect()
}

#[actix_web::test]
async fn every_page_leads_to_its_person() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        for (page, person) in PAGES {
            let mut browser = scene.browser();
            let answer = scene.log_in(&mut browser, "", &scene.provider.at(page)).await;
            assert_eq!(proven(&mut browser, &answer).await, scene.provider.at(person), "{page}");
        }
        // None of these logins has waited for a key: each answer was asked about.
        let modes = scene.provider.modes().await;
        let asked = modes.iter().filter(|mode| *mode == "check_authentication").count();
        assert!(asked >= 1, "{modes:?}");
        // A provider's own address: who it is turns out there.
        for own in [scene.provider.base.clone(), scene.provider.at("mixed/alice")] {
            let mut browser = scene.browser();
            let answer = scene.log_in(&mut browser, "", &own).await;
            assert_eq!(proven(&mut browser, &answer).await, scene.provider.at("id/alice"));
        }
    })
    .await;
}

// Delegation (SECURITY-CASES O-18): the account is the page's, not the provider's name for it.
#[actix_web::test]
async fn a_delegating_page_is_its_own_person() {
    let scene = Scene::on(harness::Database::Sqlite).await;
    let mut browser = scene.browser();
    let entered = scene.register(&mut browser, &scene.provider.at("id/alice"), "alice").await;
    assert_eq!(entered.location(), "/account");
    for page in ["dele2/alice", "dele1/alice", "xdele/alice", "html1/alice"] {
        let mut stranger = scene.browser();
        let answer = scene.log_in(&mut stranger, "", &scene.provider.at(page)).await;
        assert_eq!(proven(&mut stranger, &answer).await, scene.provider.at(page));
    }
}

#[actix_web::test]
async fn what_the_provider_says_fills_the_form_in() {
    let scene = Scene::on(harness::Database::Sqlite).await;
    for (sreg, ax) in [("1", "1"), ("1", "0"), ("0", "1"), ("0", "0")] {
        scene.provider.tell(&[("sreg", sreg), ("ax", ax), ("user", "bob")]).await;
        let mut browser = scene.browser();
        let answer = scene.log_in(&mut browser, "", &scene.provider.base).await;
        let page = browser.get(answer.location()).await;
        let found = ["username", "nickname", "email"].map(|field| filled(&page, field));
        let expected = match (sreg, ax) {
            ("0", "0") => ["", "", ""],
            _ => ["böb", "Böb Ünïcode 日本", "bob@example.org"],
        };
        assert_eq!(found, expected, "sreg {sreg}, ax {ax}");
    }
}

// SECURITY-CASES O-17: a long answer comes by a form, from another site, without our cookies.
#[actix_web::test]
async fn an_answer_may_come_by_a_form() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        scene.provider.tell(&[("form", "1")]).await;
        let mut browser = scene.browser();
        let answer = scene.log_in(&mut browser, "", &scene.provider.at("id/bob")).await;
        assert_eq!(proven(&mut browser, &answer).await, scene.provider.at("id/bob"));
        // Not in another browser.
        let left = scene.leave(&mut browser, "", &scene.provider.at("id/bob")).await;
        let answer = scene.come_back(&mut scene.browser(), &left).await;
        assert_eq!(problem(&answer), "openid-void");
        // And it is still there for the right one.
        let answer = scene.come_back(&mut browser, &left).await;
        assert!(answer.location().starts_with("/register/openid"), "{}", answer.location());
    })
    .await;
}

// SECURITY-CASES O-09
#[actix_web::test]
async fn a_no_is_a_no() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        for page in ["id/alice", "html1/alice"] {
            for (does, word) in [("cancel", "openid-cancelled"), ("error", "openid-provider")] {
                scene.provider.tell(&[("do", does)]).await;
                let mut browser = scene.browser();
                let left = scene.leave(&mut browser, "", &scene.provider.at(page)).await;
                let sent = scene.provider.sends_back(left.location()).await;
                let answer = scene.bring(&mut browser, &sent).await;
                assert_eq!(problem(&answer), word, "{page} {does}");
                let shown = browser.get(answer.location()).await;
                assert!(!shown.body.contains("error asked for"), "not the provider's words");
                // The login is over with it, whatever comes later.
                let again = scene.bring(&mut browser, &sent).await;
                assert_eq!(problem(&again), "openid-void");
            }
        }
        scene.provider.reset().await;
        scene.nothing_changed().await;
    })
    .await;
}

// The default speaks 2.0 over TLS, and nothing else: whatever is more is the operator's choice.
#[actix_web::test]
async fn what_is_not_allowed_is_not_spoken() {
    let strict = Scene::with(harness::Database::Sqlite, |config| {
        config.openid.version_1 = false;
        config.openid.sha1 = false;
    })
    .await;
    let mut browser = strict.browser();
    for page in ["html1/alice", "dele1/alice", "xrds1/alice", "xrds10/alice", "xsrv1/alice"] {
        let answer = strict.leave(&mut browser, "", &strict.provider.at(page)).await;
        assert_eq!(problem(&answer), "openid-not-found", "{page}");
    }
    let answer = strict.log_in(&mut browser, "", &strict.provider.at("id/alice")).await;
    assert!(answer.location().starts_with("/register/openid"));

    let tls = Scene::with(harness::Database::Sqlite, |config| config.openid.plain_http.clear());
    let tls = tls.await;
    let answer = tls.leave(&mut tls.browser(), "", &tls.provider.at("id/alice")).await;
    assert_eq!(problem(&answer), "openid-not-found");
    assert!(tls.provider.heard().await.is_empty(), "nothing was asked without TLS");

    let off = Scene::with(harness::Database::Sqlite, |config| config.openid.enabled = false).await;
    let page = off.browser().get("/login").await;
    assert!(page.forms("/login/openid").is_empty());
}

// SECURITY-CASES O-20, section 13.
#[actix_web::test]
async fn providers_can_see_that_the_page_is_ours() {
    let scene = Scene::on(harness::Database::Sqlite).await;
    let mut provider = scene.browser();
    let document = provider.get_with("/", &[("accept", "application/xrds+xml")]).await;
    assert_eq!(
        (document.status.as_u16(), document.header("content-type")),
        (200, "application/xrds+xml")
    );
    assert!(document.body.contains("http://specs.openid.net/auth/2.0/return_to"));
    let page = format!("<URI>{}/complete/openid</URI>", scene.passport.url);
    assert!(document.body.contains(&page), "{}", document.body);
    assert_eq!(provider.get("/").await.location(), "/account", "for people");
}

// OPENID A15: the operator may name the only providers.
#[actix_web::test]
async fn only_providers_that_are_named_if_any_are() {
    let provider = harness::Provider::start();
    let endpoint = provider.endpoint();
    let scene =
        Scene::with(harness::Database::Sqlite, |config| config.openid.providers = vec![endpoint])
            .await;
    // The scene's own provider is not the one that is named.
    for page in ["id/alice", "html2/alice", ""] {
        let answer = scene.leave(&mut scene.browser(), "", &scene.provider.at(page)).await;
        assert_eq!(problem(&answer), "openid-not-found", "{page}");
        let answer = scene.leave(&mut scene.browser(), "", &provider.at(page)).await;
        assert!(answer.location().starts_with(&provider.endpoint()), "{}", answer.location());
    }
    assert!(!scene.provider.modes().await.iter().any(|mode| mode.starts_with("checkid")));
    // The same path with more behind it is another endpoint.
    let answer = scene.leave(&mut scene.browser(), "", &provider.at("qs/alice")).await;
    assert_eq!(problem(&answer), "openid-not-found");
}
