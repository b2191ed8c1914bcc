//! A browser without pictures: a cookie jar, headers as browsers send them, redirects by hand.
//! Pages that must be seen are looked at in Chromium (`chromium.rs`).

use std::{collections::BTreeMap, net::SocketAddr};

use reqwest::{Method, StatusCode, header::HeaderMap, redirect::Policy};
use scraper::{Html, Selector};

use crate::PASSWORD;

/// What a browser of the year sends.
pub const FIREFOX: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";

thread_local! {
    /// Making one takes 14 ms, cookies and headers are ours, and a test is a thread.
    #[expect(clippy::disallowed_methods, reason = "a browser of its own, with cookies by hand")]
    static HTTP: reqwest::Client =
        reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
}

/// A browser at Passport.
#[derive(Clone, Debug)]
pub struct Browser {
    http: reqwest::Client,
    address: SocketAddr,
    host: String,
    /// Cookies by name, as the jar of one site.
    pub cookies: BTreeMap<String, String>,
    /// The raw `Set-Cookie` headers of the last answer.
    pub set_cookies: Vec<String>,
    /// What it says it is.
    pub user_agent: String,
    /// Sent with every request, beside the usual.
    pub headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// A form on a page: hidden fields and whatever else was filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// Its fields, in the order of the page.
    pub fields: Vec<(String, String)>,
}

impl Browser {
    /// A new one, without cookies.
    pub fn new(address: SocketAddr, public_url: &str) -> Self {
        let http = HTTP.with(reqwest::Client::clone);
        let host = public_url.split_once("://").unwrap().1.to_owned();
        let (cookies, set_cookies, headers) = Default::default();
        let user_agent = FIREFOX.to_owned();
        Self { http, address, host, cookies, set_cookies, user_agent, headers }
    }

    /// The same browser, with its cookies, at another node of the same Passport.
    pub fn at(mut self, node: &crate::Passport) -> Self {
        self.address = node.address;
        node.url.split_once("://").unwrap().1.clone_into(&mut self.host);
        self
    }

    /// The same browser on a page of another site: of our cookies only those that are sent from there.
    pub fn on_another_site(&self) -> Self {
        let mut there = self.clone();
        there.forget_all_cookies_but(&["__Host-passport-x"]);
        there
    }

    /// The site that it is at.
    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Opens a path.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.request(Method::GET, path, None, &[]).await
    }

    /// Opens a path with further headers.
    pub async fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request(Method::GET, path, None, headers).await
    }

    /// Sends fields as a form.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = encode(fields.iter().map(|(name, value)| (*name, *value)));
        self.post_body(path, body, &[]).await
    }

    /// Sends a form body as it is, with further headers.
    pub async fn post_body(
        &mut self,
        path: &str,
        body: String,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.request(Method::POST, path, Some(body), &all).await
    }

    /// Sends a form.
    pub async fn submit(&mut self, form: &Form) -> Answer {
        let fields: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(&form.action, &fields).await
    }

    /// Any request.
    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_request(method, path, body.map(String::into_bytes), headers).await.unwrap()
    }

    /// The same with a body that need not be text.
    pub async fn request_bytes(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_request(method, path, body, headers).await.unwrap()
    }

    /// Any request, to a server that may go away meanwhile.
    pub async fn try_request(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let mut request = self
            .http
            .request(method, format!("http://{}{path}", self.address))
            .header("host", &self.host)
            .header("user-agent", &self.user_agent)
            .header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
        if !self.cookies.is_empty() {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = String::from_utf8_lossy(&response.bytes().await?).into_owned();
        self.keep_cookies(&headers);
        Ok(Answer { status, headers, body })
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        self.set_cookies = headers
            .get_all("set-cookie")
            .iter()
            .map(|header| header.to_str().unwrap().to_owned())
            .collect();
        for header in &self.set_cookies {
            let (name, rest) = header.split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap_or((rest, ""));
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The browser is closed and opened again: cookies without a life of their own are gone.
    /// `lasting` are the `Set-Cookie` headers that a test has collected.
    pub fn forget_all_cookies_but(&mut self, names: &[&str]) {
        self.cookies.retain(|name, _| names.contains(&name.as_str()));
    }

    /// Opens `/login` with a query and answers its form, filled in for `name`.
    pub async fn login_form(&mut self, query: &str, name: &str, password: &str) -> Form {
        let page = self.get(&format!("/login{query}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.form("/login").with("username", name).with("password", password).with("keep", "on")
    }

    /// Signs in, without an app.
    pub async fn sign_in(&mut self, name: &str) {
        let form = self.login_form("", name, PASSWORD).await;
        let answer = self.submit(&form).await;
        assert_eq!(answer.status, 303, "{name} cannot sign in: {}", answer.text());
        assert_eq!(answer.location(), "/account");
    }

    /// Tries a password without an app; answers the status.
    pub async fn try_password(&mut self, name: &str, password: &str) -> StatusCode {
        let form = self.login_form("", name, password).await;
        self.submit(&form).await.status
    }

    /// Signs out by the page.
    pub async fn sign_out(&mut self) {
        let form = self.get("/logout").await.form("/logout");
        let answer = self.submit(&form).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
    }

    /// Whether Passport knows this browser.
    pub async fn is_signed_in(&mut self) -> bool {
        let answer = self.get("/account").await;
        match answer.status.as_u16() {
            200 => true,
            303 => false,
            _ => panic!("{}: {}", answer.status, answer.text()),
        }
    }
}

/// `a=1&b=2`
pub fn encode<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Answer {
    /// A header's text, empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// A parameter of the URL that it sends the browser to.
    pub fn sent(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(self.location()).ok()?;
        url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    /// The ticket that it sends.
    pub fn ticket(&self) -> String {
        self.sent("ticket")
            .unwrap_or_else(|| panic!("no ticket: {} {}", self.status, self.location()))
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }

    /// What a person reads.
    pub fn text(&self) -> String {
        let page = Html::parse_document(&self.body);
        let main = Selector::parse("main").unwrap();
        let words = page.select(&main).flat_map(|main| main.text().collect::<Vec<_>>());
        words.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The form that goes to `action`, with its hidden fields; of several, the first.
    pub fn form(&self, action: &str) -> Form {
        self.forms(action)
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no form to {action}: {}", self.body))
    }

    /// The values of the buttons of this name, in the order of the page.
    pub fn buttons(&self, name: &str) -> Vec<String> {
        let page = Html::parse_document(&self.body);
        let button = Selector::parse(&format!("button[name='{name}']")).unwrap();
        let value =
            |button: scraper::ElementRef<'_>| button.value().attr("value").map(str::to_owned);
        page.select(&button).filter_map(value).collect()
    }

    /// All forms that go to `action`.
    pub fn forms(&self, action: &str) -> Vec<Form> {
        let page = Html::parse_document(&self.body);
        let form = Selector::parse(&format!("form[action='{action}']")).unwrap();
        let hidden = Selector::parse("input[type=hidden]").unwrap();
        let text = |input: scraper::ElementRef<'_>, name| {
            input.value().attr(name).unwrap_or("").to_owned()
        };
        page.select(&form)
            .map(|form| Form {
                action: action.to_owned(),
                fields: form.select(&hidden).map(|i| (text(i, "name"), text(i, "value"))).collect(),
            })
            .collect()
    }
}

impl Form {
    /// With a field filled in, or over.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(found, _)| found != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a field.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(found, _)| found != name);
        self
    }

    /// A field's value.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }
}
