//! An app's server, by plain HTTP: what a partner without an SDK does.

use std::net::SocketAddr;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use client_sdk::wire::{EventPage, Redeemed};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Answer, Browser, browser::encode};

/// A registered app.
#[derive(Clone, Debug)]
pub struct TestApp {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Its first return URL.
    pub return_to: String,
    browser: Browser,
}

/// A verifier, and the challenge that goes with it.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// S256 of a verifier.
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// What an answer of `/check` says, in either shape.
pub fn checked(answer: &Answer) -> Value {
    let body = match answer.body.strip_prefix("/**/") {
        None => &*answer.body,
        Some(script) => {
            let (_, call) = script.split_once("&&").unwrap();
            call.split_once('(').unwrap().1.strip_suffix(");").unwrap()
        }
    };
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{} {}", answer.status, answer.body))
}

impl TestApp {
    /// An app that talks to Passport at `address`.
    pub fn new(
        address: SocketAddr,
        public_url: &str,
        id: &str,
        secret: &str,
        return_to: &str,
    ) -> Self {
        let browser = Browser::new(address, public_url);
        let text = str::to_owned;
        Self { id: text(id), secret: text(secret), return_to: text(return_to), browser }
    }

    /// The same app, talking to another node.
    pub fn at(&self, node: &crate::Passport) -> Self {
        Self::new(node.address, &node.url, &self.id, &self.secret, &self.return_to)
    }

    /// The query with which it sends people to `/login`.
    pub fn login_query(&self, more: &[(&str, &str)]) -> String {
        let own =
            [("app", self.id.as_str()), ("return_to", self.return_to.as_str()), ("state", "st-1")];
        format!("?{}", encode(own.into_iter().chain(more.iter().copied())))
    }

    /// Sends a browser to `/login`.
    pub async fn send(&self, browser: &mut Browser) -> Answer {
        self.send_with(browser, &[]).await
    }

    /// The same, with further parameters.
    pub async fn send_with(&self, browser: &mut Browser, more: &[(&str, &str)]) -> Answer {
        browser.get(&format!("/login{}", self.login_query(more))).await
    }

    /// The origin of its pages.
    pub fn origin(&self) -> String {
        url::Url::parse(&self.return_to).unwrap().origin().ascii_serialization()
    }

    /// What one of its pages asks.
    pub fn check_path(&self, more: &[(&str, &str)]) -> String {
        let challenge = challenge(VERIFIER);
        let own = [("app", self.id.as_str()), ("state", "st-1"), ("challenge", &challenge)];
        format!("/check?{}", encode(own.into_iter().chain(more.iter().copied())))
    }

    /// One of its pages asks whether its visitor is signed in, by `fetch`, in a browser that lets our
    /// cookies go along.
    pub async fn check(&self, browser: &Browser) -> Answer {
        let origin = self.origin();
        let headers = [
            ("origin", origin.as_str()),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-storage-access", "active"),
        ];
        browser.on_another_site().get_with(&self.check_path(&[]), &headers).await
    }

    /// The same by a script element with `crossorigin="use-credentials"`.
    pub async fn check_by_script(&self, browser: &Browser, callback: &str) -> Answer {
        let origin = self.origin();
        let headers = [
            ("origin", origin.as_str()),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "script"),
            ("sec-fetch-storage-access", "active"),
        ];
        let path = self.check_path(&[("callback", callback)]);
        browser.on_another_site().get_with(&path, &headers).await
    }

    /// The same through Passport's frame in its page, in a browser that lets our cookies through there.
    pub async fn check_by_frame(&self, browser: &Browser) -> Answer {
        let body = json!({
            "app": self.id, "origin": self.origin(), "state": "st-1", "challenge": challenge(VERIFIER),
        });
        self.ask_as_frame(browser, &body, &[]).await
    }

    /// What our frame's script sends, with another body, or other headers.
    pub async fn ask_as_frame(
        &self,
        browser: &Browser,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let ours = browser.url();
        let usual = [
            ("content-type", "application/json"),
            ("origin", ours.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-storage-access", "active"),
        ];
        let others =
            usual.iter().filter(|(name, _)| headers.iter().all(|(other, _)| other != name));
        let all: Vec<(&str, &str)> =
            others.chain(headers).copied().filter(|(_, value)| *value != "-").collect();
        let body = Some(body.to_string());
        browser.on_another_site().request(Method::POST, "/frame/ticket", body, &all).await
    }

    /// Redeems a ticket that one of its pages got.
    pub async fn redeem_in_page(&self, ticket: &str) -> Answer {
        self.redeem_body(json!({ "ticket": ticket, "verifier": VERIFIER }), &[]).await
    }

    /// The `Authorization` header.
    pub fn authorization(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }

    /// Calls the API.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let authorization = self.authorization();
        let mut all = vec![("authorization", authorization.as_str())];
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.extend_from_slice(headers);
        self.browser.clone().request(method, path, body.map(|body| body.to_string()), &all).await
    }

    /// Calls the API with a body of any bytes and no header but these.
    pub async fn call_raw(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.browser.clone().request_bytes(method, path, Some(body), headers).await
    }

    /// Redeems a ticket at its return URL.
    pub async fn redeem(&self, ticket: &str) -> Answer {
        self.redeem_body(json!({ "ticket": ticket, "return_to": self.return_to }), &[]).await
    }

    /// Redeems with a body of one's own.
    pub async fn redeem_body(&self, body: Value, headers: &[(&str, &str)]) -> Answer {
        self.call(Method::POST, "/api/v1/tickets/redeem", Some(body), headers).await
    }

    /// Lets a signed-in browser in: silent redirect and redemption.
    pub async fn enter(&self, browser: &mut Browser) -> Redeemed {
        let sent = self.send(browser).await;
        let redeemed = self.redeem(&sent.ticket()).await;
        assert_eq!(redeemed.status, 200, "{}", redeemed.body);
        serde_json::from_str(&redeemed.body).unwrap()
    }

    /// Reads its log after a cursor, without waiting.
    pub async fn events(&self, after: &str) -> EventPage {
        let answer = self
            .call(Method::GET, &format!("/api/v1/events?after={after}&instance=test"), None, &[])
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Reads its log as one of its instances, without waiting.
    pub async fn poll(&self, instance: &str, after: &str, more: &[(&str, &str)]) -> EventPage {
        let own = [("after", after), ("instance", instance)];
        let query = encode(own.into_iter().chain(more.iter().copied()));
        let answer = self.call(Method::GET, &format!("/api/v1/events?{query}"), None, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// One of its instances says good-bye.
    pub async fn leave(&self, instance: &str) -> Answer {
        let body = json!({ "instance": instance });
        self.call(Method::POST, "/api/v1/events/leave", Some(body), &[]).await
    }

    /// Asks about an app session.
    pub async fn status(&self, app_session: &str) -> Answer {
        self.call(Method::GET, &format!("/api/v1/app-sessions/{app_session}"), None, &[]).await
    }

    /// Ends an app session.
    pub async fn end(&self, app_session: &str, scope: &str) -> Answer {
        let path = format!("/api/v1/app-sessions/{app_session}/end");
        self.call(Method::POST, &path, Some(json!({ "scope": scope })), &[]).await
    }
}
