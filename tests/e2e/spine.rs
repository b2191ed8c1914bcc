//! The way of one person: sign in once, be known everywhere, sign out once, be out everywhere.

use harness::{Database, Passport, on_both};

#[actix_web::test]
async fn one_password_for_two_sites_and_one_logout_for_both() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let mut browser = passport.browser();

        let form = browser.login_form(&aw.login_query(&[]), "member", harness::PASSWORD).await;
        let sent = browser.submit(&form).await;
        assert_eq!(sent.status, 303);
        assert_eq!(sent.sent("state").as_deref(), Some("st-1"));
        let at_aw = aw.redeem(&sent.ticket()).await.json();
        assert_eq!(at_aw["user"]["username"], "member");

        let at_bw = bw.enter(&mut browser).await;
        assert_eq!(
            at_bw.user.id, at_aw["user"]["id"],
            "the same person, without a second password"
        );

        let ended = bw.end(&at_bw.app_session, "session").await;
        assert_eq!(ended.json()["ended"], 2);
        for (app, id) in [(&aw, at_aw["app_session"].as_str().unwrap()), (&bw, &at_bw.app_session)]
        {
            let events = app.events("0").await.events;
            assert_eq!(events.len(), 1, "one event for each app");
            assert_eq!(events[0].app_session.as_deref(), Some(id));
            assert_eq!(app.status(id).await.json()["state"], "ended");
        }
        assert!(!browser.is_signed_in().await);
    })
    .await;
}

#[actix_web::test]
async fn a_session_ended_by_its_user_is_told_by_its_cause() {
    let passport = Passport::on(Database::Sqlite).await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let entered = aw.enter(&mut browser).await;
    browser.sign_out().await;
    let status = aw.status(&entered.app_session).await.json();
    assert_eq!((&status["state"], &status["cause"]), (&"ended".into(), &"user".into()));
    assert_eq!(passport.audited("session.ended").await.session.as_deref(), Some(&*entered.session));
}
