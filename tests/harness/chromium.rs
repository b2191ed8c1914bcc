//! A real browser: Debian's Chromium, driven by chromedriver.

use std::{
    net::TcpListener,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use thirtyfour::{
    By, CapabilitiesHelper, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel,
    WebDriver, WebElement,
};

/// A chromedriver with one browser.
pub struct Chromium {
    /// The browser.
    pub driver: WebDriver,
    child: Child,
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
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // A group of their own, so that no browser outlives a failed test.
        let child = Command::new("chromedriver")
            .process_group(0)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver: `tests/run` installs it (Debian: chromium chromium-driver)");
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
        let driver = loop {
            match WebDriver::new(format!("http://127.0.0.1:{port}"), wanted.clone()).await {
                Ok(driver) => break driver,
                // chromedriver is not up yet.
                Err(error)
                    if error.to_string().contains("refused")
                        || error.to_string().contains("sending request") =>
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("Chromium does not start: {error}"),
            }
        };
        let this = Self { driver, child, profile };
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

    /// Waits until the open page is there in full.
    pub async fn settled(&self) {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while self.ask("document.readyState === 'complete' && innerWidth > 0").await != true {
            assert!(std::time::Instant::now() < deadline, "the page is never complete");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Presses keys where the focus is.
    pub async fn press(&self, keys: impl Into<thirtyfour::TypingData>) {
        self.driver.action_chain().send_keys(keys).perform().await.unwrap();
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

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.driver.goto(url).await.unwrap();
    }

    /// The one element of this selector, as soon as there is one.
    pub async fn find(&self, css: &str) -> WebElement {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            match self.driver.find(By::Css(css)).await {
                Ok(found) => return found,
                Err(error) => assert!(std::time::Instant::now() < deadline, "{css}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the element of this selector reads `wanted`. After a click the page before may
    /// still be there, or just be going.
    pub async fn reads(&self, css: &str, wanted: &str) {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        let script = format!("document.querySelector({css:?})?.innerText ?? ''");
        loop {
            let last = self.ask(&script).await;
            if last == wanted {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{css} reads {last}, not {wanted:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a script answers on the open page.
    pub async fn ask(&self, script: &str) -> serde_json::Value {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            match self.driver.execute(format!("return {script}"), []).await {
                Ok(answer) => return answer.json().clone(),
                // While a page goes and the next one comes there is nobody to answer.
                Err(error) => assert!(std::time::Instant::now() < deadline, "{script}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a person reads on the open page.
    pub async fn text(&self) -> String {
        self.ask("document.body.innerText").await.as_str().unwrap().to_owned()
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

impl Drop for Chromium {
    fn drop(&mut self) {
        // After a failure there is nobody to wait for.
        let _ = self.driver.clone().leak();
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
}
