//! In a real browser: from a page of the app where it lets our cookies in, by a visit where not.

use harness::{
    PASSWORD, Passport, TestApp,
    chromium::{Chromium, Look},
    site::Site,
};
use serde_json::{Value, json};

struct Scene {
    passport: Passport,
    aw: TestApp,
    /// A page of aw's, and one of nobody's.
    page: String,
    evil: String,
    browser: Chromium,
}

impl Scene {
    async fn start(third_party_cookies: bool) -> Self {
        let passport = Passport::start().await;
        passport.add_user("member").await;
        passport.add_user("other").await;
        let site = Site::open();
        let page = site.called("aw");
        let origins = [page.clone()];
        let aw = passport
            .add_app_with("aw", |app| {
                app.origins = &origins;
                app.may_login = true;
            })
            .await;
        let browser =
            Chromium::with_third_party_cookies(Look::default(), third_party_cookies).await;
        let evil = site.called("evil");
        Self { passport, aw, page, evil, browser }
    }

    /// What aw's server gets for its page.
    async fn url(&self, name: &str) -> String {
        let answer = self.aw.log_in(name, PASSWORD).await;
        answer.json()["establish_url"].as_str().unwrap().to_owned()
    }

    /// The open page posts to it.
    async fn fetch(&self, url: &str) -> Value {
        let script = format!(
            "const done = arguments[0];
             fetch({url:?}, {{ method: 'POST', credentials: 'include' }})
                 .then((answer) => answer.json()).then(done, () => done('nothing'));"
        );
        self.browser.driver.execute_async(script, []).await.unwrap().json().clone()
    }

    /// The open page sends a form there.
    async fn send(&self, url: &str) {
        let script = format!(
            "(() => {{
               const form = document.createElement('form');
               form.method = 'post'; form.action = {url:?};
               document.body.append(form); form.submit();
             }})()"
        );
        self.browser.ask(&script).await;
    }

    /// Who is signed in at Passport, by its own page.
    async fn name(&self) -> String {
        self.browser.open(&format!("{}/account", self.passport.url)).await;
        let shown = "document.querySelector('h1').innerText";
        self.browser.ask(shown).await.as_str().unwrap().to_owned()
    }
}

// SECURITY-CASES L-17, L-19: where third parties' cookies are let in.
#[actix_web::test]
async fn a_page_of_the_app_signs_its_visitor_in_everywhere() {
    let scene = Scene::start(true).await;
    let url = scene.url("member").await;
    scene.browser.open(&scene.evil).await;
    assert_eq!(scene.fetch(&url).await, "nothing");
    scene.send(&url).await;
    scene.browser.reads("h1", "Continue as member?").await;
    assert_eq!(scene.name().await, "Sign in", "nothing has come of it");

    scene.browser.open(&scene.page).await;
    assert_eq!(scene.fetch(&url).await, json!({ "status": "established" }));
    let check = format!("{}{}", scene.passport.url, scene.aw.check_path(&[]));
    let ask = format!(
        "const done = arguments[0];
         fetch({check:?}, {{ credentials: 'include' }}).then((answer) => answer.json()).then(done);"
    );
    let said = scene.browser.driver.execute_async(ask, []).await.unwrap().json().clone();
    assert_eq!(said["status"], "signed_in");
    assert_eq!(scene.name().await, "Hello, member");

    // Somebody else: not unnoticed.
    let url = scene.url("other").await;
    scene.browser.open(&scene.page).await;
    assert_eq!(scene.fetch(&url).await, json!({ "status": "visit" }));
    scene.send(&url).await;
    scene.browser.reads("h1", "Continue as other?").await;
    scene.browser.find("form[action='/establish'] button").await.click().await.unwrap();
    scene.browser.reads("h1", "Hello, other").await;
    assert!(scene.browser.console().await.iter().all(|line| !line.contains("Content Security")));
    scene.browser.quit().await;
}

// Where they are not: by a form without a question, by an address with one.
#[actix_web::test]
async fn a_browser_that_blocks_is_sent_to_us() {
    let scene = Scene::start(false).await;
    let url = scene.url("member").await;
    scene.browser.open(&scene.page).await;
    assert_eq!(scene.fetch(&url).await, json!({ "status": "visit" }));
    scene.browser.open(&url).await;
    scene.browser.reads("h1", "Continue as member?").await;
    for (width, dark, language) in [(1280, false, "en"), (390, true, "zh"), (390, false, "ru")] {
        scene.browser.look(Look { width, dark, language }).await;
        scene.browser.open(&url).await;
        let wide = "document.documentElement.scrollWidth > innerWidth";
        assert_eq!(scene.browser.ask(wide).await, false, "{language} {width}");
        scene.browser.picture(&format!("continue-{language}-{width}")).await;
    }
    scene.browser.look(Look::default()).await;
    scene.browser.open(&url).await;
    scene.browser.find("form[action='/establish'] button").await.click().await.unwrap();
    scene.browser.reads("h1", "Hello, member").await;
    scene.browser.open(&format!("{}/logout", scene.passport.url)).await;
    scene.browser.find("form[action='/logout'] button").await.click().await.unwrap();
    scene.browser.reads("h1", "You are signed out").await;

    let url = scene.url("member").await;
    scene.browser.open(&scene.page).await;
    scene.send(&url).await;
    scene.browser.reads("h1", "Hello, member").await;
    scene.browser.quit().await;
}
