//! A database that fails: the answer is "not known", and nobody enters by it.

use std::sync::Arc;

use harness::{Answer, Database, NOON, Passport, faults::FaultyPostgres};
use serde_json::json;
use sso_server::clock::Clock;

use crate::scene::{Scene, assert_invalid_ticket, assert_problem, insist};

/// A refusal that says "not known": nothing of the person, and when to come back.
fn assert_unavailable(answer: &Answer) {
    assert_problem(answer, 503, "unavailable");
    assert_ne!(answer.header("retry-after"), "");
}

async fn run(passport: &Passport, sql: &'static str) {
    let mut tx = passport.app.db.write().await.unwrap();
    sqlx::query(sql).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

// SECURITY-CASES T-09: each write of a redemption fails in turn.
#[actix_web::test]
async fn without_the_write_nobody_enters_on_sqlite() {
    let mut scene = Scene::start().await;
    for (broken, whole) in [
        (
            "CREATE TRIGGER broken BEFORE INSERT ON spent_tickets BEGIN SELECT RAISE(ABORT, 'disk'); END",
            "DROP TRIGGER broken",
        ),
        (
            "CREATE TRIGGER broken BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'disk'); END",
            "DROP TRIGGER broken",
        ),
        (
            "CREATE TRIGGER broken BEFORE INSERT ON app_sessions BEGIN SELECT RAISE(ABORT, 'disk'); END",
            "DROP TRIGGER broken",
        ),
        (
            "CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk'); END",
            "DROP TRIGGER broken",
        ),
    ] {
        let ticket = scene.ticket().await;
        let (spent, entered) = (scene.spent().await, scene.entered().await);
        // A sign of life is written only when the last one is a minute old.
        run(&scene.passport, "UPDATE sessions SET last_seen_at = last_seen_at - 60000").await;
        run(&scene.passport, broken).await;
        assert_unavailable(&scene.aw.redeem(&ticket).await);
        let body = json!({ "ticket": ticket, "return_to": scene.aw.return_to });
        assert_unavailable(&scene.aw.redeem_body(body, &[("idempotency-key", "k")]).await);
        assert_eq!((scene.spent().await, scene.entered().await), (spent, entered), "{broken}");
        run(&scene.passport, whole).await;
        assert_eq!(scene.aw.redeem(&ticket).await.status, 200, "{broken}");
        scene.refuses("already_used", scene.aw.redeem(&ticket)).await;
    }
}

// SECURITY-CASES T-09: the connection breaks before each question of a redemption in turn, its
// COMMIT included.
#[actix_web::test]
async fn without_the_write_nobody_enters_on_postgres() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let url = Database::Postgres.create(folder.path()).await;
    let (proxy, through) = FaultyPostgres::before(&url).await;
    let clock = Clock::manual(NOON);
    let passport = Passport::over(Database::Postgres, &through, folder, clock, |_| {}).await;
    let scene = Scene::over(passport).await;
    let mut cuts = 0;
    for question in 1.. {
        // Connections from before a cut are dead; the pool finds out one by one.
        let browser = scene.browser.clone();
        let sent = insist(async || scene.aw.send(&mut browser.clone()).await).await;
        let ticket = sent.ticket();
        proxy.fail_at(question);
        let answer = scene.aw.redeem(&ticket).await;
        let was_cut = proxy.heal();
        if answer.status == 200 {
            assert_eq!(cuts, question - 1, "the last one, and all before were cut");
            break;
        }
        assert!(was_cut, "{}", answer.body);
        assert_unavailable(&answer);
        cuts += 1;
        let again = insist(async || scene.aw.redeem(&ticket).await).await;
        assert_eq!(again.status, 200, "after question {question}: {}", again.body);
        assert_invalid_ticket(&insist(async || scene.aw.redeem(&ticket).await).await);
    }
    assert!(cuts >= 5, "begin, spend, lock, record, commit: {cuts}");
    assert_eq!(scene.entered().await, cuts + 1, "once each");
    assert_eq!(scene.spent().await, cuts + 1);
}
