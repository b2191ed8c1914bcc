//! Everybody out: a hundred thousand sessions with five apps each, while people go on logging in.
//!
//! `cargo bench -p passport-tests --bench everybody_out`. The limit beside it: how fast this
//! database takes the same rows when nothing else is written with them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use harness::{Database, process::Home};
use sqlx::{AnyConnection, Connection as _, Executor};

const SESSIONS: usize = 100_000;
const APPS: usize = 5;

#[actix_web::main]
async fn main() {
    sqlx::any::install_default_drivers();
    for database in [Database::Sqlite, Database::Postgres] {
        everybody_out(database).await;
    }
}

async fn everybody_out(database: Database) {
    let mut home = Home::new(database).await;
    home.set("SSO_THROTTLE__ADDRESS_ATTEMPTS", "1000000");
    home.add_user("member", harness::PASSWORD);
    let node = home.serve();
    for number in 0..APPS {
        home.add_app(&format!("app{number}"), &node);
    }
    let raw = fill(&home.url).await;

    let running = Arc::new(AtomicBool::new(true));
    let goes_on = running.clone();
    let mut browser = node.browser();
    let logins = actix_web::rt::spawn(async move {
        let mut took = Vec::new();
        while goes_on.load(Ordering::SeqCst) {
            let form = browser.login_form("", "member", harness::PASSWORD).await;
            let begun = Instant::now();
            let answer = browser.submit(&form).await;
            assert_eq!(answer.status, 303, "{}", answer.text());
            took.push(begun.elapsed());
            browser.cookies.clear();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        took
    });
    let begun = Instant::now();
    let mut command = home.command(&["session", "end-many", "--everybody", "--json"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let took = begun.elapsed();
    running.store(false, Ordering::SeqCst);
    let mut logins = logins.await.unwrap();
    logins.sort();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let done: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    println!(
        "{database:?}: {} sessions, {} at apps, ended in {:.1} s ({:.0} app sessions a second; raw \
         inserts of as many rows took {:.1} s); {} logins meanwhile, median {:.0} ms, slowest {:.0} ms",
        done["sessions"],
        done["app_sessions"],
        took.as_secs_f64(),
        (SESSIONS * APPS) as f64 / took.as_secs_f64(),
        raw.as_secs_f64(),
        logins.len(),
        logins[logins.len() / 2].as_secs_f64() * 1e3,
        logins[logins.len() - 1].as_secs_f64() * 1e3,
    );
}

/// Writes the sessions as they would be after a busy day, with plain SQL; answers how long that took.
async fn fill(url: &str) -> Duration {
    let mut database = AnyConnection::connect(url).await.unwrap();
    let begun = Instant::now();
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {SESSIONS})"
    );
    let sessions = format!(
        "INSERT INTO sessions (id, digest, user_id, auth_time, amr, device, device_class, address,
             state, created_at, last_seen_at, idle_until, expires_at)
         {numbers} SELECT 's' || n.i, 'd' || n.i, u.id, 1, 'pwd', 'Firefox on Windows', 'desktop',
             '192.0.2.1', '{{}}', 1, 1, 4102444800000, 4102444800000
         FROM n CROSS JOIN users u WHERE u.username = 'member'"
    );
    let app_sessions = "INSERT INTO app_sessions (id, session_id, user_id, app_id, created_at, expires_at)
         SELECT s.id || a.id, s.id, s.user_id, a.id, 1, 4102444800000 FROM sessions s CROSS JOIN apps a";
    database.execute(sqlx::AssertSqlSafe(sessions)).await.unwrap();
    database.execute(app_sessions).await.unwrap();
    begun.elapsed()
}
