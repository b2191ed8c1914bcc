//! `silent = "ask_first"`: who is signed in at Passport is asked before an app gets to know them.

use harness::{
    Browser, Database, PASSWORD, Passport, TestApp,
    chromium::{Chromium, Look},
    on_both,
};
use sso_server::{
    domain::app::Silent,
    flows::{
        apps::{self, ChangeApp},
        users,
    },
};

async fn scene(database: Database) -> (Passport, TestApp, Browser) {
    let passport = Passport::on(database).await;
    passport.add_user("member").await;
    passport.add_user("other").await;
    let aw = passport
        .add_app_with("aw", |app| {
            app.silent = Silent::AskFirst;
            app.may_login = true;
        })
        .await;
    let browser = passport.signed_in("member").await;
    (passport, aw, browser)
}

// The redirect asks, `prompt=none` says so, a page hears that only we can tell; and once the person has
// entered, none of them, on any node and in any browser.
#[actix_web::test]
async fn the_first_silent_entry_asks_and_no_later_one() {
    on_both(async |database| {
        let (passport, aw, mut browser) = scene(database).await;
        let two = passport.second_node().await;
        let bw = passport.add_app("bw").await;
        bw.send(&mut browser).await.ticket();
        for _ in 0..2 {
            let page = aw.send(&mut browser).await;
            assert_eq!(page.status, 200);
            assert!(page.text().contains("Continue as member?"), "{}", page.text());
            let refused = aw.send_with(&mut browser, &[("prompt", "none")]).await;
            assert_eq!(refused.sent("error").as_deref(), Some("interaction_required"));
            assert_eq!(
                (refused.sent("state").as_deref(), refused.sent("ticket")),
                (Some("st-1"), None)
            );
            let said = aw.check(&browser).await;
            assert_eq!(said.json(), serde_json::json!({ "status": "unknown" }));
            assert!(!passport.text("SELECT id FROM sessions").await.is_empty());
        }
        // To agree is not to enter: only what the app redeems counts.
        let form = aw.send(&mut browser).await.form("/login/continue");
        let ticket = browser.submit(&form).await.ticket();
        assert_eq!(aw.send(&mut browser).await.status, 200, "asked again");
        assert_eq!(aw.redeem(&ticket).await.status, 200);

        let mut elsewhere = two.browser();
        elsewhere.cookies.clone_from(&browser.cookies);
        let mut another = passport.signed_in("member").await;
        for browser in [&mut browser, &mut elsewhere, &mut another] {
            aw.send(browser).await.ticket();
            aw.send_with(browser, &[("prompt", "none")]).await.ticket();
            assert_eq!(aw.check(browser).await.json()["status"], "signed_in");
        }
        // Another person is another one.
        let mut other = passport.signed_in("other").await;
        assert_eq!(aw.send(&mut other).await.status, 200);
        // And the rule is the operator's to change.
        let change = ChangeApp { silent: Some(Silent::Always), ..ChangeApp::default() };
        apps::update(&passport.app, "aw", change).await.unwrap();
        aw.send(&mut other).await.ticket();
        assert_eq!(aw.check(&other).await.json()["status"], "signed_in");
    })
    .await;
}

// Who has just typed a password for this app has agreed: on our page, and in the app's own form.
#[actix_web::test]
async fn who_acts_is_not_asked() {
    on_both(async |database| {
        let (passport, aw, mut browser) = scene(database).await;
        let mut new = passport.browser();
        let form = new.login_form(&aw.login_query(&[]), "other", PASSWORD).await;
        new.submit(&form).await.ticket();
        assert_eq!(aw.send(&mut new).await.status, 200, "but has not entered");
        let query = aw.login_query(&[("prompt", "login")]);
        let again = browser.login_form(&query, "member", PASSWORD).await;
        browser.submit(&again).await.ticket();
        let ticket = aw.log_in("member", PASSWORD).await.json()["ticket"].clone();
        assert_eq!(aw.redeem_in_page(ticket.as_str().unwrap()).await.status, 200);
        aw.send(&mut browser).await.ticket();
    })
    .await;
}

// SECURITY-CASES L-17, L-18, L-20: agreeing is one person's, in one browser, at one session.
#[actix_web::test]
async fn nobody_agrees_for_another() {
    on_both(async |database| {
        let (passport, aw, mut browser) = scene(database).await;
        let form = aw.send(&mut browser).await.form("/login/continue");
        let ticket = |answer: &harness::Answer| answer.sent("ticket");
        let mut other = passport.signed_in("other").await;
        for forged in [form.clone(), form.clone().without("csrf"), form.clone().with("csrf", "x")] {
            let answer = other.submit(&forged).await;
            assert!(answer.location().starts_with("/login?") && ticket(&answer).is_none());
        }
        // From another site's page.
        let fields: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = harness::browser::encode(fields);
        let headers = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
        let answer = browser.post_body("/login/continue", body, &headers).await;
        assert!(answer.location().starts_with("/login?") && ticket(&answer).is_none());
        // Not to another address, and not for a session that is over.
        let crooked = form.clone().with("return_to", "https://evil.example/");
        assert_eq!(browser.submit(&crooked).await.status, 400);
        let mut later = browser.clone();
        browser.submit(&form).await.ticket();
        users::logout(&passport.app, "member").await.unwrap();
        let answer = later.submit(&form).await;
        assert!(answer.location().starts_with("/login?") && ticket(&answer).is_none());
    })
    .await;
}

#[actix_web::test]
async fn in_a_real_browser() {
    let (passport, aw, _) = scene(Database::Sqlite).await;
    let chromium = Chromium::start(Look::default()).await;
    chromium.open(&format!("{}/login", passport.url)).await;
    chromium.find("#username").await.send_keys("member").await.unwrap();
    chromium.find("#password").await.send_keys(PASSWORD).await.unwrap();
    chromium.find("form button").await.click().await.unwrap();
    chromium.reads("h1", "Hello, member").await;
    let url = format!("{}/login{}", passport.url, aw.login_query(&[]));
    for (width, dark, language) in [(390, true, "en"), (1280, true, "ru"), (390, false, "zh")] {
        chromium.look(Look { width, dark, language }).await;
        chromium.open(&url).await;
        assert_eq!(chromium.ask("document.documentElement.scrollWidth > innerWidth").await, false);
        chromium.picture(&format!("ask-first-{language}-{width}")).await;
    }
    chromium.look(Look::default()).await;
    chromium.open(&url).await;
    // Somebody else than the one who is signed in.
    chromium.find(".choices a").await.click().await.unwrap();
    chromium.reads("h1", "Please sign in once more").await;
    chromium.open(&url).await;
    chromium.reads("h1", "Continue as member?").await;
    assert_eq!(chromium.console().await, Vec::<String>::new());
    chromium.find("form[action='/login/continue'] button").await.click().await.unwrap();
    // The app is not there; its ticket is.
    let came = || async { chromium.driver.current_url().await.unwrap() };
    while came().await.host_str() != Some("aw.localhost") {
        tokio::task::yield_now().await;
    }
    let ticket =
        came().await.query_pairs().find(|(name, _)| name == "ticket").unwrap().1.into_owned();
    assert_eq!(aw.redeem(&ticket).await.json()["user"]["username"], "member");
    chromium.quit().await;
}
