//! A person who is signed in, two apps, and what a page or a cache could see of an answer.

use harness::{Answer, Browser, Database, Passport, TestApp, fedcm};
use sso_server::config::Config;

/// The scene.
pub struct Scene {
    pub passport: Passport,
    pub aw: TestApp,
    pub bw: TestApp,
    pub browser: Browser,
    /// Who has signed in there.
    pub member: String,
    /// Nobody has signed in here.
    pub stranger: Browser,
}

impl Scene {
    pub async fn start() -> Self {
        Self::on(Database::Sqlite).await
    }

    pub async fn on(database: Database) -> Self {
        Self::with(database, |_| {}).await
    }

    pub async fn with(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        let passport = Passport::with(database, change).await;
        let member = passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let bw = passport.add_app("bw").await;
        let browser = passport.signed_in("member").await;
        let stranger = passport.browser();
        Self { passport, aw, bw, browser, member, stranger }
    }

    /// Whether the browser would find somebody.
    pub async fn offers(&self, browser: &Browser) -> bool {
        let answer = fedcm::accounts(browser).await;
        match answer.status.as_u16() {
            200 => true,
            401 => false,
            _ => panic!("{}: {}", answer.status, answer.body),
        }
    }
}

/// The word of a refusal.
pub fn refusal(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!(body["error"]["code"], body["error"]["error"], "{body}");
    assert!(body.get("token").is_none(), "{body}");
    body["error"]["code"].as_str().unwrap().to_owned()
}

/// What could be seen of an answer.
pub fn seen(answer: &Answer) -> (u16, String, Vec<String>) {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    (answer.status.as_u16(), answer.body.clone(), headers)
}

/// The browser may hand this answer to the page of that origin, and to no other.
pub fn assert_open_to(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
}

/// No page gets this answer.
pub fn assert_closed(answer: &Answer) {
    for name in ["access-control-allow-origin", "access-control-allow-credentials", "set-cookie"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
}

/// Kept by nobody, and read as nothing but JSON.
pub fn assert_sealed(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), "no-store, private");
    assert_eq!(answer.header("vary"), "Cookie, Origin, Sec-Fetch-Dest");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("content-type"), "application/json");
}
