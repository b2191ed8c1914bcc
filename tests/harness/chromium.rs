//! A real browser: Debian's Chromium, driven by chromedriver.

use std::{ops::Deref, path::PathBuf, process::Command, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};

use thirtyfour::{
    CapabilitiesHelper, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel,
    WebDriver,
};

use crate::{driver::Driver, page::Page};

/// A chromedriver with one browser.
pub struct Chromium {
    page: Page,
    _driver: Driver,
    profile: Arc<tempfile::TempDir>,
}

/// How the browser is set up.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Width of the window.
    pub width: u32,
    /// Whether the person prefers dark pages.
    pub dark: bool,
    /// Preferred language.
    pub language: &'static str,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 1280, dark: false, language: "en" }
    }
}

impl Chromium {
    /// Starts one, with an empty profile.
    pub async fn start(look: Look) -> Self {
        Self::with_profile(look, Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// Starts one that keeps our cookies from other sites' pages, or does not. Debian's keeps them by
    /// default, most others do not.
    pub async fn with_third_party_cookies(look: Look, allowed: bool) -> Self {
        let profile = Arc::new(tempfile::tempdir().unwrap());
        let folder = profile.path().join("Default");
        std::fs::create_dir_all(&folder).unwrap();
        let mode = if allowed { 2 } else { 1 };
        let preferences = serde_json::json!({ "profile": { "cookie_controls_mode": mode } });
        std::fs::write(folder.join("Preferences"), preferences.to_string()).unwrap();
        Self::with_profile(look, profile).await
    }

    /// Starts one in a private window: whatever is set, pages of other sites get none of our cookies.
    pub async fn incognito(look: Look) -> Self {
        Self::with(look, Arc::new(tempfile::tempdir().unwrap()), &["--incognito"]).await
    }

    /// Closes it as a person does, and opens it again with the same profile: what is on disk stays,
    /// cookies that are to end with the browser do not.
    pub async fn reopen(self, look: Look) -> Self {
        let profile = self.profile.clone();
        self.quit().await;
        Self::with_profile(look, profile).await
    }

    async fn with_profile(look: Look, profile: Arc<tempfile::TempDir>) -> Self {
        Self::with(look, profile, &[]).await
    }

    async fn with(look: Look, profile: Arc<tempfile::TempDir>, more: &[&str]) -> Self {
        let started = Driver::start(
            Command::new("chromedriver").arg("--port=0"),
            "was started successfully on port ",
            "chromedriver: `tests/run` installs it (Debian: chromium chromium-driver)",
        );
        let mut wanted = DesiredCapabilities::chrome();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ];
        for argument in arguments.iter().chain(more) {
            wanted.add_arg(argument).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        wanted.add_arg(&format!("--window-size={},900", look.width)).unwrap();
        wanted.add_arg(&format!("--accept-lang={}", look.language)).unwrap();
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        // Its own sign-in dialog is ours to see and to answer (`fedcm.rs`).
        wanted.set("fedcm:accounts", true).unwrap();
        let driver = WebDriver::new(&started.url, wanted).await.expect("Chromium does not start");
        let this = Self { page: Page { driver }, _driver: started, profile };
        this.look(look).await;
        this
    }

    /// Changes window, colours and language.
    pub async fn look(&self, look: Look) {
        let size = serde_json::json!({
            "width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if look.dark { "dark" } else { "light" };
        let media = serde_json::json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
        let agent = self.ask("navigator.userAgent").await;
        let language = serde_json::json!({ "userAgent": agent, "acceptLanguage": look.language });
        self.devtools("Emulation.setUserAgentOverride", language).await;
    }

    /// Saves a picture of the whole page in the folder that `PASSPORT_SCREENSHOTS` names, if any.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("PASSPORT_SCREENSHOTS") else { return };
        let whole = serde_json::json!({ "captureBeyondViewport": true });
        self.settled().await;
        let taken = self.devtools("Page.captureScreenshot", whole).await;
        let bytes = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), bytes).unwrap();
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(
        &self,
        command: &str,
        parameters: serde_json::Value,
    ) -> serde_json::Value {
        self.driver.cdp().send_raw(command, parameters).await.unwrap()
    }

    /// What the console has said since it was last asked: errors of scripts, breaches of the
    /// policy, failed requests.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.driver.browser_log().await.unwrap();
        entries.into_iter().map(|entry| format!("{} {}", entry.level, entry.message)).collect()
    }

    /// Closes it, and waits until it has written down what it keeps.
    pub async fn quit(self) {
        self.driver.clone().quit().await.unwrap();
    }
}

impl Deref for Chromium {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // After a failure there is nobody to wait for.
        let _ = self.page.driver.clone().leak();
    }
}
