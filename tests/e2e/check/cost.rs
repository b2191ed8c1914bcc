//! What a question costs: no write, and at most one row.

use harness::{Database, MINUTE, Passport, faults::FaultyPostgres};

use crate::scene::{Scene, status};

const SEEN: &str = "SELECT last_seen_at + idle_until FROM sessions";

// SECURITY-CASES J-09: asked while nobody can write, and it is no sign of life.
#[actix_web::test]
async fn a_question_writes_nothing() {
    harness::on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let before = scene.passport.count(SEEN).await;
        let lines = scene.passport.count("SELECT COUNT(*) FROM audit").await;
        scene.passport.advance(10 * MINUTE);
        let writer = scene.passport.app.db.write().await.unwrap();
        for _ in 0..3 {
            assert_eq!(status(&scene.aw.check(&scene.browser).await), "signed_in");
            assert_eq!(status(&scene.aw.check_by_script(&scene.browser, "cb").await), "signed_in");
            assert_eq!(status(&scene.aw.check(&scene.stranger).await), "signed_out");
        }
        drop(writer);
        // Whatever was to be written would come before this.
        scene.passport.add_user("later").await;
        assert_eq!(scene.passport.count(SEEN).await, before);
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM audit").await, lines + 1, "later");
        for table in ["SELECT COUNT(*) FROM spent_tickets", "SELECT COUNT(*) FROM app_sessions"] {
            assert_eq!(scene.passport.count(table).await, 0);
        }
        // Control: a redirect is one.
        scene.aw.send(&mut scene.browser).await.ticket();
        scene.passport.until(SEEN, before + 20 * MINUTE).await;
    })
    .await;
}

// A live session costs one question to the database, and without one there is no answer.
#[actix_web::test]
async fn a_live_session_costs_one_row() {
    let scene = Scene::on(Database::Postgres).await;
    let (faults, url) = FaultyPostgres::before(&scene.passport.app.config.database.url).await;
    let public_url = scene.passport.url.clone();
    let clock = scene.passport.clock.clone();
    let folder = scene.passport.folder.clone();
    let node = Passport::over(Database::Postgres, &url, folder, clock, |config| {
        config.server.public_url = public_url;
        config.database.max_connections = 1;
    })
    .await;
    let (aw, browser) = (scene.aw.at(&node), scene.browser.clone().at(&node));
    // The first one reads the registry.
    assert_eq!(status(&aw.check(&browser).await), "signed_in");
    // What the server does beside may ask, too: one undisturbed answer is enough.
    let mut answers = Vec::new();
    for _ in 0..20 {
        faults.fail_at(2);
        answers.push(aw.check(&browser).await.status.as_u16());
        faults.heal();
        while node.browser().get("/readyz").await.status != 200 {}
    }
    assert!(answers.contains(&200), "a second question was asked each time: {answers:?}");
    faults.fail_at(1);
    let unknown = aw.check(&browser).await;
    assert!(faults.heal(), "it did ask");
    assert_eq!((unknown.status.as_u16(), &unknown.json()["code"]), (503, &"unavailable".into()));
    assert_eq!(unknown.header("access-control-allow-origin"), aw.origin(), "the page may know");
}
