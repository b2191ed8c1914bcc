//! Sessions whose time is up end like all others.

use harness::{DAY, HOUR, MINUTE, Passport, on_both};
use sso_server::flows::{expire_sessions::expire_sessions, housekeeping};

#[actix_web::test]
async fn an_idle_session_ends_by_itself_and_its_apps_hear() {
    on_both(async |database| {
        let change = |config: &mut sso_server::config::Config| {
            config.session.idle = sso_server::config::Period::seconds(3_600);
        };
        let passport = Passport::with(database, change).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        let entered = aw.enter(&mut browser).await;

        passport.advance(HOUR - 1);
        assert_eq!(expire_sessions(&passport.app).await.unwrap(), 0, "not a millisecond early");
        passport.advance(1);
        expire_sessions(&passport.app).await.unwrap();
        let events = aw.events("0").await.events;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].app_session.as_deref(), Some(&*entered.app_session));
        assert_eq!(events[0].cause, Some(client_sdk::wire::Cause::Idle));
        let line = passport.audited("session.ended").await;
        assert!(line.detail.contains("\"by\":\"clock\""), "{}", line.detail);
        assert!(!browser.is_signed_in().await);
        assert_eq!(expire_sessions(&passport.app).await.unwrap(), 0, "once");
    })
    .await;
}

// SECURITY-CASES S-06: the absolute limit holds however busy the session is.
#[actix_web::test]
async fn a_busy_session_ends_at_its_absolute_limit() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let mut browser = passport.signed_in("member").await;
        for _ in 0..29 {
            passport.advance(DAY);
            assert!(browser.is_signed_in().await);
            let seen = "SELECT last_seen_at FROM sessions";
            passport.until(seen, passport.clock.now()).await;
        }
        passport.advance(DAY);
        expire_sessions(&passport.app).await.unwrap();
        let cause = passport.text("SELECT end_cause FROM sessions").await;
        assert_eq!(cause, "expired");
        assert!(!browser.is_signed_in().await);
    })
    .await;
}

// A sign of life that is written between the sweeper's look and its statement is not overruled.
#[actix_web::test]
async fn eight_sweepers_and_a_sign_of_life() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let other = passport.second_node().await;
        passport.add_user("member").await;
        for _ in 0..20 {
            passport.signed_in("member").await;
        }
        passport.advance(13 * DAY);
        let mut kept = passport.signed_in("member").await;
        passport.advance(DAY);
        let sweeps = (0..8).map(|number| {
            expire_sessions(if number % 2 == 0 { &passport.app } else { &other.app })
        });
        futures_util::future::try_join_all(sweeps).await.unwrap();
        passport.until("SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL", 1).await;
        let lines = passport.audit().await;
        let ended = lines.iter().filter(|line| line.kind == "session.ended").count();
        assert_eq!(ended, 20, "each once, whoever swept it");
        assert!(kept.is_signed_in().await);
    })
    .await;
}

#[actix_web::test]
async fn what_ended_long_ago_is_forgotten() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        aw.enter(&mut browser).await;
        browser.sign_out().await;
        let mut later = passport.signed_in("member").await;
        passport.advance(29 * DAY + 23 * HOUR);
        housekeeping::tidy(&passport.app).await.unwrap();
        assert_eq!(passport.count("SELECT COUNT(*) FROM logouts WHERE cause = 'user'").await, 1);
        passport.advance(13 * HOUR + MINUTE);
        housekeeping::tidy(&passport.app).await.unwrap();
        assert_eq!(passport.count("SELECT COUNT(*) FROM logouts WHERE cause = 'user'").await, 0);
        assert_eq!(passport.count("SELECT COUNT(*) FROM app_sessions").await, 0);
        passport.until("SELECT COUNT(*) FROM sessions WHERE end_cause = 'user'", 0).await;
        assert!(!later.is_signed_in().await);
    })
    .await;
}
