//! An admin, a member, an app with two instances, and a program with a token.

use harness::{Answer, Browser, PASSWORD, Passport, TestApp};
use reqwest::Method;
use serde_json::Value;
use sso_server::{
    domain::admin::Scope,
    flows::{
        admin_tokens,
        users::{self, AddUser},
    },
};

/// Makes an admin; answers the id.
pub async fn add_admin(passport: &Passport, name: &str) -> String {
    let new = AddUser { username: name, email: None, admin: true, password: Some(PASSWORD) };
    users::add(&passport.app, new).await.unwrap().id.into()
}

/// A member who is in at `aw` with one browser.
pub struct Member {
    /// The person's id.
    pub id: String,
    /// The browser.
    pub browser: Browser,
    /// The session at Passport.
    pub session: String,
}

/// Makes one.
pub async fn member(passport: &Passport, name: &str, aw: &TestApp) -> Member {
    let id = passport.add_user(name).await;
    let mut browser = passport.signed_in(name).await;
    let session = aw.enter(&mut browser).await.session;
    Member { id, browser, session }
}

/// A program that administers.
pub struct Program {
    /// Its token.
    pub token: String,
    browser: Browser,
}

impl Program {
    /// With these scopes.
    pub async fn new(passport: &Passport, name: &str, scopes: &[Scope]) -> Self {
        let token = admin_tokens::add(&passport.app, name, scopes, None).await.unwrap().expose();
        Self { token, browser: passport.browser() }
    }

    /// Calls.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_with(&self.token, method, path, body).await
    }

    /// Calls with another token.
    pub async fn call_with(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let authorization = format!("Bearer {token}");
        let mut headers = vec![("authorization", authorization.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let path = format!("/api/v1/admin{path}");
        let body = body.map(|body| body.to_string());
        self.browser.clone().request(method, &path, body, &headers).await
    }

    /// Asks; must be answered.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Does something; must be done.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::POST, path, Some(body)).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        answer.json()
    }
}
