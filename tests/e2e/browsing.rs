//! The way of one person, in a real browser.

use harness::family::Family;
use harness::{
    PASSWORD,
    chromium::{Chromium, Look},
};
use thirtyfour::Key;

use crate::scene::until;

/// What the browser complained of; pages that answer with an error status may say so.
async fn complaints(browser: &Chromium) -> Vec<String> {
    let all = browser.console().await;
    all.into_iter()
        .filter(|line| line.starts_with("SEVERE") || line.contains("Content Security"))
        .collect()
}

/// Fills in the login page and sends it.
async fn sign_in(browser: &Chromium, keep: bool) {
    browser.find("#username").await.send_keys("goal").await.unwrap();
    browser.find("#password").await.send_keys(PASSWORD).await.unwrap();
    let keeps = browser.find("#keep").await;
    if keeps.is_selected().await.unwrap() != keep {
        keeps.click().await.unwrap();
    }
    browser.find("form button").await.click().await.unwrap();
}

#[actix_web::test]
async fn in_once_known_everywhere_out_once_forgotten_everywhere() {
    let family = Family::start().await;
    let browser = Chromium::with_third_party_cookies(Look::default(), true).await;
    let (aw, bw) = (family.aw.as_str(), family.bw.as_str());

    // Whoever asks for the members' page gets it after signing in.
    browser.open(&format!("{aw}/members")).await;
    assert!(browser.text().await.contains("to continue to Aw"));
    sign_in(&browser, true).await;
    browser.reads("h1", "Members only").await;
    let url = browser.driver.current_url().await.unwrap();
    assert_eq!(url.as_str(), format!("{aw}/members"), "the ticket is out of the address");
    browser.open(aw).await;
    browser.reads("h1", "Hello, goal").await;

    // At bw without a password, and without a click.
    browser.open(bw).await;
    browser.reads("h1", "Hello, goal").await;

    // The account page knows both.
    browser.open(&format!("{}/account", family.passport.url)).await;
    let account = browser.text().await;
    assert!(account.contains("This browser") && account.contains("Aw") && account.contains("Bw"));

    // The browser is closed: the sites' own sessions are gone, Passport's is not.
    let browser = browser.reopen(Look::default()).await;
    for site in [aw, bw] {
        if site == aw {
            browser.open(site).await;
            browser.reads("h1", "Welcome to Aw").await;
        }
        browser.open(&format!("{site}/members")).await;
        browser.reads("h1", "Members only").await;
    }

    // Out at bw is out at aw.
    browser.open(bw).await;
    browser.find("#logout-everywhere").await.click().await.unwrap();
    browser.reads("h1", "Welcome to Bw").await;
    until("aw hears", async || {
        browser.open(aw).await;
        browser.text().await.contains("Welcome to Aw")
    })
    .await;
    browser.open(&format!("{aw}/members")).await;
    browser.reads("h1", "Sign in").await;

    // Without "keep me signed in" closing the browser is the end of Passport's session, too.
    sign_in(&browser, false).await;
    browser.reads("h1", "Members only").await;
    assert_eq!(complaints(&browser).await, Vec::<String>::new());
    let browser = browser.reopen(Look::default()).await;
    browser.open(&format!("{aw}/members")).await;
    browser.reads("h1", "Sign in").await;
    assert_eq!(complaints(&browser).await, Vec::<String>::new());
    browser.quit().await;
}

/// Presses Tab until `css` has the focus; every stop on the way must be seen.
async fn tab_to(browser: &Chromium, css: &str) {
    for _ in 0..12 {
        if browser.ask(&format!("document.activeElement.matches({css:?})")).await == true {
            return;
        }
        browser.press(Key::Tab + "").await;
        let seen = browser
            .ask(
                "(() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
                 return e === document.body || (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2
                 && r.width > 0 && r.bottom > 0 && r.right > 0); })()",
            )
            .await;
        let element = browser.ask("document.activeElement.outerHTML").await;
        assert_eq!(seen, true, "the focus is not seen on {element}");
    }
    panic!("{css} is not reached with the Tab key");
}

#[actix_web::test]
async fn the_keyboard_is_enough() {
    let family = Family::start().await;
    let browser = Chromium::start(Look::default()).await;
    browser.open(&family.aw).await;
    tab_to(&browser, "nav a[href^='/sso/login']").await;
    browser.press(Key::Enter + "").await;
    browser.find("#username").await;
    until("the first field has the focus", async || {
        browser.ask("document.activeElement.id").await == "username"
    })
    .await;
    browser.press("goal").await;
    tab_to(&browser, "#password").await;
    browser.press(PASSWORD).await;
    tab_to(&browser, "#keep").await;
    let before = browser.ask("document.activeElement.checked").await;
    browser.press(" ").await;
    assert_ne!(browser.ask("document.activeElement.checked").await, before);
    tab_to(&browser, "form button").await;
    browser.press(Key::Enter + "").await;
    browser.find("#logout-everywhere").await;

    // Past the navigation at once, by the first stop.
    browser.open(&format!("{}/account", family.passport.url)).await;
    tab_to(&browser, "a.skip").await;
    browser.press(Key::Enter + "").await;
    assert_eq!(browser.ask("location.hash").await, "#main");
    tab_to(&browser, "main form button").await;
    browser.open(&family.aw).await;
    tab_to(&browser, "#logout-everywhere").await;
    browser.press(Key::Enter + "").await;
    browser.reads("h1", "Welcome to Aw").await;
    browser.quit().await;
}
