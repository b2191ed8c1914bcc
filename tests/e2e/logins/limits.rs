//! How long a session holds: by the server's clock, whatever the cookie says.

use harness::{Browser, DAY, Database, HOUR, MINUTE, PASSWORD, Passport, SECOND, on_both};

use crate::scene::{eventually, fact, filled_in, live_sessions};

/// A browser in which the member signed in, with "keep me signed in" or without.
async fn signed_in(passport: &Passport, keep: bool) -> Browser {
    let mut browser = passport.browser();
    let form = filled_in(&mut browser, "member", PASSWORD).await;
    let form = if keep { form } else { form.without("keep") };
    assert_eq!(browser.submit(&form).await.status, 303);
    browser
}

/// Why the last session ended, as its audit line says it.
async fn cause(passport: &Passport) -> String {
    fact(&passport.audited("session.ended").await, "cause")
}

// SECURITY-CASES S-06: thirty days from the login, however busy, to the millisecond.
#[actix_web::test]
async fn thirty_days_and_no_longer() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = signed_in(&passport, true).await;
        let begun = passport.app.clock.now();
        for _ in 0..6 {
            passport.advance(5 * DAY - MINUTE);
            assert!(browser.is_signed_in().await);
            let seen = "SELECT last_seen_at FROM sessions";
            eventually(async || passport.count(seen).await == passport.app.clock.now()).await;
        }
        let entered = aw.enter(&mut browser).await;
        let until = passport.count("SELECT idle_until FROM sessions").await;
        assert_eq!(until, begun + 30 * DAY, "sliding never passes the end");
        passport.advance(begun + 30 * DAY - 1 - passport.app.clock.now());
        assert!(browser.is_signed_in().await);
        passport.advance(1);
        assert!(!browser.is_signed_in().await);
        assert_eq!((live_sessions(&passport).await, cause(&passport).await), (0, "expired".into()));
        let status = aw.status(&entered.app_session).await.json();
        assert_eq!(status["cause"], "expired", "the app hears of it");
    })
    .await;
}

// SECURITY-CASES S-06: fourteen days without a sign of life; twelve hours when not kept.
#[actix_web::test]
async fn idle_limits_slide() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let until = "SELECT MAX(idle_until) FROM sessions";
        for (keep, limit) in [(false, 12 * HOUR), (true, 14 * DAY)] {
            let mut browser = signed_in(&passport, keep).await;
            let end = passport.app.clock.now() + 30 * DAY;
            for _ in 0..2 {
                passport.advance(limit - 1);
                assert!(browser.is_signed_in().await, "{keep}");
                let slid = (passport.app.clock.now() + limit).min(end);
                eventually(async || passport.count(until).await == slid).await;
            }
            let mut untouched = signed_in(&passport, keep).await;
            passport.advance(limit);
            assert!(!untouched.is_signed_in().await, "{keep}");
            assert_eq!(cause(&passport).await, "idle");
        }
    })
    .await;
}

// SECURITY-CASES S-07: an expired session does not revive when the clock is set back.
#[actix_web::test]
async fn a_clock_set_back_revives_nothing() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let two = passport.second_node().await;
        passport.add_user("member").await;
        for limit in [30 * DAY, 14 * DAY] {
            let mut browser = signed_in(&passport, true).await;
            let mut at_two = two.browser();
            at_two.cookies = browser.cookies.clone();
            assert!(at_two.is_signed_in().await);
            passport.advance(limit);
            assert!(!browser.is_signed_in().await);
            passport.advance(-HOUR);
            assert!(!browser.is_signed_in().await);
            assert!(!at_two.is_signed_in().await, "nor at another node");
            assert!(signed_in(&passport, true).await.is_signed_in().await, "a new one holds");
        }
    })
    .await;
}

// SECURITY-CASES S-06: what the browser keeps decides nothing.
#[actix_web::test]
async fn keeping_the_cookie_longer_helps_nobody() {
    let passport = Passport::with(Database::Sqlite, |config| {
        config.session.lifetime = sso_server::config::Period::seconds(600);
        config.session.idle = sso_server::config::Period::seconds(60);
    })
    .await;
    passport.add_user("member").await;
    let mut browser = signed_in(&passport, true).await;
    let session =
        browser.set_cookies.iter().find(|one| one.starts_with("__Host-passport=")).unwrap();
    assert!(session.ends_with("; Max-Age=600"), "{session}");
    let kept = browser.cookies.clone();
    passport.advance(59 * SECOND);
    assert!(browser.is_signed_in().await);
    passport.advance(2 * MINUTE);
    browser.cookies = kept;
    assert!(!browser.is_signed_in().await);
}

// SECURITY-CASES S-01: without "keep me signed in" the cookie goes with the browser; proving again
// who one is takes the new wish, and not a longer life.
#[actix_web::test]
async fn the_wish_to_be_kept_can_change() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = signed_in(&passport, false).await;
    passport.advance(HOUR);
    let ask = aw.login_query(&[("prompt", "login")]);
    let age = |browser: &Browser| {
        let set = browser.set_cookies.iter().find(|one| one.starts_with("__Host-passport="));
        set.unwrap().split("Max-Age=").nth(1).map(|text| text.parse::<i64>().unwrap())
    };
    let form = browser.login_form(&ask, "member", PASSWORD).await;
    browser.submit(&form).await.ticket();
    assert_eq!(age(&browser), Some((30 * DAY - HOUR) / SECOND));
    let until = "SELECT idle_until FROM sessions";
    assert_eq!(passport.count(until).await, passport.app.clock.now() + 14 * DAY);
    let form = browser.login_form(&ask, "member", PASSWORD).await.without("keep");
    browser.submit(&form).await.ticket();
    assert_eq!(age(&browser), None);
    assert_eq!(passport.count(until).await, passport.app.clock.now() + 12 * HOUR);
    // A closed browser has nothing left but what was meant to stay.
    browser.forget_all_cookies_but(&["__Host-passport-device"]);
    assert!(!browser.is_signed_in().await);
}

// SECURITY-CASES S-06: the last sign of life is written at most once a minute, on all nodes together.
#[actix_web::test]
async fn signs_of_life_are_written_once_a_minute() {
    on_both(async |database| {
        let one = Passport::on(database).await;
        let two = one.second_node().await;
        one.add_user("member").await;
        let browser = signed_in(&one, true).await;
        let begun = one.app.clock.now();
        let visit = async || {
            let visits = (0..12).map(async |n| {
                let mut visitor = if n % 2 == 0 { one.browser() } else { two.browser() };
                visitor.cookies = browser.cookies.clone();
                assert!(visitor.is_signed_in().await);
            });
            futures_util::future::join_all(visits).await;
        };
        let seen = async || one.count("SELECT last_seen_at FROM sessions").await - begun;
        one.advance(MINUTE - 1);
        visit().await;
        one.advance(1);
        visit().await;
        eventually(async || seen().await > 0).await;
        assert_eq!(seen().await, MINUTE, "nothing was written before a minute was over");
        one.advance(MINUTE - 1);
        visit().await;
        one.advance(1);
        visit().await;
        eventually(async || seen().await > MINUTE).await;
        assert_eq!(seen().await, 2 * MINUTE);
    })
    .await;
}
