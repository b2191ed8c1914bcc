//! Sign-in by the browser itself (FedCM): the requests that Chromium 148 sends, and its dialog, which
//! is no page: chromedriver sees and answers it (FedCM, "Automation").

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use thirtyfour::{
    SessionId,
    common::{command::FormatRequestData, requestdata::RequestData},
};

use crate::{
    Answer, Browser, TestApp,
    app::{VERIFIER, challenge},
    browser::encode,
    chromium::Chromium,
};

/// What goes with a request for the accounts.
pub const ASKS: [(&str, &str); 3] = [
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-mode", "no-cors"),
    ("sec-fetch-dest", "webidentity"),
];
/// What goes, beside the page's origin, with a request for an assertion or to disconnect.
pub const ASSERTS: [(&str, &str); 3] = [
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "webidentity"),
];

/// The browser asks who is signed in.
pub async fn accounts(browser: &Browser) -> Answer {
    browser.on_another_site().get_with("/fedcm/accounts", &ASKS).await
}

/// What a page gives the browser for us.
pub fn params() -> String {
    json!({ "challenge": challenge(VERIFIER), "state": "st-1" }).to_string()
}

impl TestApp {
    /// What the browser sends when the person has chosen an account in the dialog of one of its pages.
    pub fn assertion_fields(&self, account: &str) -> Vec<(&'static str, String)> {
        [
            ("client_id", &*self.id),
            ("account_id", account),
            ("disclosure_text_shown", "false"),
            ("is_auto_selected", "false"),
            ("mode", "passive"),
            ("params", &params()),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    }

    /// The browser asks for an assertion about an account.
    pub async fn assertion(&self, browser: &Browser, account: &str) -> Answer {
        self.assertion_with(browser, &self.assertion_fields(account)).await
    }

    /// The same with fields of one's own.
    pub async fn assertion_with(&self, browser: &Browser, fields: &[(&str, String)]) -> Answer {
        self.browser_posts(browser, "/fedcm/assertion", fields).await
    }

    /// The browser asks to forget an account.
    pub async fn disconnect(&self, browser: &Browser, hint: &str) -> Answer {
        let fields = [("client_id", self.id.clone()), ("account_hint", hint.to_owned())];
        self.browser_posts(browser, "/fedcm/disconnect", &fields).await
    }

    async fn browser_posts(
        &self,
        browser: &Browser,
        path: &str,
        fields: &[(&str, String)],
    ) -> Answer {
        let origin = self.origin();
        let headers: Vec<_> = ASSERTS.into_iter().chain([("origin", origin.as_str())]).collect();
        let body = encode(fields.iter().map(|(name, value)| (*name, value.as_str())));
        browser.on_another_site().post_body(path, body, &headers).await
    }
}

/// A command below `/session/{id}/fedcm/`.
#[derive(Debug)]
struct Command {
    name: &'static str,
    /// Without: asked by GET.
    body: Option<Value>,
}

impl FormatRequestData for Command {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let path = format!("session/{session}/fedcm/{}", self.name);
        match &self.body {
            Some(body) => RequestData::new(Method::POST, path).add_body(body.clone()),
            None => RequestData::new(Method::GET, path),
        }
    }
}

impl Chromium {
    async fn fedcm(&self, name: &'static str, body: Option<Value>) -> Result<Value, String> {
        let answer = self.driver.handle().cmd(Command { name, body }).await;
        answer.and_then(|answer| answer.value_json()).map_err(|error| error.to_string())
    }

    /// Errors come at once: otherwise the browser holds some of them back, so that no page learns from
    /// them who is signed in where.
    pub async fn without_delays(&self) {
        self.fedcm("setdelayenabled", Some(json!({ "enabled": false }))).await.unwrap();
    }

    /// The kind of the open dialog, if there is one.
    pub async fn dialog_now(&self) -> Option<String> {
        let kind = self.fedcm("getdialogtype", None).await.ok()?;
        kind.as_str().map(str::to_owned)
    }

    /// Waits for a dialog of a kind: `AccountChooser`, `AutoReauthn`, `ConfirmIdpLogin`, `Error`.
    pub async fn dialog(&self, wanted: &str) {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            let last = self.dialog_now().await;
            if last.as_deref() == Some(wanted) {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{last:?}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the dialog offers.
    pub async fn accounts_offered(&self) -> Vec<Value> {
        let list = self.fedcm("accountlist", None).await.unwrap();
        list.as_array().unwrap().clone()
    }

    /// Picks an account.
    pub async fn select_account(&self, index: usize) {
        let body = json!({ "accountIndex": index });
        self.fedcm("selectaccount", Some(body)).await.unwrap();
    }

    /// Presses a button of the dialog: `ConfirmIdpLoginContinue`, `ErrorGotIt`.
    pub async fn press_dialog(&self, button: &str) {
        let body = json!({ "dialogButton": button });
        self.fedcm("clickdialogbutton", Some(body)).await.unwrap();
    }

    /// Sends the dialog away.
    pub async fn cancel_dialog(&self) {
        self.fedcm("canceldialog", Some(json!({}))).await.unwrap();
    }
}
