//! `meta`: of many first values one stands. And text that tries to be more than text.

use harness::{Database, NOON, on_both};
use sso_server::{
    domain::{
        app::AppId,
        audit::{Act, Entry},
        throttle::Policy,
    },
    random::Random,
    store::{app_instances, audit, meta, throttles},
};

use crate::scene::{CROWD, Scene, contact, crowd};

// SECURITY-CASES Q-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_reads_the_first_value_that_was_put() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let seen = crowd(&scene.both_sides().await, CROWD, |db, number| async move {
            let mut tx = db.write().await.unwrap();
            let seen = meta::put_first(&mut tx, "fact", &number.to_string()).await.unwrap();
            tx.commit().await.unwrap();
            seen
        })
        .await;
        let stands = meta::get(&mut scene.db.read().await.unwrap(), "fact").await.unwrap().unwrap();
        assert!(seen.iter().all(|one| *one == stands), "{seen:?}");
        scene.write(async |tx| meta::put(tx, "fact", "over").await.unwrap()).await;
        let mut conn = scene.db.read().await.unwrap();
        assert_eq!(meta::get(&mut conn, "fact").await.unwrap().as_deref(), Some("over"));
        assert_eq!(meta::get(&mut conn, "other").await.unwrap(), None);
    })
    .await;
}

// SECURITY-CASES Q-08: what anybody can send arrives as it is, wherever it is kept.
#[tokio::test]
async fn hostile_text_is_text() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let app = scene.app("aw").await.id;
        let long = "ä".repeat(100_000);
        for text in [
            "'",
            "\"",
            "'; DROP TABLE users; --",
            "%_%",
            "$1 $2",
            "\\' OR 1=1",
            "{\"a\":1}->>'a'",
            "?::text",
            "\u{202e}\u{200b}\u{feff}",
            "😀𝔘",
            &long,
        ] {
            scene
                .write(async |tx| {
                    meta::put(tx, text, text).await.unwrap();
                    assert_eq!(meta::get(tx, text).await.unwrap().as_deref(), Some(text));
                    app_instances::note(tx, &app, contact(text, 1, NOON)).await.unwrap();
                    assert!(app_instances::find(tx, &app, text).await.unwrap().is_some());
                    let entry = Entry::new(NOON, Act::LoginRefused)
                        .app(&AppId::stored(text.to_owned()))
                        .address(text)
                        .fact(text, text);
                    audit::append(tx, &[entry], &Random::system()).await.unwrap();
                    let line = &audit::latest(tx, 1).await.unwrap()[0];
                    assert_eq!(line.address.as_deref(), Some(text));
                    assert_eq!(line.detail, serde_json::json!({ text: text }).to_string());
                    sqlx::query("DELETE FROM audit").execute(&mut **tx).await.unwrap();
                    throttles::attempt(tx, text, Policy::account(5), NOON).await.unwrap();
                    assert!(throttles::blocked_until(tx, text).await.unwrap().is_some());
                })
                .await;
        }
        for word in ["%", "_", "1"] {
            let found = meta::get(&mut scene.db.read().await.unwrap(), word).await.unwrap();
            assert_eq!(found, None, "{word}");
        }
        // NUL is no text to PostgreSQL: refused as a whole, and the store goes on.
        let mut tx = scene.db.write().await.unwrap();
        let nul = meta::put(&mut tx, "a\0b", "x").await;
        assert_eq!(nul.is_err(), database == Database::Postgres, "{nul:?}");
        drop(tx);
        scene.write(async |tx| meta::put(tx, "after", "x").await.unwrap()).await;
    })
    .await;
}
