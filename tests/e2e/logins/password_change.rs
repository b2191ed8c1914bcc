//! A password that is changed while somebody logs in with the old one.

use harness::{PASSWORD, Passport, on_both};
use sso_server::{
    config::Period,
    domain::password::Password,
    flows::end_session::{Ending, end_all_of_user},
    store::users,
};

use crate::scene::{eventually, filled_in, hold_the_pool, live_sessions, refusals};

// SECURITY-CASES S-05, S-10: the change ends every session of the old password, also the one that
// is just being made.
#[actix_web::test]
async fn an_old_password_under_way_does_not_outlive_its_change() {
    on_both(async |database| {
        let passport = Passport::with(database, |config| {
            config.password.threads = 1;
            config.password.wait = Period::seconds(60);
        })
        .await;
        let member = passport.add_user("member").await.into();
        let new = Password::typed("another horse battery").unwrap();
        let new_hash = passport.app.passwords.hash(new).await.unwrap();

        let mut thief = passport.browser();
        let form = filled_in(&mut thief, "member", PASSWORD).await;
        let held = hold_the_pool(&passport).await;
        let entering = tokio::spawn(async move {
            let status = thief.submit(&form).await.status;
            (thief, status)
        });
        // Counted: the old hash has been read, and waits for its turn.
        eventually(async || passport.count("SELECT COUNT(*) FROM throttles").await == 2).await;
        let mut tx = passport.app.db.write().await.unwrap();
        let now = passport.app.clock.now() + 1;
        assert!(users::set_password(&mut tx, &member, &new_hash, now).await.unwrap());
        tx.commit().await.unwrap();
        let why = Ending::by_operator(client_sdk::wire::Cause::PasswordChanged);
        end_all_of_user(&passport.app, &member, None, why).await.unwrap();

        held.await.unwrap().unwrap();
        let (mut thief, status) = entering.await.unwrap();
        assert_eq!(status, 401);
        assert!(!thief.is_signed_in().await);
        assert_eq!(live_sessions(&passport).await, 0);
        assert_eq!(refusals(&passport).await["wrong_password"], 1);
        assert_eq!(passport.browser().try_password("member", "another horse battery").await, 303);
    })
    .await;
}
