//! The demo's family, and a browser that lets Passport's cookies into other sites' pages, or does not.

use std::{
    ops::Deref,
    time::{Duration, Instant},
};

use harness::{
    PASSWORD,
    chromium::{Chromium, Look},
    family::Family,
    firefox::{Firefox, Mode},
    page::Page,
};
use serde_json::{Value, json};
use thirtyfour::error::WebDriverResult;

/// What the browser does with Passport's cookies in other sites' pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    Allowed,
    Blocked,
    Incognito,
}

pub struct Scene<B = Chromium> {
    pub family: Family,
    pub browser: B,
}

impl Scene {
    pub async fn start(cookies: Cookies) -> Self {
        let look = Look::default();
        let browser = match cookies {
            Cookies::Allowed => Chromium::with_third_party_cookies(look, true).await,
            Cookies::Blocked => Chromium::with_third_party_cookies(look, false).await,
            Cookies::Incognito => Chromium::incognito(look).await,
        };
        Self { family: Family::start().await, browser }
    }

    /// Lets Passport's cookies into pages of `origin`, as a person does who says yes.
    pub async fn grant(&self, origin: &str) {
        let granted = json!({
            "permission": { "name": "storage-access" }, "setting": "granted",
            "origin": origin, "embeddedOrigin": self.family.passport.url,
        });
        self.browser.devtools("Browser.setPermission", granted).await;
    }
}

impl Scene<Firefox> {
    pub async fn in_firefox(mode: Mode) -> Self {
        let browser = Firefox::start(mode).await;
        Self { family: Family::start().await, browser }
    }

    /// Lets Passport's cookies into pages of bw, as a person does who says yes.
    pub async fn grant_for_bw(&self) {
        self.at_bw("/how").await;
        // The page asks by itself, too: were that under way when the yes comes, it would be let in and
        // made anew.
        assert_eq!(self.run("passport.check()").await["status"], "unknown");
        let url = format!("{}/frame?app=bw", self.family.passport.url);
        let there = self
            .run(&format!(
                "new Promise((done) => {{
                     const frame = document.createElement('iframe');
                     frame.onload = () => done('there');
                     frame.id = 'to-grant'; frame.src = '{url}'; document.body.append(frame);
                 }})"
            ))
            .await;
        assert_eq!(there, "there");
        self.browser.find("#to-grant").await.enter_frame().await.unwrap();
        self.browser.grant().await;
        self.browser.driver.enter_default_frame().await.unwrap();
        // The yes reaches the processes of the pages by and by.
        until("let through", async || {
            let steps = self.run("passport.explain()").await;
            let all = steps.as_array().unwrap();
            all.iter().any(|step| step["step"] == "frame" && step["status"] != "unknown")
        })
        .await;
    }
}

impl<B: Deref<Target = Page>> Scene<B> {
    /// Signs in at Passport itself.
    pub async fn sign_in(&self) {
        self.browser.open(&format!("{}/login", self.family.passport.url)).await;
        self.type_password().await;
        self.browser.find("form[action='/account/sessions/end']").await;
    }

    pub async fn type_password(&self) {
        self.browser.find("#username").await.send_keys("goal").await.unwrap();
        self.browser.find("#password").await.send_keys(PASSWORD).await.unwrap();
        self.browser.find("form button").await.click().await.unwrap();
    }

    /// Opens a page of bw.
    pub async fn at_bw(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.family.bw)).await;
        self.browser.settled().await;
    }

    /// From here on this tab of bw's does not ask the browser itself (FedCM), so that what comes after
    /// is seen.
    pub async fn without_fedcm(&self) {
        self.at_bw("/site.css").await;
        self.browser.ask("sessionStorage.setItem('passport.fedcm', 'no')").await;
    }

    /// As if bw were opened for the first time, in a new tab.
    pub async fn new_at_bw(&self) {
        self.at_bw("/site.css").await;
        self.browser.driver.delete_all_cookies().await.unwrap();
        self.browser.ask("sessionStorage.clear()").await;
    }

    /// What a script that ends with a promise comes to.
    pub async fn run(&self, script: &str) -> Value {
        self.try_run(script).await.unwrap()
    }

    /// The same, on a page that may just be going.
    async fn try_run(&self, script: &str) -> WebDriverResult<Value> {
        let script = format!(
            "const done = arguments[0];
             Promise.resolve().then(() => {script}).then(done, (error) => done(String(error)));"
        );
        Ok(self.browser.driver.execute_async(script, []).await?.json().clone())
    }

    /// Who bw says is signed in there.
    pub async fn session(&self) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match self.try_run("fetch('/sso/session').then((answer) => answer.json())").await {
                Ok(said) => return said,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Asks until it is so.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !so().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
