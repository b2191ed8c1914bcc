//! A person who is signed in, an app that is allowed all shapes, another app, and how pages ask.

use harness::{Answer, Browser, Database, Passport, TestApp};
use serde_json::Value;
use sso_server::{
    config::Config,
    flows::apps::{self, ChangeApp},
};

/// The scene.
pub struct Scene {
    pub passport: Passport,
    pub aw: TestApp,
    pub bw: TestApp,
    pub browser: Browser,
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
        passport.add_user("member").await;
        let aw = passport.add_app_with("aw", |app| app.jsonp = true).await;
        let bw = passport.add_app("bw").await;
        let browser = passport.signed_in("member").await;
        let stranger = passport.browser();
        Self { passport, aw, bw, browser, stranger }
    }

    /// Changes aw's registration.
    pub async fn change(&self, change: ChangeApp<'_>) {
        apps::update(&self.passport.app, "aw", change).await.unwrap();
    }
}

/// A header, by name and value.
pub type Header<'a> = (&'a str, &'a str);

/// Asks as a page does, with these headers and no others.
pub async fn ask(browser: &Browser, path: &str, headers: &[Header<'_>]) -> Answer {
    browser.on_another_site().get_with(path, headers).await
}

/// The word of an answer.
pub fn status(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    harness::app::checked(answer)["status"].as_str().unwrap().to_owned()
}

/// The ticket of an answer.
pub fn ticket(answer: &Answer) -> String {
    match harness::app::checked(answer)["ticket"].clone() {
        Value::String(ticket) => ticket,
        other => panic!("{other}: {}", answer.body),
    }
}
