//! The scene of most stories here: a person who is signed in, two apps, and what a refusal looks
//! like from outside and inside.

use std::future::Future;

use harness::{Answer, Browser, Database, Passport, TestApp};
use serde_json::{Value, json};
use sso_server::{config::Config, store::audit::Line};

/// The person, two apps, and the person's browser.
pub struct Scene {
    pub passport: Passport,
    pub aw: TestApp,
    pub bw: TestApp,
    pub browser: Browser,
    /// The person's id.
    pub member: String,
}

impl Scene {
    pub async fn start() -> Self {
        Self::on(Database::Sqlite).await
    }

    pub async fn on(database: Database) -> Self {
        Self::with(database, |_| {}).await
    }

    pub async fn with(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        Self::over(Passport::with(database, change).await).await
    }

    /// On a Passport that runs already.
    pub async fn over(passport: Passport) -> Self {
        let member = passport.add_user("member").await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let browser = passport.signed_in("member").await;
        Self { passport, aw, bw, browser, member }
    }

    /// A fresh ticket for `aw`.
    pub async fn ticket(&mut self) -> String {
        self.aw.send(&mut self.browser).await.ticket()
    }

    /// How many tickets were spent so far, burned ones included.
    pub async fn spent(&self) -> i64 {
        self.passport.count("SELECT COUNT(*) FROM spent_tickets").await
    }

    /// How many app sessions were opened so far.
    pub async fn entered(&self) -> i64 {
        self.passport.count("SELECT COUNT(*) FROM app_sessions").await
    }

    /// How many lines the audit log has.
    pub async fn audit_lines(&self) -> i64 {
        self.passport.count("SELECT COUNT(*) FROM audit").await
    }

    /// A redemption that must be refused: the app hears the one answer for all reasons, nobody
    /// enters, and the audit log has the reason `why`. Answers that line.
    pub async fn refuses(&self, why: &str, redemption: impl Future<Output = Answer>) -> Line {
        let before = self.entered().await;
        // Lines of one millisecond have no order; a new moment makes this one the latest.
        self.passport.advance(1);
        let answer = redemption.await;
        assert_invalid_ticket(&answer);
        let line = self.passport.audited("ticket.refused").await;
        assert_eq!(line.at, self.passport.clock.now(), "this refusal was written down");
        assert_eq!(fact(&line, "why"), why);
        assert_eq!(self.entered().await, before, "nobody entered");
        line
    }
}

/// Asks again while the answer is "not known", as apps do. For tests in which so much happens at
/// once that a busy machine cannot do it in time.
pub async fn insist(ask: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..40 {
        let answer = ask().await;
        if answer.status != 503 {
            return answer;
        }
    }
    ask().await
}

/// A fact of an audit line.
pub fn fact(line: &Line, name: &str) -> Value {
    serde_json::from_str::<Value>(&line.detail).unwrap()[name].clone()
}

/// The one answer for every reason: fixed words, nothing of what was sent, no cookie, no address.
pub fn assert_invalid_ticket(answer: &Answer) {
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(
        answer.json(),
        json!({
            "type": "urn:passport:problem:invalid_ticket",
            "title": "The ticket is not accepted",
            "status": 400,
            "detail": "Send the person to /login again; the audit log says why this ticket is refused.",
            "code": "invalid_ticket",
        })
    );
    assert_eq!((answer.header("location"), answer.header("set-cookie")), ("", ""));
}

/// Another refusal of the API, by status and code; it never names a person.
pub fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    let problem = answer.json();
    assert_eq!(problem["code"], code, "{problem}");
    for secret in ["member", "app_session", "user"] {
        assert!(problem.get(secret).is_none(), "{problem}");
    }
    assert!(!answer.body.contains("member"), "{}", answer.body);
}
