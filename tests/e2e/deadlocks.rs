//! Two who lock a person and their session, each in the other's order (PostgreSQL): the one that is
//! failed for it tries again, and nobody hears of it.

use harness::{Database, PASSWORD, Passport};
use sqlx::Row;
use sso_server::{flows::users, store::Tx};

/// Locks the rows of a table as a transaction that changes them does.
async fn lock(tx: &mut Tx, sql: &'static str) {
    sqlx::query(sql).execute(&mut **tx).await.unwrap();
}

/// Waits until somebody waits for a lock.
async fn somebody_waits(passport: &Passport) {
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while passport.count(waiting).await == 0 {
        assert!(std::time::Instant::now() < deadline, "nobody waits");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// How many deadlocks PostgreSQL has resolved in this database.
async fn deadlocks(passport: &Passport) -> i64 {
    let mut connection = passport.app.db.read().await.unwrap();
    sqlx::query("SELECT pg_stat_clear_snapshot()").execute(&mut *connection).await.ok();
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    sqlx::query(sql).fetch_one(&mut *connection).await.unwrap().get(0)
}

/// Holds the sessions' rows while `act` runs, then wants the people's, which `act` holds by then.
async fn against(passport: &Passport, act: impl Future<Output = ()>) {
    let mut tx = passport.app.db.write().await.unwrap();
    lock(&mut tx, "UPDATE sessions SET last_seen_at = last_seen_at").await;
    let other_way = async {
        somebody_waits(passport).await;
        lock(&mut tx, "UPDATE users SET app_flag = app_flag").await;
        tx.commit().await.unwrap();
    };
    futures_util::future::join(act, other_way).await;
    assert_eq!(deadlocks(passport).await, 1, "control");
}

#[actix_web::test]
async fn disabling_an_account_outlives_a_deadlock() {
    let passport = Passport::on(Database::Postgres).await;
    passport.add_user("member").await;
    passport.signed_in("member").await;
    against(&passport, async {
        let ended = users::disable(&passport.app, "member", false).await.unwrap();
        assert_eq!(ended.sessions, 1);
    })
    .await;
}

#[actix_web::test]
async fn a_login_outlives_a_deadlock() {
    let passport = Passport::on(Database::Postgres).await;
    passport.add_user("member").await;
    let mut browser = passport.signed_in("member").await;
    let aw = passport.add_app("aw").await;
    let query = aw.login_query(&[("prompt", "login")]);
    let form = browser.login_form(&query, "member", PASSWORD).await;
    against(&passport, async {
        assert_eq!(browser.submit(&form).await.status, 303);
    })
    .await;
    assert!(browser.is_signed_in().await);
}
