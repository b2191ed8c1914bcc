//! A second real browser: Debian's Firefox ESR, driven by geckodriver.

use std::{ops::Deref, path::PathBuf, process::Command};

use reqwest::Method;
use serde_json::json;
use thirtyfour::{
    DesiredCapabilities, SessionId, WebDriver,
    common::{
        capabilities::firefox::FirefoxPreferences, command::FormatRequestData,
        requestdata::RequestData,
    },
};

use crate::{driver::Driver, page::Page};

/// A geckodriver with one browser.
pub struct Firefox {
    page: Page,
    /// What it calls itself: `Mozilla/5.0 (…) Gecko/20100101 Firefox/153.0`.
    pub agent: String,
    _driver: Driver,
    _profile: tempfile::TempDir,
}

/// How the browser is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As it comes: each site has cookies of its own for every other site (Total Cookie Protection).
    Default,
    /// A private window.
    Private,
    /// Cookies go along everywhere, as `network.cookie.cookieBehavior` 0 has it.
    Open,
}

/// Whatever is not `*.localhost` goes to a proxy on this port, where nobody is: no outside network.
/// `*.localhost` itself needs no preference: Firefox takes it for this machine, and for a secure
/// context.
const NOBODY: u16 = 9;

impl Firefox {
    /// Starts one, with an empty profile.
    pub async fn start(mode: Mode) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let started = Driver::start(
            Command::new(geckodriver()).args(["--port=0", "--profile-root"]).arg(profile.path()),
            "Listening on 127.0.0.1:",
            "geckodriver: `tests/run` installs it (`cargo install geckodriver`)",
        );
        let mut wanted = DesiredCapabilities::firefox();
        wanted.add_arg("-headless").unwrap();
        // By itself it prefers a Firefox that came as a snap.
        if let Some(ours) = in_path("firefox-esr") {
            wanted.set_firefox_binary(ours.to_str().unwrap()).unwrap();
        }
        let mut preferences = FirefoxPreferences::new();
        preferences.set("network.proxy.type", 1).unwrap();
        for kind in ["http", "ssl"] {
            preferences.set(&format!("network.proxy.{kind}"), "127.0.0.1").unwrap();
            preferences.set(&format!("network.proxy.{kind}_port"), NOBODY).unwrap();
        }
        preferences.set("intl.accept_languages", "en").unwrap();
        match mode {
            Mode::Default => {}
            Mode::Private => preferences.set("browser.privatebrowsing.autostart", true).unwrap(),
            Mode::Open => preferences.set("network.cookie.cookieBehavior", 0).unwrap(),
        }
        wanted.set_preferences(preferences).unwrap();
        let driver = WebDriver::new(&started.url, wanted).await.expect("Firefox does not start");
        let page = Page { driver };
        let agent = page.ask("navigator.userAgent").await.as_str().unwrap().to_owned();
        Self { page, agent, _driver: started, _profile: profile }
    }

    /// Lets the site of the frame that the driver stands in have its cookies on this page, as a person
    /// does who says yes.
    pub async fn grant(&self) {
        self.driver.handle().cmd(Grant).await.unwrap();
    }

    /// Closes it.
    pub async fn quit(self) {
        self.driver.clone().quit().await.unwrap();
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// From `PATH`, or from where `tests/run` lets cargo put it, which need not be in `PATH`.
fn geckodriver() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    in_path("geckodriver")
        .or_else(|| home.map(|home| home.join("bin/geckodriver")))
        .unwrap_or_else(|| "geckodriver".into())
}

/// Permissions, "Set Permission".
#[derive(Debug)]
struct Grant;

impl FormatRequestData for Grant {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let wanted = json!({ "descriptor": { "name": "storage-access" }, "state": "granted" });
        RequestData::new(Method::POST, format!("session/{session}/permissions")).add_body(wanted)
    }
}

impl Deref for Firefox {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        // After a failure there is nobody to wait for.
        let _ = self.page.driver.clone().leak();
    }
}
