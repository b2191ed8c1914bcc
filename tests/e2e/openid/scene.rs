//! A Passport that may speak to this machine, a provider, and the way between them.

use client_sdk::wire::Redeemed;
use harness::{
    Answer, Browser, Database, Passport, Provider, TestApp, browser::encode, provider::Sent,
};
use scraper::{Html, Selector};
use sso_server::{clock::Clock, config::Config, flows::users};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// The scene.
pub struct Scene {
    pub passport: Passport,
    pub provider: Provider,
}

/// As a laboratory is configured: without TLS, and with everything that the protocol has.
pub fn lab(config: &mut Config) {
    config.outgoing.allow_loopback = true;
    config.openid.plain_http = vec!["*".to_owned()];
    config.openid.version_1 = true;
    config.openid.sha1 = true;
}

impl Scene {
    pub async fn on(database: Database) -> Self {
        Self::with(database, |_| {}).await
    }

    pub async fn with(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let url = database.create(folder.path()).await;
        // The provider's clock is the real one, and its answers bear their time.
        #[expect(clippy::disallowed_methods, reason = "what the provider's clock says")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let clock = Clock::manual(i64::try_from(now).unwrap());
        let change = |config: &mut Config| {
            lab(config);
            change(config);
        };
        let passport = Passport::over(database, &url, folder, clock, change).await;
        Self { passport, provider: Provider::start() }
    }

    pub fn browser(&self) -> Browser {
        self.passport.browser()
    }

    /// From the login page to the provider: the answer that sends the browser there, or back.
    pub async fn leave(&self, browser: &mut Browser, query: &str, identifier: &str) -> Answer {
        let page = browser.get(&format!("/login{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let form = page.form("/login/openid").with("openid_identifier", identifier);
        let answer = browser.submit(&form).await;
        go_on(browser, answer).await
    }

    /// At the provider, and back at Passport with what it says.
    pub async fn come_back(&self, browser: &mut Browser, left: &Answer) -> Answer {
        assert_eq!(left.status, 303, "{}", left.text());
        let sent = self.provider.sends_back(left.location()).await;
        self.bring(browser, &sent).await
    }

    /// Brings to Passport what a provider has sent.
    pub async fn bring(&self, browser: &mut Browser, sent: &Sent) -> Answer {
        let path = sent.url.strip_prefix(&self.passport.url);
        let path = path.unwrap_or_else(|| panic!("not to us: {}", sent.url));
        match &sent.form {
            None => browser.get(path).await,
            Some(fields) => {
                // From another site, browsers bring no cookie that is `SameSite=Lax`.
                let body = encode(fields.iter().map(|(n, v)| (n.as_str(), v.as_str())));
                let mut there = browser.on_another_site();
                let answer = there.post_body(path, body, &[("origin", "null")]).await;
                assert_eq!(answer.status, 303, "{}", answer.text());
                browser.get(answer.location()).await
            }
        }
    }

    /// The whole way.
    pub async fn log_in(&self, browser: &mut Browser, query: &str, identifier: &str) -> Answer {
        let left = self.leave(browser, query, identifier).await;
        self.come_back(browser, &left).await
    }

    /// The whole way of somebody new, who takes the name.
    pub async fn register(&self, browser: &mut Browser, identifier: &str, name: &str) -> Answer {
        let answer = self.log_in(browser, "", identifier).await;
        let form = registration(browser, &answer).await.with("username", name);
        browser.submit(&form.with("nickname", "").with("email", "")).await
    }

    /// Another session of the person's, by password.
    pub async fn add_user(&self, name: &str) -> String {
        self.passport.add_user(name).await
    }

    /// Deletes an account.
    pub async fn delete_user(&self, name: &str) {
        users::delete(&self.passport.app, name, true).await.unwrap();
    }

    /// Nothing has come of anything: no account, no identity, no session.
    pub async fn nothing_changed(&self) {
        for sql in [
            "SELECT COUNT(*) FROM users",
            "SELECT COUNT(*) FROM identities",
            "SELECT COUNT(*) FROM sessions",
            "SELECT COUNT(*) FROM proven_identities",
            "SELECT COUNT(*) FROM openid_associations",
            "SELECT COUNT(*) FROM openid_wanted_associations",
        ] {
            assert_eq!(self.passport.count(sql).await, 0, "{sql}");
        }
    }
}

/// The page that says who is asked goes on by itself.
pub async fn go_on(browser: &mut Browser, answer: Answer) -> Answer {
    if answer.status != 200 {
        return answer;
    }
    let next = harness::provider::next_step(&answer).unwrap();
    browser.get(&next).await
}

/// The form for somebody whom nobody knows yet.
pub async fn registration(browser: &mut Browser, answer: &Answer) -> harness::Form {
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(answer.location().starts_with("/register/openid?t="), "{}", answer.location());
    let page = browser.get(answer.location()).await;
    assert_eq!(page.status, 200, "{}", page.text());
    page.form("/register/openid")
}

/// The value of an input that can be seen.
pub fn filled(page: &Answer, id: &str) -> String {
    let html = Html::parse_document(&page.body);
    let input = Selector::parse(&format!("input#{id}")).unwrap();
    let input = html.select(&input).next().unwrap_or_else(|| panic!("no {id}: {}", page.body));
    input.value().attr("value").unwrap_or_default().to_owned()
}

/// The problem that somebody is told, on the page that they are led back to.
pub fn problem(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let url = url::Url::parse("http://x/").unwrap().join(answer.location()).unwrap();
    let found = url.query_pairs().find(|(name, _)| name == "problem");
    found.unwrap_or_else(|| panic!("{}", answer.location())).1.into_owned()
}

/// The query with which an app sends somebody to the login page.
pub fn login_query(app: &TestApp) -> String {
    app.login_query(&[])
}

/// What the app learns from the ticket of an answer.
pub async fn redeemed(app: &TestApp, answer: &Answer) -> Redeemed {
    let redeemed = app.redeem(&answer.ticket()).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.body);
    serde_json::from_str(&redeemed.body).unwrap()
}
