//! The ladder as a person meets it: bw's page in a real browser.

use harness::chromium::Chromium;
use serde_json::{Value, json};

use crate::scene::{Cookies, Scene, until};

const HELLO: &str = "Hello, goal";

/// What the ladder last came to in this tab.
async fn last(browser: &Chromium) -> Value {
    browser.ask("passport.last").await
}

async fn says_hello(scene: &Scene) {
    until("the page says hello", async || scene.browser.text().await.contains(HELLO)).await;
}

/// How often this page has asked Passport something, or sent the person there.
async fn asked_passport(scene: &Scene) -> Value {
    let passport = &scene.family.passport.url;
    scene
        .browser
        .ask(&format!(
            "performance.getEntriesByType('resource').map((e) => e.name)
                 .filter((url) => url.startsWith({passport:?}) && !url.endsWith('/sso.js')).length"
        ))
        .await
}

/// What the browser held against scripts: nothing of it is the policy's.
async fn no_breach(scene: &Scene) {
    for line in scene.browser.console().await {
        let breach = ["Content Security Policy", "Trusted", "Uncaught"];
        assert!(!breach.iter().any(|word| line.contains(word)), "{line}");
    }
}

// Without a click, where the browser lets Passport's cookies go along.
#[actix_web::test]
async fn a_request_of_the_page_is_enough_where_cookies_go_along() {
    let scene = Scene::start(Cookies::Allowed).await;
    scene.sign_in().await;
    scene.at_bw("/").await;
    says_hello(&scene).await;
    let last = last(&scene.browser).await;
    assert_eq!((&last["status"], &last["via"]), (&json!("signed_in"), &json!("check")), "{last}");
    // From here on the app's own session is enough.
    scene.at_bw("/members").await;
    assert_eq!(scene.run("passport.check().then((said) => said.via)").await, "session");
    assert_eq!(asked_passport(&scene).await, 0);
    no_breach(&scene).await;
    scene.browser.quit().await;
}

// SECURITY-CASES J-12: surely out is the end of it in this tab, until the person wants to come in.
#[actix_web::test]
async fn surely_out_is_not_asked_again() {
    let scene = Scene::start(Cookies::Allowed).await;
    scene.at_bw("/").await;
    scene.browser.find("#passport-offer").await;
    let said = last(&scene.browser).await;
    assert_eq!((&said["status"], &said["via"]), (&json!("signed_out"), &json!("check")), "{said}");
    for path in ["/", "/how", "/"] {
        scene.at_bw(path).await;
        let said = scene.run("passport.check({ redirect: true })").await;
        assert_eq!((&said["status"], &said["via"]), (&json!("signed_out"), &json!("memory")));
        assert_eq!(asked_passport(&scene).await, 0, "{path}");
    }
    // Another tab is another matter.
    let page = scene.browser.driver.new_tab().await.unwrap();
    scene.browser.driver.switch_to_window(page).await.unwrap();
    scene.sign_in().await;
    scene.at_bw("/").await;
    says_hello(&scene).await;
    scene.browser.quit().await;
}

// SECURITY-CASES J-12: blocked is not out, and the trip of the whole page is made once in a tab.
#[actix_web::test]
async fn a_trip_to_passport_is_the_last_resort_and_made_once() {
    for cookies in [Cookies::Blocked, Cookies::Incognito] {
        for signed_in in [false, true] {
            let scene = Scene::start(cookies).await;
            if signed_in {
                scene.sign_in().await;
            }
            scene.at_bw("/how").await;
            let said = scene.run("passport.check()").await;
            assert_eq!(
                (&said["status"], &said["via"]),
                (&json!("unknown"), &Value::Null),
                "{said}"
            );
            let whys: Vec<(&Value, &Value)> = said["steps"].as_array().unwrap()[2..4]
                .iter()
                .map(|step| (&step["step"], &step["why"]))
                .collect();
            assert_eq!(
                whys,
                [(&json!("check"), &json!("blocked")), (&json!("frame"), &json!("blocked"))]
            );
            scene.browser.ask("void passport.check({ redirect: true })").await;
            let there_and_back = "performance.getEntriesByType('navigation')[0].redirectCount";
            if signed_in {
                until("signed in", async || scene.session().await["status"] == "signed_in").await;
                continue;
            }
            until("back", async || {
                scene.browser.ask("sessionStorage.getItem('passport.redirected')").await == "1"
                    && scene.browser.ask("document.readyState").await == "complete"
                    && scene.browser.ask("location.pathname").await == "/how"
            })
            .await;
            let said = scene.run("passport.check({ redirect: true })").await;
            let via = said["via"].as_str().unwrap_or_default().to_owned();
            assert_eq!(said["status"], "signed_out", "{said}");
            assert!(["redirect", "memory"].contains(&&*via), "{said}");
            assert!(scene.browser.ask(there_and_back).await.is_number());
            let said = scene.run("passport.check({ redirect: true })").await;
            assert_eq!(said["via"], "memory", "no loop: {said}");
        }
    }
}

// The browser lets cookies through once the person has allowed it: to the request and to the frame.
#[actix_web::test]
async fn what_the_person_has_allowed_is_used() {
    let scene = Scene::start(Cookies::Blocked).await;
    scene.sign_in().await;
    scene.at_bw("/how").await;
    let said = scene.run("passport.check()").await;
    assert_eq!(said["status"], "unknown", "{said}");
    scene.grant(&scene.family.bw).await;
    let steps = scene.run("passport.explain()").await;
    for step in ["check", "frame"] {
        let found = steps.as_array().unwrap().iter().find(|one| one["step"] == step).unwrap();
        assert_eq!(found["status"], "signed_in", "{steps}");
    }
    assert_eq!(scene.session().await["status"], "signed_out", "explaining lets nobody in");
    // The whole ladder without its first rung: a service of the app's answers for Passport there.
    scene
        .browser
        .ask("window.told = passport.check().then((said) => { window.said = said; })")
        .await;
    says_hello_at_how(&scene).await;
    scene.browser.quit().await;
}

async fn says_hello_at_how(scene: &Scene) {
    until("signed in", async || scene.browser.text().await.contains("You are goal")).await;
}

// Who leaves this app is not let in again behind their back, but by a click.
#[actix_web::test]
async fn who_signs_out_stays_out_until_a_click() {
    let scene = Scene::start(Cookies::Allowed).await;
    scene.sign_in().await;
    scene.at_bw("/").await;
    says_hello(&scene).await;
    scene.browser.find("#logout-here").await.click().await.unwrap();
    scene.browser.find("#in-page").await;
    scene.without_fedcm().await;
    for _ in 0..2 {
        scene.at_bw("/").await;
        let said = scene.run("passport.check()").await;
        assert_eq!(said["status"], "signed_out", "{said}");
    }
    scene.browser.find("#in-page").await.click().await.unwrap();
    // Still signed in at Passport: the window opens and closes by itself.
    says_hello(&scene).await;
    until("one window", async || scene.browser.driver.windows().await.unwrap().len() == 1).await;
    let out = scene.run("passport.logout().then(() => passport.check())").await;
    assert_eq!(out["status"], "signed_out", "{out}");
    until("out", async || scene.session().await["status"] == "signed_out").await;
    // SECURITY-CASES X-12, Y-07: where to go on is a place on this site, or nowhere.
    for next in ["javascript:document.title='ran'", "//evil.localhost/", "https://evil.localhost/"]
    {
        scene
            .browser
            .ask(&format!("void passport.logout({{ next: {next:?} }}).catch(() => {{}})"))
            .await;
        until("out", async || scene.session().await["status"] == "signed_out").await;
        assert_eq!(scene.browser.ask("location.origin").await, scene.family.bw.as_str(), "{next}");
        assert_ne!(scene.browser.ask("document.title").await, "ran", "{next}");
    }
    scene.browser.quit().await;
}

// Between tabs: whoever comes in or goes is seen in all of them.
#[actix_web::test]
async fn all_tabs_of_the_app_see_who_comes_and_goes() {
    let scene = Scene::start(Cookies::Blocked).await;
    scene.sign_in().await;
    scene.at_bw("/").await;
    let first = scene.browser.driver.window().await.unwrap();
    let second = scene.browser.driver.new_tab().await.unwrap();
    scene.browser.driver.switch_to_window(second).await.unwrap();
    scene.without_fedcm().await;
    scene.at_bw("/").await;
    scene.browser.find("#passport-offer .passport-button").await.click().await.unwrap();
    says_hello(&scene).await;
    assert_eq!(scene.browser.ask("document.querySelector('#passport-offer')").await, Value::Null);
    until("one window less", async || scene.browser.driver.windows().await.unwrap().len() == 2)
        .await;
    scene.browser.driver.switch_to_window(first).await.unwrap();
    says_hello(&scene).await;
    scene.browser.quit().await;
}
