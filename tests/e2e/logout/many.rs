//! Everybody out.

use client_sdk::wire::Cause;
use harness::{NOON, Passport, SECOND, on_both};
use sso_server::{
    clock::Clock,
    domain::{device::DeviceClass, reach::Reach},
    flows::{
        end_session::Ending,
        housekeeping,
        log_out_many::{log_out_many, order_in},
        prove_logout::prove_logout,
    },
};

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";

#[actix_web::test]
async fn everybody_is_out_everywhere() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let mut browsers = Vec::new();
        for name in ["one", "two", "three"] {
            passport.add_user(name).await;
            let mut browser = passport.signed_in(name).await;
            aw.enter(&mut browser).await;
            bw.enter(&mut browser).await;
            browsers.push(browser);
        }
        let why = Ending::by_operator(Cause::Admin);
        let logout = log_out_many(&passport.app, &Reach::Everybody, why).await.unwrap();
        assert_eq!((logout.sessions, logout.app_sessions), (3, 6));
        assert!(logout.finished_at.is_some());
        for browser in &mut browsers {
            assert!(!browser.is_signed_in().await);
        }
        for app in [&aw, &bw] {
            assert_eq!(app.events("0").await.events.len(), 3, "{}", app.id);
            app.events("3").await;
        }
        let proof = prove_logout(&passport.app, &logout.id).await.unwrap().unwrap();
        assert!(proof.is_done(), "{proof:?}");
        passport.audited("logout.ordered").await;

        // Who comes after the order stays.
        passport.advance(1);
        assert!(passport.signed_in("one").await.is_signed_in().await);
    })
    .await;
}

#[actix_web::test]
async fn everybody_on_phones_or_at_one_app() {
    let passport = Passport::start().await;
    let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
    passport.add_user("member").await;
    let mut desktop = passport.signed_in("member").await;
    let (at_aw, at_bw) = (aw.enter(&mut desktop).await, bw.enter(&mut desktop).await);
    let mut phone = passport.browser();
    phone.user_agent = PHONE.to_owned();
    phone.sign_in("member").await;

    let phones = Reach::DeviceClass { class: DeviceClass::Phone };
    let why = Ending::by_operator(Cause::Admin);
    assert_eq!(log_out_many(&passport.app, &phones, why).await.unwrap().sessions, 1);
    assert!(!phone.is_signed_in().await);
    assert!(desktop.is_signed_in().await);

    let everybody_at_aw = Reach::App { app: sso_server::domain::app::AppId::parse("aw").unwrap() };
    let logout = log_out_many(&passport.app, &everybody_at_aw, why).await.unwrap();
    assert_eq!((logout.sessions, logout.app_sessions), (0, 1));
    assert_eq!(aw.status(&at_aw.app_session).await.json()["state"], "ended");
    assert_eq!(bw.status(&at_bw.app_session).await.json()["state"], "active");
    assert!(desktop.is_signed_in().await);
}

// SECURITY-CASES W-17: an order whose carrier died is carried out by whoever finds it, once.
#[actix_web::test]
async fn an_order_that_was_left_lying_is_taken_up() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let other = passport.second_node().await;
        let aw = passport.add_app("aw").await;
        passport.add_user("member").await;
        for _ in 0..5 {
            let mut browser = passport.signed_in("member").await;
            aw.enter(&mut browser).await;
        }
        let mut tx = passport.app.db.write().await.unwrap();
        let why = Ending::by_operator(Cause::Admin);
        let now = passport.clock.now();
        order_in(&passport.app, &mut tx, &Reach::Everybody, why, now).await.unwrap();
        tx.commit().await.unwrap();

        passport.advance(9 * SECOND);
        housekeeping::sweep(&other.app).await.unwrap();
        let live = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";
        assert_eq!(passport.count(live).await, 5, "its carrier may still be at work");
        passport.advance(2 * SECOND);
        let sweeps = (0..6).map(|number| {
            housekeeping::sweep(if number % 2 == 0 { &passport.app } else { &other.app })
        });
        futures_util::future::try_join_all(sweeps).await.unwrap();
        passport.until("SELECT COUNT(*) FROM logouts WHERE finished_at IS NULL", 0).await;
        assert_eq!(passport.count(live).await, 0);
        assert_eq!(passport.count("SELECT sessions FROM logouts").await, 5);
        assert_eq!(aw.events("0").await.events.len(), 5, "each told once");
    })
    .await;
}

// SECURITY-CASES W-28: a node's clock is a little ahead, and who came in there is out with all others.
#[actix_web::test]
async fn who_came_in_at_a_node_ahead_of_time_is_out_too() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let same = passport.app.config.clone();
        let ahead = Clock::manual(NOON + SECOND / 2);
        let url = same.database.url.clone();
        let folder = passport.folder.clone();
        let node = Passport::over(database, &url, folder, ahead, |config| *config = same).await;
        let aw = passport.add_app("aw").await;
        passport.add_user("member").await;
        let _here = passport.signed_in("member").await;
        let mut there = node.browser();
        there.sign_in("member").await;
        let entered = aw.at(&node).enter(&mut there).await;

        let at_aw = Reach::App { app: sso_server::domain::app::AppId::parse("aw").unwrap() };
        let why = Ending::by_operator(Cause::Admin);
        let logout = log_out_many(&passport.app, &at_aw, why).await.unwrap();
        assert_eq!(logout.app_sessions, 1);
        assert_eq!(aw.status(&entered.app_session).await.json()["state"], "ended");
        let logout = log_out_many(&passport.app, &Reach::Everybody, why).await.unwrap();
        assert_eq!(logout.sessions, 2);
        assert!(!there.is_signed_in().await);
    })
    .await;
}
