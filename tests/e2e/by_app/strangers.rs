//! Somebody lays a link of their own before another person's browser (login CSRF), or a stranger's
//! page tries its luck with a stolen one.

use harness::{Answer, Browser, PASSWORD, TestApp, on_both};
use reqwest::Method;

use crate::establish::{SESSION, Scene, name_of};

async fn post(browser: &mut Browser, path: &str, headers: &[(&str, &str)]) -> Answer {
    browser.request(Method::POST, path, None, headers).await
}

/// The question that a form of a page leads to.
async fn asked(browser: &mut Browser, path: &str, headers: &[(&str, &str)]) -> Answer {
    let led = post(browser, path, headers).await;
    assert!(led.location().starts_with("/establish?"), "{} {}", led.status, led.location());
    browser.get(led.location()).await
}

fn by_script(origin: &str) -> [(&str, &str); 5] {
    [
        ("origin", origin),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-storage-access", "active"),
    ]
}

fn by_form(origin: &str) -> [(&str, &str); 5] {
    [
        ("origin", origin),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("content-type", "application/x-www-form-urlencoded"),
    ]
}

// SECURITY-CASES L-17, L-19, J-07: a page of nobody's, and one of another app.
#[actix_web::test]
async fn a_page_that_is_not_the_apps_sets_nothing() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let bw = scene.passport.add_app_with("bw", |app| app.may_login = true).await;
        // The attacker's own.
        let path = scene.path("other").await;
        let mut victim = scene.passport.browser();
        for origin in ["https://evil.example", "null", &bw.origin()] {
            let refused = post(&mut victim, &path, &by_script(origin)).await;
            assert_eq!(refused.status, 403, "{origin}");
            assert_eq!(refused.header("access-control-allow-origin"), "", "{origin}");
            // By a form: our page, and the name on it.
            let page = asked(&mut victim, &path, &by_form(origin)).await;
            assert!(page.text().contains("Continue as other?"), "{origin}: {}", page.text());
        }
        // bw's page with aw's link under bw's name.
        let crooked = path.replace("app=aw", "app=bw");
        assert_eq!(post(&mut victim, &crooked, &by_script(&bw.origin())).await.status, 404);
        assert_eq!(post(&mut victim, &crooked, &by_form(&bw.origin())).await.location(), "/login");
        // Without what a browser says of itself, or with half of it.
        let origin = scene.aw.origin();
        for headers in [
            &[("origin", origin.as_str()), ("content-type", "application/x-www-form-urlencoded")][..],
            &by_form(&origin)[1..],
        ] {
            let page = asked(&mut victim, &path, headers).await;
            assert!(page.text().contains("Continue as other?"), "{headers:?}: {}", page.text());
        }
        assert!(!victim.cookies.contains_key(SESSION));
        assert!(name_of(&mut victim).await.is_none());
        // Control: the link was good all the while.
        let entered = post(&mut victim, &path, &by_form(&origin)).await;
        assert_eq!(entered.location(), "/account");
        assert_eq!(name_of(&mut victim).await.as_deref(), Some("other"));
    })
    .await;
}

// SECURITY-CASES S-12, L-19: who is signed in becomes nobody else unnoticed, not even by a page of the
// app; and what was there ends when they agree.
#[actix_web::test]
async fn somebody_else_who_is_signed_in_is_asked() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let bw = scene.passport.add_app("bw").await;
        let mut victim = scene.passport.signed_in("member").await;
        let entered = bw.enter(&mut victim).await;
        let path = scene.path("other").await;
        let origin = scene.aw.origin();
        let mut there = victim.on_another_site();
        let said = post(&mut there, &path, &by_script(&origin)).await;
        assert_eq!(said.json()["status"], "visit");
        let led = post(&mut there, &path, &by_form(&origin)).await;
        assert!(led.location().starts_with("/establish?"));
        let page = victim.get(led.location()).await;
        assert!(page.text().contains("Until now, member has been signed in"), "{}", page.text());
        assert_eq!(name_of(&mut victim).await.as_deref(), Some("member"));
        assert_eq!(bw.status(&entered.app_session).await.json()["state"], "active");

        assert_eq!(victim.submit(&page.form("/establish")).await.location(), "/account");
        assert_eq!(name_of(&mut victim).await.as_deref(), Some("other"));
        assert_eq!(bw.status(&entered.app_session).await.json()["state"], "ended");
    })
    .await;
}

// The same person once more in the same browser: one session is left, without a question.
#[actix_web::test]
async fn the_same_person_again_is_not_asked() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let browser = scene.passport.signed_in("member").await;
        let path = scene.path("member").await;
        let mut there = browser.on_another_site();
        let said = scene.aw.establish_in_page(&mut there, &path).await;
        assert_eq!(said.json()["status"], "established");
        let live = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";
        assert_eq!(scene.passport.count(live).await, 1);
        assert_eq!(scene.aw.check(&there).await.json()["status"], "signed_in");
    })
    .await;
}

// SECURITY-CASES T-08: other secrets are no links, and a link is nothing else.
#[actix_web::test]
async fn a_link_is_good_for_nothing_else() {
    let scene = Scene::on(harness::Database::Sqlite).await;
    let answer = scene.aw.log_in("member", PASSWORD).await;
    let path = TestApp::establish_path(&answer);
    let link = path.split("link=").nth(1).unwrap().to_owned();
    let mut browser = scene.passport.browser();
    for cookie in [SESSION, "__Host-passport-new", "__Host-passport-x"] {
        let mut thief = scene.passport.browser();
        thief.cookies.insert(cookie.to_owned(), link.clone());
        assert!(name_of(&mut thief).await.is_none(), "{cookie}");
        assert_eq!(crate::establish::visit(&mut thief, "/login").await.status, 200, "{cookie}");
    }
    assert_eq!(browser.get(&format!("/setup?token={link}")).await.location(), "/setup");
    assert_eq!(browser.get("/setup").await.status, 410);
    assert_eq!(scene.aw.redeem_in_page(&link).await.json()["code"], "invalid_ticket");
    for other in ["", "x", &scene.aw.secret, &"A".repeat(43)] {
        let path = format!("/establish?app=aw&link={other}");
        assert_eq!(browser.get(&path).await.location(), "/login", "{other}");
    }
    assert_eq!(browser.get(&path).await.status, 200, "control");
}
