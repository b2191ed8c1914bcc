//! In a real browser: a page of the app, and a page of nobody's.

use harness::{
    PASSWORD, Passport, TestApp,
    chromium::{Chromium, Look},
    site::Site,
};
use serde_json::{Value, json};
use sso_server::flows::apps::{self, ChangeApp};

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
        let site = Site::open();
        let page = site.called("aw");
        let origins = [page.clone()];
        let aw = passport
            .add_app_with("aw", |app| {
                app.origins = &origins;
                app.jsonp = true;
            })
            .await;
        let browser =
            Chromium::with_third_party_cookies(Look::default(), third_party_cookies).await;
        let evil = site.called("evil");
        Self { passport, aw, page, evil, browser }
    }

    async fn sign_in(&self) {
        self.browser.open(&format!("{}/login", self.passport.url)).await;
        self.browser.find("#username").await.send_keys("member").await.unwrap();
        self.browser.find("#password").await.send_keys(PASSWORD).await.unwrap();
        self.browser.find("form button").await.click().await.unwrap();
        self.browser.find("form[action='/account/sessions/end']").await;
    }

    async fn sign_out(&self) {
        self.browser.open(&format!("{}/logout", self.passport.url)).await;
        self.browser.find("form[action='/logout'] button").await.click().await.unwrap();
        self.browser.find("form[action='/logout'], main a, main p").await;
        let gone = || async {
            self.browser.ask("location.pathname === '/logout' && !document.querySelector('form[action=\"/logout\"]')").await
        };
        while gone().await != true {
            tokio::task::yield_now().await;
        }
    }

    async fn run(&self, script: String) -> Value {
        self.browser.driver.execute_async(script, []).await.unwrap().json().clone()
    }

    /// What a page learns by `fetch`.
    async fn fetch(&self) -> Value {
        let url = format!("{}{}", self.passport.url, self.aw.check_path(&[]));
        self.run(format!(
            "const done = arguments[0];
             fetch({url:?}, {{ credentials: 'include' }}).then((answer) => answer.json())
                 .then(done, () => done('nothing'));"
        ))
        .await
    }

    /// What it learns by a script element with these attributes.
    async fn script(&self, attributes: &str) -> Value {
        let url = format!(
            "{}{}",
            self.passport.url,
            self.aw.check_path(&[("callback", "passport.told")])
        );
        self.run(format!(
            "const done = arguments[0];
             let said = 'nothing';
             window.passport = {{ told: (answer) => {{ said = answer; }} }};
             const script = Object.assign(document.createElement('script'), {attributes});
             script.src = {url:?};
             script.onload = script.onerror = () => done(said);
             document.head.append(script);"
        ))
        .await
    }

    /// What a frame in the page learns that is of nobody's origin.
    async fn sandboxed(&self) -> Value {
        let url = format!("{}{}", self.passport.url, self.aw.check_path(&[]));
        let script = format!(
            "fetch({url:?}, {{ credentials: 'include' }}).then((answer) => answer.text())
                 .then((text) => parent.postMessage(text, '*'), () => parent.postMessage('nothing', '*'))"
        );
        let inside = format!("<script>{script}</script>");
        self.run(format!(
            "const done = arguments[0];
             addEventListener('message', (message) => done(message.data), {{ once: true }});
             const frame = document.createElement('iframe');
             frame.setAttribute('sandbox', 'allow-scripts');
             frame.srcdoc = {inside:?};
             document.body.append(frame);"
        ))
        .await
    }
}

const CORS: &str = "{ crossOrigin: 'use-credentials' }";
const BARE: &str = "{}";
const NO_REFERRER: &str = "{ referrerPolicy: 'no-referrer' }";

// SECURITY-CASES J-05, J-06, J-07.
#[actix_web::test]
async fn a_page_of_the_app_learns_it_and_a_page_of_nobodys_learns_nothing() {
    let scene = Scene::start(true).await;
    for signed_in in [false, true, false] {
        match signed_in {
            true => scene.sign_in().await,
            false if scene.passport.count("SELECT COUNT(*) FROM sessions").await > 0 => {
                scene.sign_out().await;
            }
            false => {}
        }
        let expected = if signed_in { "signed_in" } else { "signed_out" };
        scene.browser.open(&scene.page).await;
        for said in [scene.fetch().await, scene.script(CORS).await] {
            assert_eq!(said["status"], expected, "{said}");
            if signed_in {
                let redeemed = scene.aw.redeem_in_page(said["ticket"].as_str().unwrap()).await;
                assert_eq!(redeemed.json()["user"]["username"], "member");
            }
        }
        assert_eq!(scene.script(BARE).await, "nothing", "it sends no origin");
        assert_eq!(scene.sandboxed().await, "nothing", "its origin is null");

        scene.browser.open(&scene.evil).await;
        assert_eq!(scene.fetch().await, "nothing");
        for attributes in [CORS, BARE, NO_REFERRER] {
            assert_eq!(scene.script(attributes).await, "nothing", "{attributes}");
        }
        assert_eq!(scene.sandboxed().await, "nothing");
    }

    // For old browsers' sake: known by the referrer, where there is one.
    scene.sign_in().await;
    let change = ChangeApp { old_browsers: Some(true), ..ChangeApp::default() };
    apps::update(&scene.passport.app, "aw", change).await.unwrap();
    scene.browser.open(&scene.page).await;
    assert_eq!(scene.script(BARE).await["status"], "signed_in");
    assert_eq!(scene.script(NO_REFERRER).await, "nothing");
    scene.browser.open(&scene.evil).await;
    for attributes in [CORS, BARE, NO_REFERRER] {
        assert_eq!(scene.script(attributes).await, "nothing", "{attributes}");
    }
    scene.browser.quit().await;
}

// SECURITY-CASES J-12: blocked is not out; and what the person has allowed is used at once.
#[actix_web::test]
async fn where_cookies_are_blocked_nobody_knows_until_the_person_allows_them() {
    let scene = Scene::start(false).await;
    scene.sign_in().await;
    scene.browser.open(&scene.page).await;
    for said in [scene.fetch().await, scene.script(CORS).await] {
        assert_eq!(said, json!({ "status": "unknown" }));
    }
    let granted = json!({
        "permission": { "name": "storage-access" }, "setting": "granted",
        "origin": scene.page, "embeddedOrigin": scene.passport.url,
    });
    scene.browser.devtools("Browser.setPermission", granted).await;
    for said in [scene.fetch().await, scene.script(CORS).await] {
        assert_eq!(said["status"], "signed_in", "{said}");
    }
    scene.browser.open(&scene.evil).await;
    assert_eq!(scene.fetch().await, "nothing");
    scene.sign_out().await;
    scene.browser.open(&scene.page).await;
    assert_eq!(scene.fetch().await, json!({ "status": "signed_out" }));
    scene.browser.quit().await;
}
