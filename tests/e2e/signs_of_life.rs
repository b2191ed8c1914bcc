//! Signs of life: they slide the idle limit, and none is lost.

use harness::{DAY, HOUR, MINUTE, NOON, Passport, on_both};

const SEEN: &str = "SELECT last_seen_at FROM sessions";
const IDLE: &str = "SELECT idle_until FROM sessions";

// SECURITY-CASES S-06.
#[actix_web::test]
async fn a_redemption_slides_the_idle_limit() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        // Nobody else notes anything.
        let _all = passport.app.touches.clone().acquire_many_owned(64).await.unwrap();
        assert_eq!(passport.count(IDLE).await, NOON + 14 * DAY);

        passport.advance(MINUTE - 1);
        aw.enter(&mut browser).await;
        assert_eq!(passport.count(SEEN).await, NOON, "once a minute is enough");
        assert_eq!(passport.count(IDLE).await, NOON + 14 * DAY);

        passport.advance(HOUR);
        aw.enter(&mut browser).await;
        let now = passport.app.clock.now();
        assert_eq!(passport.count(SEEN).await, now);
        assert_eq!(passport.count(IDLE).await, now + 14 * DAY);

        for _ in 0..3 {
            passport.advance(9 * DAY);
            aw.enter(&mut browser).await;
        }
        assert_eq!(passport.count(IDLE).await, NOON + 30 * DAY, "never past the end");
    })
    .await;
}

#[actix_web::test]
async fn a_redemption_slides_the_shorter_limit_of_a_session_that_is_not_kept() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.browser();
        let form = browser.login_form("", "member", harness::PASSWORD).await.without("keep");
        assert_eq!(browser.submit(&form).await.status, 303);
        let _all = passport.app.touches.clone().acquire_many_owned(64).await.unwrap();
        passport.advance(HOUR);
        aw.enter(&mut browser).await;
        assert_eq!(passport.count(IDLE).await, NOON + HOUR + 12 * HOUR);
    })
    .await;
}

#[actix_web::test]
async fn a_sign_of_life_that_finds_no_room_is_noted_with_the_next_request() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let mut browser = passport.signed_in("member").await;
    passport.advance(HOUR);
    let all = passport.app.touches.clone().acquire_many_owned(64).await.unwrap();
    assert!(browser.is_signed_in().await);
    assert_eq!(passport.count(SEEN).await, NOON);
    drop(all);
    assert!(browser.is_signed_in().await);
    // The note is written beside the answer; when all room is free again, it is there.
    let _all = passport.app.touches.clone().acquire_many_owned(64).await.unwrap();
    assert_eq!(passport.count(SEEN).await, NOON + HOUR);
}
