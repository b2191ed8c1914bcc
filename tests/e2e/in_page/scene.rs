//! The demo's family, and a browser that lets Passport's cookies into other sites' pages, or does not.

use std::time::{Duration, Instant};

use harness::{
    PASSWORD,
    chromium::{Chromium, Look},
    family::Family,
};
use serde_json::{Value, json};

/// What the browser does with Passport's cookies in other sites' pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    Allowed,
    Blocked,
    Incognito,
}

pub struct Scene {
    pub family: Family,
    pub browser: Chromium,
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
        let script = format!(
            "const done = arguments[0];
             Promise.resolve().then(() => {script}).then(done, (error) => done(String(error)));"
        );
        self.browser.driver.execute_async(script, []).await.unwrap().json().clone()
    }

    /// Lets Passport's cookies into pages of `origin`, as a person does who says yes.
    pub async fn grant(&self, origin: &str) {
        let granted = json!({
            "permission": { "name": "storage-access" }, "setting": "granted",
            "origin": origin, "embeddedOrigin": self.family.passport.url,
        });
        self.browser.devtools("Browser.setPermission", granted).await;
    }

    /// Who bw says is signed in there.
    pub async fn session(&self) -> Value {
        self.run("fetch('/sso/session').then((answer) => answer.json())").await
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
