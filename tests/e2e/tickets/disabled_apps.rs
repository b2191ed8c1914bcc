//! An app is shut off while it redeems.

use client_sdk::wire::RedeemRequest;
use harness::{Database, Passport, TestApp, on_both};
use sso_server::{
    domain::app::AppId,
    flows::{
        apps,
        redeem_ticket::{RedeemError, Redemption, redeem_ticket},
    },
    store::redemptions,
};

/// A redemption by an app that was authenticated when this was called.
async fn begun(passport: &Passport, aw: &TestApp, ticket: String) -> Redemption {
    let registered = passport.app.db.apps().await.unwrap();
    Redemption {
        client: registered.get(&AppId::parse(&aw.id).unwrap()).unwrap().clone(),
        request: RedeemRequest {
            ticket,
            return_to: Some(aw.return_to.clone()),
            ..RedeemRequest::default()
        },
        idempotency_key: None,
        address: "127.0.0.1".to_owned(),
    }
}

// SECURITY-CASES INV-05: what counts is whether the app is enabled when its session is recorded.
#[actix_web::test]
async fn an_app_that_is_shut_off_meanwhile_lets_nobody_in() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        let good = begun(&passport, &aw, aw.send(&mut browser).await.ticket()).await;
        redeem_ticket(&passport.app, good).await.unwrap();

        let late = begun(&passport, &aw, aw.send(&mut browser).await.ticket()).await;
        apps::disable(&passport.app, "aw").await.unwrap();
        let refused = redeem_ticket(&passport.app, late).await;
        assert!(matches!(refused, Err(RedeemError::AppDisabled)), "{refused:?}");
        let live = "SELECT COUNT(*) FROM app_sessions WHERE ended_at IS NULL";
        assert_eq!(passport.count(live).await, 0);
        assert!(passport.audited("ticket.refused").await.detail.contains("app_disabled"));

        apps::enable(&passport.app, "aw").await.unwrap();
        aw.enter(&mut browser).await;
    })
    .await;
}

// SECURITY-CASES INV-05, B-09: whoever shuts an app off waits for a redemption under way, and then
// ends what it has recorded.
#[actix_web::test]
async fn shutting_off_waits_for_a_redemption_under_way() {
    let passport = Passport::on(Database::Postgres).await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    aw.enter(&mut browser).await;
    let session = passport.text("SELECT id FROM sessions").await;

    let mut tx = passport.app.db.write().await.unwrap();
    let now = passport.app.clock.now();
    let sessions = [session.as_str().into()];
    let limits = passport.app.config.session_limits();
    let entrants = redemptions::lock_entrants(&mut tx, &sessions, &limits, now).await.unwrap();
    let admission = redemptions::Admission {
        id: "late".into(),
        session: session.as_str().into(),
        user: entrants[&session].user.clone(),
        app: AppId::parse("aw").unwrap(),
        expires_at: now + 1_000,
    };
    let disable = apps::disable(&passport.app, "aw");
    let record = async {
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                       WHERE wait_event_type = 'Lock' AND datname = current_database()";
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while passport.count(waiting).await == 0 {
            assert!(std::time::Instant::now() < deadline, "it did not wait");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        redemptions::record(&mut tx, &[admission], now).await.unwrap();
        tx.commit().await.unwrap();
    };
    let (ended, ()) = futures_util::future::join(disable, record).await;
    assert_eq!(ended.unwrap().app_sessions, 2, "the late one, too");
}
