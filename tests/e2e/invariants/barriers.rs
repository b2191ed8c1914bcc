//! Something happens while the last step is under way. PostgreSQL lets a test hold a row, and so
//! hold a request at a known place; SQLite's writers come one after the other anyway.

use std::time::Duration;

use harness::{Answer, Database, PASSWORD, Passport, TestApp};
use sqlx::{Connection, Executor, PgConnection};
use sso_server::flows::users;
use tokio::task::{JoinHandle, spawn_local};

/// A lock that a request will run into.
struct Barrier {
    holder: PgConnection,
    observer: PgConnection,
}

impl Barrier {
    /// Holds what `sql` changes, without changing it in the end.
    async fn hold(passport: &Passport, sql: &'static str) -> Self {
        let url = &passport.app.config.database.url;
        let mut holder = PgConnection::connect(url).await.unwrap();
        holder.execute("BEGIN").await.unwrap();
        holder.execute(sql).await.unwrap();
        Self { holder, observer: PgConnection::connect(url).await.unwrap() }
    }

    /// Waits until so many requests stand before it.
    async fn until_reached(&mut self, by: i64) {
        loop {
            let (waiting,): (i64,) = sqlx::query_as(
                "SELECT COUNT(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .fetch_one(&mut self.observer)
            .await
            .unwrap();
            if waiting >= by {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn open(mut self) {
        self.holder.execute("ROLLBACK").await.unwrap();
    }
}

/// A login that runs into the barrier with everything but the last write behind it.
async fn log_in(passport: &Passport) -> JoinHandle<Answer> {
    let mut browser = passport.browser();
    let form = browser.login_form("", "member", PASSWORD).await;
    spawn_local(async move { browser.submit(&form).await })
}

fn redeem(app: &TestApp, ticket: String) -> JoinHandle<Answer> {
    let app = app.clone();
    spawn_local(async move { app.redeem(&ticket).await })
}

const MEMBER: &str = "UPDATE users SET last_login_at = 0 WHERE username_key = 'member'";

// SECURITY-CASES INV-02: disabled after the password was found right.
#[actix_web::test]
async fn disabled_while_the_log_in_is_under_way() {
    let passport = Passport::on(Database::Postgres).await;
    let id = passport.add_user("member").await;
    let mut barrier = Barrier::hold(&passport, MEMBER).await;
    let log_in = log_in(&passport).await;
    barrier.until_reached(1).await;
    barrier
        .holder
        .execute("UPDATE users SET disabled_at = 1 WHERE username_key = 'member'")
        .await
        .unwrap();
    barrier.holder.execute("COMMIT").await.unwrap();

    assert_eq!(log_in.await.unwrap().status, 401);
    assert_eq!(passport.count("SELECT COUNT(*) FROM sessions").await, 0);
    let line = passport.audited("login.refused").await;
    assert_eq!((line.user, line.detail), (Some(id), "{\"why\":\"disabled\"}".to_owned()));
}

// SECURITY-CASES INV-03: others' guesses block the account while the right password is on its way.
#[actix_web::test]
async fn blocked_while_the_log_in_is_under_way() {
    let passport = Passport::on(Database::Postgres).await;
    passport.add_user("member").await;
    let mut barrier = Barrier::hold(&passport, MEMBER).await;
    let first = log_in(&passport).await;
    barrier.until_reached(1).await;
    for _ in 0..4 {
        assert_eq!(passport.browser().try_password("member", "a wrong guess").await, 401);
    }
    barrier.open().await;
    assert_eq!(first.await.unwrap().status, 401);
    assert_eq!(passport.count("SELECT COUNT(*) FROM sessions").await, 0);
    assert!(passport.audit().await.iter().any(|line| line.detail.contains("\"blocked\"")));

    // The control: with one guess less, the same login gets in.
    passport.advance(20 * harness::MINUTE);
    passport.signed_in("member").await;
    let mut barrier = Barrier::hold(&passport, MEMBER).await;
    let second = log_in(&passport).await;
    barrier.until_reached(1).await;
    for _ in 0..3 {
        assert_eq!(passport.browser().try_password("member", "a wrong guess").await, 401);
    }
    barrier.open().await;
    assert_eq!(second.await.unwrap().status, 303);
}

// SECURITY-CASES INV-02, INV-07: the session ends while its ticket is being redeemed. Whoever comes
// first at the row, no app session is left without an end.
#[actix_web::test]
async fn ended_while_the_ticket_is_being_redeemed() {
    let passport = Passport::on(Database::Postgres).await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let ticket = aw.send(&mut browser).await.ticket();
    let mut barrier =
        Barrier::hold(&passport, "UPDATE sessions SET last_seen_at = last_seen_at").await;
    let redeemed = redeem(&aw, ticket);
    barrier.until_reached(1).await;
    let app = passport.app.clone();
    let disabled = spawn_local(async move { users::disable(&app, "member", false).await });
    barrier.until_reached(2).await;
    barrier.open().await;
    disabled.await.unwrap().unwrap();
    let redeemed = redeemed.await.unwrap();

    let live = "SELECT COUNT(*) FROM app_sessions WHERE ended_at IS NULL";
    assert_eq!(passport.count(live).await, 0);
    let opened = i64::from(redeemed.status == 200);
    assert_eq!(passport.count("SELECT COUNT(*) FROM app_sessions").await, opened);
    assert_eq!(aw.events("0").await.events.len() as i64, opened, "it hears of the end");
}
