//! Several tabs of one app in one browser: each tells its story, and none says too much.

use harness::family::Family;
use harness::{
    PASSWORD,
    chromium::{Chromium, Look},
};
use sso_server::flows::users;
use thirtyfour::WindowHandle;

use crate::{displaced::sign_in, scene::until};

const OVER: &str = "#passport-over";

async fn tab(browser: &Chromium, url: &str) -> WindowHandle {
    let tab = browser.driver.new_tab().await.unwrap();
    browser.driver.switch_to_window(tab.clone()).await.unwrap();
    browser.open(url).await;
    browser.settled().await;
    tab
}

async fn look_at(browser: &Chromium, tab: &WindowHandle) {
    browser.driver.switch_to_window(tab.clone()).await.unwrap();
}

/// The story of the tab in front.
async fn told(browser: &Chromium) -> String {
    browser.find(OVER).await.text().await.unwrap()
}

async fn followed(family: &Family, pages: usize) {
    until("the stream is open", async || family.at_aw.open_pages() == pages).await;
}

#[actix_web::test]
async fn all_tabs_follow_by_one_stream_and_sign_in_again_leads_back() {
    let family = Family::start().await;
    let browser = Chromium::start(Look::default()).await;
    sign_in(&browser, &family.aw).await;
    let first = browser.driver.window().await.unwrap();
    followed(&family, 1).await;
    let second = tab(&browser, &format!("{}/members?page=2", family.aw)).await;
    let third = tab(&browser, &family.aw).await;
    followed(&family, 1).await;

    users::logout(&family.passport.app, "goal").await.unwrap();
    for tab in [&third, &first, &second] {
        look_at(&browser, tab).await;
        let said = told(&browser).await;
        assert!(said.contains("An administrator ended this session"), "{said}");
        assert!(!said.contains("This was not me"), "an administrator's word is not doubted");
    }
    followed(&family, 0).await;

    // Back to the very page, with a password.
    browser.find(&format!("{OVER} a[href*='/login']")).await.click().await.unwrap();
    browser.find("#username").await.send_keys("goal").await.unwrap();
    browser.find("#password").await.send_keys(PASSWORD).await.unwrap();
    browser.find("form button").await.click().await.unwrap();
    browser.reads("h1", "Members only").await;
    let url = browser.driver.current_url().await.unwrap();
    assert_eq!(url.as_str(), format!("{}/members?page=2", family.aw));
    followed(&family, 1).await;
    assert_eq!(
        browser.ask("document.querySelector('#passport-over')").await,
        serde_json::Value::Null
    );
    browser.quit().await;
}

#[actix_web::test]
async fn a_closed_tab_gives_its_stream_back_and_another_one_follows() {
    let family = Family::start().await;
    let browser = Chromium::start(Look::default()).await;
    sign_in(&browser, &family.aw).await;
    let first = browser.driver.window().await.unwrap();
    followed(&family, 1).await;
    let second = tab(&browser, &format!("{}/members", family.aw)).await;
    look_at(&browser, &first).await;
    // The one that holds the stream goes; the other one takes its place.
    browser.driver.close_window().await.unwrap();
    look_at(&browser, &second).await;
    until("the other tab holds the stream", async || {
        browser.ask("performance.getEntriesByType('resource').length").await;
        let held = "navigator.locks.query().then((all) => all.held.length)";
        browser.driver.execute_async(format!("{held}.then(arguments[0])"), []).await.unwrap().json()
            == 1
    })
    .await;
    followed(&family, 1).await;
    users::logout(&family.passport.app, "goal").await.unwrap();
    told(&browser).await;

    // And when all are closed, nothing is held.
    let family_of_one = Family::start().await;
    sign_in(&browser, &family_of_one.aw).await;
    followed(&family_of_one, 1).await;
    browser.open("about:blank").await;
    followed(&family_of_one, 0).await;
    browser.quit().await;
}

// An old end is no news to whoever has signed in again.
#[actix_web::test]
async fn who_has_signed_in_again_meanwhile_is_not_told_that_they_are_out() {
    let family = Family::start().await;
    let browser = Chromium::start(Look::default()).await;
    sign_in(&browser, &family.aw).await;
    let first = browser.driver.window().await.unwrap();
    followed(&family, 1).await;
    let second = tab(&browser, &family.aw).await;
    // Out and in again in this tab, while the other one holds the stream of the session before.
    browser.find("#logout-here").await.click().await.unwrap();
    browser.reads("h1", "Welcome to Aw").await;
    look_at(&browser, &first).await;
    let said = told(&browser).await;
    assert!(said.contains("You signed out on another page or device"), "{said}");
    look_at(&browser, &second).await;
    browser.find(".choices a[href^='/sso/login']").await.click().await.unwrap();
    browser.reads("h1", "Hello, goal").await;
    followed(&family, 1).await;

    // Another tab comes late with the old news; this one looks for itself.
    let heard = "const channel = new BroadcastChannel('passport'); channel.postMessage('over');";
    look_at(&browser, &first).await;
    browser.driver.execute(heard, []).await.unwrap();
    look_at(&browser, &second).await;
    until("it looks", async || {
        let looked = "performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/stream')).length";
        family.at_aw.open_pages() == 2 || browser.ask(looked).await.as_i64() >= Some(2)
    })
    .await;
    followed(&family, 1).await;
    let shown = browser.ask("document.querySelector('#passport-over')").await;
    assert_eq!(shown, serde_json::Value::Null, "the control is the story in the first tab");
    browser.quit().await;
}

#[actix_web::test]
async fn the_story_is_told_in_the_language_of_the_page() {
    let family = Family::with(|config| config.session.max_per_user = 1).await;
    let browser = Chromium::start(Look { width: 390, dark: true, language: "en" }).await;
    for (language, title, other) in [
        ("zh", "您已退出登录", "Windows 上的 Firefox（127.0.0.1）"),
        ("ru", "Вы вышли", "Firefox на Windows (127.0.0.1)"),
    ] {
        // The sample site speaks English only.
        let speaks = format!(
            "document.addEventListener('readystatechange', () => {{ document.documentElement.lang = '{language}'; }});"
        );
        let speaks = serde_json::json!({ "source": speaks });
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", speaks).await;
        sign_in(&browser, &family.aw).await;
        followed(&family, 1).await;
        // The harness's browser says that it is Firefox on Windows.
        family.passport.signed_in("goal").await;
        let said = told(&browser).await;
        assert!(said.contains(title) && said.contains(other), "{said}");
        browser.picture(&format!("displaced-390-dark-{language}")).await;
    }
    browser.quit().await;
}

#[actix_web::test]
async fn while_passport_is_away_the_open_page_says_so() {
    let family =
        Family::with(|config| config.events.lease = sso_server::config::Period::seconds(2)).await;
    let browser = Chromium::start(Look { width: 390, ..Look::default() }).await;
    sign_in(&browser, &family.aw).await;
    followed(&family, 1).await;
    let second = tab(&browser, &format!("{}/members", family.aw)).await;
    let Family { passport, aw, .. } = family;
    passport.stop().await;
    for tab in [browser.driver.windows().await.unwrap().remove(0), second] {
        look_at(&browser, &tab).await;
        let said = browser.find("#passport-away").await.text().await.unwrap();
        assert!(said.contains("cannot be reached at the moment. You are not signed out"), "{said}");
    }
    browser.picture("passport-away").await;
    browser.open(&aw).await;
    let said = browser.text().await;
    assert!(said.contains("cannot be reached at the moment. You are not signed out"), "{said}");
    browser.picture("passport-away-reloaded").await;
    browser.quit().await;
}
