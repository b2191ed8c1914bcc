//! Two who lock a person and their session, each in the other's order (PostgreSQL): the one that is
//! failed for it tries again, and nobody hears of it.

use harness::{Database, PASSWORD, Passport};
use sso_server::{
    flows::users,
    store::{Stored, Tx},
};

/// Tries for the right one of the two to be failed.
const TRIES: usize = 5;

/// Locks the rows of a table as a transaction that changes them does.
async fn lock(tx: &mut Tx, sql: &'static str) -> Stored<()> {
    sqlx::query(sql).execute(&mut **tx).await?;
    Ok(())
}

/// Waits until PostgreSQL counts anything so.
async fn until_any(passport: &Passport, sql: &'static str, what: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while passport.count(sql).await == 0 {
        assert!(std::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Holds the sessions' rows while `act` runs, then wants the people's, which `act` holds by then.
/// PostgreSQL fails whoever has waited for a second and is in a circle by then: as a rule `act`, which
/// waits first. `false` if it was we, on a busy machine.
async fn against(passport: &Passport, act: impl Future<Output = ()>) -> bool {
    let mut tx = passport.app.db.write().await.unwrap();
    lock(&mut tx, "UPDATE sessions SET last_seen_at = last_seen_at").await.unwrap();
    let other_way = async {
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                       WHERE wait_event_type = 'Lock' AND datname = current_database()";
        until_any(passport, waiting, "nobody waits").await;
        match lock(&mut tx, "UPDATE users SET app_flag = app_flag").await {
            Ok(()) => {
                tx.commit().await.unwrap();
                true
            }
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                drop(tx);
                false
            }
        }
    };
    let ((), was_act) = futures_util::future::join(act, other_way).await;
    let resolved = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    until_any(passport, resolved, "control: there was a deadlock").await;
    was_act
}

#[actix_web::test]
async fn disabling_an_account_outlives_a_deadlock() {
    for _ in 0..TRIES {
        let passport = Passport::on(Database::Postgres).await;
        passport.add_user("member").await;
        passport.signed_in("member").await;
        let was_it = against(&passport, async {
            let ended = users::disable(&passport.app, "member", false).await.unwrap();
            assert_eq!(ended.sessions, 1);
        })
        .await;
        if was_it {
            return;
        }
    }
    panic!("it was always the other one that was failed");
}

#[actix_web::test]
async fn a_login_outlives_a_deadlock() {
    for _ in 0..TRIES {
        let passport = Passport::on(Database::Postgres).await;
        passport.add_user("member").await;
        let mut browser = passport.signed_in("member").await;
        let aw = passport.add_app("aw").await;
        let query = aw.login_query(&[("prompt", "login")]);
        let form = browser.login_form(&query, "member", PASSWORD).await;
        let was_it = against(&passport, async {
            assert_eq!(browser.submit(&form).await.status, 303);
        })
        .await;
        assert!(browser.is_signed_in().await);
        if was_it {
            return;
        }
    }
    panic!("it was always the other one that was failed");
}
