//! What comes at the same time (SECURITY-CASES ).

use harness::{Passport, on_both};

// Of two log-ins at once, the one whose clock was read first may be counted last. It is counted
// like any other: nobody who knows the password is told to wait.
#[actix_web::test]
async fn a_log_in_that_was_overtaken_is_not_blocked() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        passport.add_user("other").await;
        // From the same address, and from the same device.
        let mut known = passport.signed_in("member").await;
        passport.advance(-5);
        passport.signed_in("member").await;
        passport.signed_in("other").await;
        known.forget_all_cookies_but(&["__Host-passport-device"]);
        known.sign_in("member").await;
        passport.advance(-5);
        known.forget_all_cookies_but(&["__Host-passport-device"]);
        known.sign_in("member").await;

        // The same while failed attempts are counted.
        assert_eq!(passport.browser().try_password("member", "a wrong guess").await, 401);
        passport.advance(-5);
        passport.signed_in("member").await;
    })
    .await;
}
