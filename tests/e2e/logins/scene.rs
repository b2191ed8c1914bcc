//! What several of these tests need: a login whose whole answer is looked at, and the counters.

use std::collections::BTreeMap;

use harness::{Answer, Browser, Form, Passport};
use serde_json::Value;
use sqlx::Row;
use sso_server::{
    domain::password::Password,
    hashing::{Busy, Verdict},
    store::audit::Line,
};
use tokio::task::JoinHandle;

/// A form to sign in with, filled in.
pub async fn filled_in(browser: &mut Browser, name: &str, password: &str) -> Form {
    browser.login_form("", name, password).await
}

/// Sends name and password from a page just opened.
pub async fn attempt(browser: &mut Browser, name: &str, password: &str) -> Answer {
    let form = filled_in(browser, name, password).await;
    browser.submit(&form).await
}

/// All counters by their keys: how many attempts each has counted.
pub async fn counters(passport: &Passport) -> BTreeMap<String, i64> {
    let mut connection = passport.app.db.read().await.unwrap();
    let rows = sqlx::query("SELECT id, failures FROM throttles")
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The one counter whose key begins so.
pub async fn counter(passport: &Passport, kind: &str) -> i64 {
    let all = counters(passport).await;
    let found: Vec<i64> =
        all.iter().filter(|(key, _)| key.starts_with(kind)).map(|(_, number)| *number).collect();
    assert_eq!(found.len(), 1, "one counter {kind}… in {all:?}");
    found[0]
}

/// Why logins were refused, and how often each.
pub async fn refusals(passport: &Passport) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for line in passport.audit().await.iter().filter(|line| line.kind == "login.refused") {
        *reasons.entry(fact(line, "why")).or_default() += 1;
    }
    reasons
}

/// A fact of an audit line, as text.
pub fn fact(line: &Line, name: &str) -> String {
    let detail: Value = serde_json::from_str(&line.detail).unwrap();
    detail[name].as_str().unwrap_or_default().to_owned()
}

/// How many sessions have not ended.
pub async fn live_sessions(passport: &Passport) -> i64 {
    passport.count("SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await
}

/// Changes somebody's stored hash by hand, as a bad import would.
pub async fn rewrite_hash(passport: &Passport, name: &str, change: impl FnOnce(&str) -> String) {
    let mut tx = passport.app.db.write().await.unwrap();
    let row = sqlx::query("SELECT password_hash FROM users WHERE username_key = $1")
        .bind(name)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    sqlx::query("UPDATE users SET password_hash = $1 WHERE username_key = $2")
        .bind(change(row.get::<String, _>(0).as_str()))
        .bind(name)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Waits until it is so, for what another connection or thread does beside the test.
pub async fn eventually(so: impl AsyncFn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !so().await {
        assert!(std::time::Instant::now() < deadline, "it never came to be");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Keeps a hashing thread busy for a good while: an expensive hash of former days is compared. It is
/// in the pool when this returns, or finished because the pool was full.
pub async fn hold_the_pool(passport: &Passport) -> JoinHandle<Result<Verdict, Busy>> {
    let app = passport.app.clone();
    let held = tokio::spawn(async move {
        app.passwords.verify(Password::typed("x").unwrap(), Some(EXPENSIVE)).await
    });
    // The test's own thread runs it as far as the pool.
    tokio::task::yield_now().await;
    held
}

/// A hash that takes a good part of a second of a core.
const EXPENSIVE: &str = "$argon2id$v=19$m=32768,t=16,p=1$c29tZXNhbHRzb21lc2FsdA$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A";
