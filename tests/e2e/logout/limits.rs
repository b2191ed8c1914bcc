//! Limits on simultaneous sessions (DESIGN 4.7).

use client_sdk::wire::Cause;
use harness::{Answer, Browser, Database, PASSWORD, Passport, on_both};
use sso_server::{config::Config, domain::session_caps::OnExcess};

async fn limited(database: Database, on_excess: OnExcess) -> Passport {
    let change = |config: &mut Config| {
        config.session.max_per_user = 1;
        config.session.on_excess = on_excess;
    };
    let passport = Passport::with(database, change).await;
    passport.add_user("member").await;
    passport
}

async fn log_in(browser: &mut Browser, query: &str) -> Answer {
    let form = browser.login_form(query, "member", PASSWORD).await;
    browser.submit(&form).await
}

// "Logging in on B signs out A", and A's apps are told by whom.
#[actix_web::test]
async fn the_newer_login_displaces_the_older_and_its_apps_hear_by_whom() {
    on_both(async |database| {
        let passport = limited(database, OnExcess::KickOldest).await;
        let aw = passport.add_app("aw").await;
        let mut first = passport.signed_in("member").await;
        let entered = aw.enter(&mut first).await;
        passport.advance(60_000);
        let mut second = passport.signed_in("member").await;
        assert!(second.is_signed_in().await);
        assert!(!first.is_signed_in().await);

        let events = aw.events("0").await.events;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].app_session.as_deref(), Some(&*entered.app_session));
        assert_eq!(events[0].cause, Some(Cause::Kicked));
        let by = events[0].replaced_by.clone().unwrap();
        assert_eq!(by.device, "Firefox on Windows");
        assert_eq!(by.address, "127.0.0.1");
        assert_eq!(by.at, (harness::NOON + 60_000) / 1_000);
        let newer = passport.text("SELECT id FROM sessions WHERE ended_at IS NULL").await;
        assert_eq!(by.session, newer);

        // Proving it again in the same browser is no second device.
        let again = log_in(&mut second, &aw.login_query(&[("prompt", "login")])).await;
        assert_eq!(again.status, 303);
        assert!(second.is_signed_in().await);
    })
    .await;
}

// 32 logins of one person race over two nodes: one session is left.
#[actix_web::test]
async fn of_32_that_race_one_is_left() {
    on_both(async |database| {
        let change = |config: &mut Config| {
            config.session.max_per_user = 1;
            // Unsettled attempts count until they succeed; here that is not the subject.
            config.throttle.account_attempts = 100;
        };
        let passport = Passport::with(database, change).await;
        passport.add_user("member").await;
        let other = passport.second_node().await;
        let racers = (0..32).map(|number| {
            let mut browser = if number % 2 == 0 { &passport } else { &other }.browser();
            async move {
                let form = browser.login_form("", "member", PASSWORD).await;
                // More than the lanes take at once are asked to come again.
                loop {
                    let answer = browser.submit(&form).await;
                    match answer.status.as_u16() {
                        303 => break,
                        503 => tokio::task::yield_now().await,
                        _ => panic!("{}", answer.text()),
                    }
                }
            }
        });
        futures_util::future::join_all(racers).await;
        let live = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";
        assert_eq!(passport.count(live).await, 1);
        assert_eq!(passport.count("SELECT COUNT(*) FROM sessions").await, 32);
        let kicked = "SELECT COUNT(*) FROM sessions WHERE end_cause = 'kicked'";
        assert_eq!(passport.count(kicked).await, 31);
    })
    .await;
}

#[actix_web::test]
async fn a_newcomer_can_be_refused() {
    on_both(async |database| {
        let passport = limited(database, OnExcess::Deny).await;
        let mut first = passport.signed_in("member").await;
        let mut second = passport.browser();
        for _ in 0..7 {
            let refused = log_in(&mut second, "").await;
            assert_eq!(refused.status, 403);
            assert!(refused.text().contains("as many devices as is allowed"), "{}", refused.text());
        }
        assert!(first.is_signed_in().await);
        let line = passport.audited("login.refused").await;
        assert!(line.detail.contains("too_many_sessions"), "{}", line.detail);
        // The right password is no wrong guess: seven of them have blocked nobody.
        first.sign_out().await;
        assert_eq!(log_in(&mut second, "").await.status, 303);
        // A stranger without the password learns nothing of it.
        let status = passport.browser().try_password("member", "not the password").await;
        assert_eq!(status, 401);
    })
    .await;
}

#[actix_web::test]
async fn or_chooses_which_one_makes_room() {
    on_both(async |database| {
        let passport = limited(database, OnExcess::Ask).await;
        let aw = passport.add_app("aw").await;
        let mut first = passport.signed_in("member").await;
        let mut second = passport.browser();
        let asked = log_in(&mut second, &aw.login_query(&[])).await;
        assert_eq!(asked.status, 200, "{}", asked.text());
        assert!(first.is_signed_in().await, "nothing has ended by asking");
        assert!(!second.is_signed_in().await, "and nobody is in");

        let held = passport.text("SELECT id FROM sessions").await;
        let form = asked.form("/login/choose");
        let undecided = second.submit(&form).await;
        assert_eq!(undecided.status, 200, "asked once more: {}", undecided.text());
        let form = undecided.form("/login/choose").with("end", &held);
        let sent = second.submit(&form).await;
        assert_eq!(sent.status, 303, "{}", sent.text());
        assert_eq!(aw.redeem(&sent.ticket()).await.status, 200, "on to where it was going");
        assert!(!first.is_signed_in().await);

        // Used up.
        assert_eq!(passport.browser().submit(&form).await.status, 403);
        assert_eq!(second.submit(&form).await.status, 403);
        let live = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";
        assert_eq!(passport.count(live).await, 1);
    })
    .await;
}

// The session counts as proven when the password was right, not when the choice was made; an app that
// wants a fresher proof gets one.
#[actix_web::test]
async fn a_choice_proves_nothing_anew() {
    on_both(async |database| {
        let passport = limited(database, OnExcess::Ask).await;
        let aw = passport.add_app("aw").await;
        passport.signed_in("member").await;
        for (max_age, enough) in [("300", true), ("299", false)] {
            let mut browser = passport.browser();
            let asked = log_in(&mut browser, &aw.login_query(&[("max_age", max_age)])).await;
            let held = passport.text("SELECT id FROM sessions WHERE ended_at IS NULL").await;
            let proven_at = passport.app.clock.now();
            passport.advance(5 * harness::MINUTE);
            let form = asked.form("/login/choose").with("end", &held);
            let sent = browser.submit(&form).await;
            let on = sent.location();
            assert_eq!(on.contains("ticket="), enough, "{on}");
            assert_eq!(on.starts_with("/login?app=aw&return_to="), !enough, "{on}");
            if !enough {
                let again = browser.get(on).await;
                assert_eq!(again.status, 200, "the password once more: {}", again.text());
            }
            let auth_time = "SELECT auth_time FROM sessions WHERE ended_at IS NULL";
            assert_eq!(passport.count(auth_time).await, proven_at);
        }
    })
    .await;
}

// INV-02: what happens to the account between the question and the answer counts.
#[actix_web::test]
async fn a_choice_is_void_when_the_account_is_disabled_or_too_much_time_has_passed() {
    let passport = limited(Database::Sqlite, OnExcess::Ask).await;
    passport.signed_in("member").await;
    let held = passport.text("SELECT id FROM sessions").await;
    let mut late = passport.browser();
    let form = log_in(&mut late, "").await.form("/login/choose").with("end", &held);
    passport.advance(10 * harness::MINUTE);
    assert_eq!(late.submit(&form).await.status, 403);

    let form = log_in(&mut late, "").await.form("/login/choose").with("end", &held);
    sso_server::flows::users::disable(&passport.app, "member", false).await.unwrap();
    assert_eq!(late.submit(&form).await.status, 403);
    sso_server::flows::users::enable(&passport.app, "member").await.unwrap();
    assert_eq!(late.submit(&form).await.status, 303, "the positive control");
}

// Somebody else's session cannot be given up.
#[actix_web::test]
async fn only_an_own_session_makes_room() {
    let passport = limited(Database::Sqlite, OnExcess::Ask).await;
    passport.add_user("stranger").await;
    let mut strangers = passport.signed_in("stranger").await;
    let theirs = passport.text("SELECT id FROM sessions").await;
    passport.signed_in("member").await;
    let mut second = passport.browser();
    let form = log_in(&mut second, "").await.form("/login/choose").with("end", &theirs);
    assert_eq!(second.submit(&form).await.status, 200, "asked once more");
    assert!(strangers.is_signed_in().await);
}
