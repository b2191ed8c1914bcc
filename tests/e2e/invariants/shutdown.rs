//! Told to stop, a server finishes what is under way, sends home who waits, and ends (W-10).

use std::time::Duration;

use harness::{Database, PASSWORD, on_both, process::Home};
use reqwest::Method;
use rustix::process::Signal;
use sso_server::store::{Db, Options};

/// Repeats until the database says so.
async fn until(db: &Db, sql: &'static str) {
    loop {
        let mut connection = db.read().await.unwrap();
        let (found,): (i64,) = sqlx::query_as(sql).fetch_one(&mut *connection).await.unwrap();
        if found > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

// SECURITY-CASES W-10
#[actix_web::test]
async fn a_log_in_under_way_is_finished_and_polls_are_sent_home() {
    on_both(async |database| {
        let mut home = Home::new(database).await;
        // About a second of hashing in a build without optimisation.
        home.set("SSO_PASSWORD__MEMORY_KIB", "4096");
        home.set("SSO_PASSWORD__ITERATIONS", "6");
        home.set("SSO_PASSWORD__WAIT", "60s");
        let mut node = home.serve();
        home.add_user("member", PASSWORD);
        let aw = home.add_app("aw", &node);
        let db = Db::open(&Options { url: home.url.clone(), max_connections: 1 }).await.unwrap();

        let poll = "/api/v1/events?after=0&instance=waiting&wait=50";
        let waiting =
            tokio::task::spawn_local(async move { aw.call(Method::GET, poll, None, &[]).await });
        until(&db, "SELECT COUNT(*) FROM app_instances").await;
        let mut browser = node.browser();
        let form = browser.login_form("", "member", PASSWORD).await;
        let log_in = tokio::task::spawn_local(async move { browser.submit(&form).await });
        // The attempt is counted before the password is looked at, and its row stays.
        until(&db, "SELECT COUNT(*) FROM throttles").await;
        node.signal(Signal::TERM);

        let sent_home = waiting.await.unwrap();
        assert_eq!(sent_home.status, 200, "{}", sent_home.body);
        assert_eq!(sent_home.json()["cursor"], "0");
        assert_eq!(log_in.await.unwrap().status, 303, "finished");
        let ended = tokio::task::spawn_blocking(move || node.wait()).await.unwrap();
        assert!(ended.success(), "{ended}");

        let mut connection = db.read().await.unwrap();
        let sql = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";
        let (found,): (i64,) = sqlx::query_as(sql).fetch_one(&mut *connection).await.unwrap();
        assert_eq!(found, 1, "what was answered is kept");
    })
    .await;
}

// SECURITY-CASES W-10: a second SIGTERM changes nothing for those who are being answered; and what
// was acknowledged is there after the next start.
#[actix_web::test]
async fn told_twice_it_ends_once_and_well() {
    let home = Home::new(Database::Sqlite).await;
    let mut node = home.serve();
    home.add_user("member", PASSWORD);
    let mut browser = node.browser();
    browser.sign_in("member").await;
    node.signal(Signal::TERM);
    node.signal(Signal::TERM);
    let ended = tokio::task::spawn_blocking(move || node.wait()).await.unwrap();
    assert!(ended.success(), "{ended}");

    let node = home.serve();
    let mut again = node.browser();
    again.cookies = browser.cookies;
    assert!(again.is_signed_in().await);
}
