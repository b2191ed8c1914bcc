//! Guessing: an app that shows many bad tickets is slowed down, and nobody else is.

use harness::{Answer, MINUTE};
use sso_server::config::Config;

use crate::scene::{Scene, assert_problem};

const LIMIT: u32 = 5;

async fn slow() -> Scene {
    let limit = |config: &mut Config| config.throttle.refused_tickets_per_minute = LIMIT;
    Scene::with(harness::Database::Sqlite, limit).await
}

fn assert_slowed(answer: &Answer) {
    assert_problem(answer, 429, "too_many_requests");
    let wait: i64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

// SECURITY-CASES T-30
#[actix_web::test]
async fn an_app_that_guesses_is_slowed_down() {
    let mut scene = slow().await;
    let entered = scene.aw.enter(&mut scene.browser).await;
    let (ticket, at_bw) = (scene.ticket().await, scene.bw.send(&mut scene.browser).await.ticket());
    for number in 0..LIMIT {
        scene.refuses("not_genuine", scene.aw.redeem(&format!("guess-{number}"))).await;
    }
    let (lines, spent) = (scene.audit_lines().await, scene.spent().await);
    for text in ["guess", &*ticket, &at_bw] {
        assert_slowed(&scene.aw.redeem(text).await);
    }
    assert_eq!(scene.audit_lines().await, lines, "the log cannot be flooded");
    assert_eq!(scene.spent().await, spent, "nothing is burned by a 429");

    assert_eq!(scene.bw.redeem(&at_bw).await.status, 200, "another app goes on");
    let status = scene.aw.status(&entered.app_session).await.json();
    assert_eq!(status["state"], "active", "nothing was revoked");
    assert_eq!(scene.aw.events("0").await.events, [], "and the rest of the API goes on");

    scene.passport.advance(MINUTE);
    let ticket = scene.ticket().await;
    assert_eq!(scene.aw.redeem(&ticket).await.status, 200, "the next minute");
}

// SECURITY-CASES T-30: every kind of refusal counts; what succeeds does not.
#[actix_web::test]
async fn every_refusal_counts_and_no_success() {
    let mut scene = slow().await;
    for _ in 0..2 * LIMIT {
        scene.aw.enter(&mut scene.browser).await;
    }
    let used = scene.ticket().await;
    assert_eq!(scene.aw.redeem(&used).await.status, 200);
    let foreign = scene.bw.send(&mut scene.browser).await.ticket();
    let elsewhere = scene.ticket().await;
    let mut app = scene.aw.clone();
    app.return_to = scene.bw.return_to.clone();
    scene.refuses("already_used", scene.aw.redeem(&used)).await;
    scene.refuses("already_used", scene.aw.redeem(&used)).await;
    scene.refuses("ticket_wrong_app", scene.aw.redeem(&foreign)).await;
    scene.refuses("wrong_return_url", app.redeem(&elsewhere)).await;
    scene.refuses("not_genuine", scene.aw.redeem("guess")).await;
    assert_slowed(&scene.aw.redeem("guess").await);
}
