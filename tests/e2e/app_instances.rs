//! The running copies of an app: how many names for them are kept.

use client_sdk::{
    Settings,
    actix::{Passport as Sdk, StartError},
    settings::SettingsError,
};
use harness::{Passport, TestApp, on_both};
use reqwest::Method;

const FULL: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
    INSERT INTO app_instances (app_id, instance, acknowledged, last_contact_at, created_at)
    SELECT 'aw', 'copy-' || i, 0, 1795348800000, 1795348800000 FROM n";

async fn ask(app: &TestApp, instance: &str) -> harness::Answer {
    let path = format!("/api/v1/events?after=0&instance={instance}");
    app.call(Method::GET, &path, None, &[]).await
}

#[actix_web::test]
async fn names_without_end_are_told_to_come_back_later() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        assert_eq!(ask(&aw, "new").await.status, 200);
        let mut tx = passport.app.db.write().await.unwrap();
        sqlx::query(FULL).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();

        let refused = ask(&aw, "newer").await;
        assert_eq!(refused.status, 429, "{}", refused.body);
        assert_eq!(refused.json()["code"], "too_many_requests");
        assert_eq!(refused.header("retry-after"), "60");
        assert_eq!(ask(&aw, "new").await.status, 200, "who is known goes on");
        assert_eq!(ask(&aw, "copy-7").await.status, 200);
        assert_eq!(passport.count("SELECT COUNT(*) FROM app_instances").await, 10_001);
    })
    .await;
}

// Copies that come and go under names of their own: those that went make room, and what they had to
// confirm is confirmed.
#[actix_web::test]
async fn who_has_left_or_refuses_by_itself_makes_room() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        passport.add_user("member").await;
        let mut browser = passport.signed_in("member").await;
        aw.enter(&mut browser).await;
        assert_eq!(ask(&aw, "stays").await.status, 200);
        let mut tx = passport.app.db.write().await.unwrap();
        sqlx::query(FULL).execute(&mut *tx).await.unwrap();
        let gone = "UPDATE app_instances SET left_at = CASE WHEN instance < 'copy-5' THEN 1 END,
            trusted_until = CASE WHEN instance < 'copy-5' THEN trusted_until ELSE 1 END
            WHERE instance <> 'stays'";
        sqlx::query(gone).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        browser.sign_out().await;

        assert_eq!(ask(&aw, "newer").await.status, 200);
        assert_eq!(passport.count("SELECT COUNT(*) FROM app_instances").await, 2);
        let open = "SELECT COUNT(*) FROM confirmations WHERE confirmed_at IS NULL";
        assert_eq!(passport.count(open).await, 1, "both live ones have not asked on");
        for instance in ["stays", "newer"] {
            aw.poll(instance, "1", &[]).await;
        }
        assert_eq!(passport.count(open).await, 0);
    })
    .await;
}

#[actix_web::test]
async fn the_sdk_does_not_start_under_a_name_that_passport_refuses() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    let settings = |instance: &str| {
        let settings = Settings::new(&passport.url, "aw", &aw.secret, "http://aw.localhost");
        let mut settings = settings.unwrap();
        settings.instance = Some(instance.into());
        settings
    };
    assert!(matches!(
        Sdk::start(settings("web 1")),
        Err(StartError::Settings(SettingsError::Instance(_)))
    ));
    assert_eq!(ask(&aw, "web%201").await.status, 400, "so does Passport");
    assert!(Sdk::start(settings("web-1")).is_ok());
}
