//! A database that fails in the middle of a login or a logout.

use std::sync::Arc;

use harness::{Browser, Database, NOON, PASSWORD, Passport, faults::FaultyPostgres};
use sso_server::clock::Clock;

use crate::scene::{filled_in, live_sessions};

// Sessions less the lines about them. Each one statement: a commit whose answer was lost may still be on
// its way.
const LOGINS_WITHOUT_LINE: &str = "SELECT (SELECT COUNT(*) FROM sessions)
    - (SELECT COUNT(*) FROM audit WHERE kind = 'login')";
const ENDS_WITHOUT_LINE: &str = "SELECT (SELECT COUNT(*) FROM sessions)
    - (SELECT COUNT(*) FROM audit WHERE kind = 'session.ended')";

/// A node whose database can be cut off, and one beside it that always sees how things are.
async fn two_nodes() -> (Passport, Passport, FaultyPostgres) {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let url = Database::Postgres.create(folder.path()).await;
    let (faults, through) = FaultyPostgres::before(&url).await;
    let clock = Clock::manual(NOON);
    let beside =
        Passport::over(Database::Postgres, &url, folder.clone(), clock.clone(), |_| {}).await;
    beside.add_user("member").await;
    let cut_off = Passport::over(Database::Postgres, &through, folder, clock, |_| {}).await;
    (cut_off, beside, faults)
}

/// A new browser, once the connections that were cut have been noticed; whoever meets one hears 503.
async fn healed(passport: &Passport) -> Browser {
    let mut browser = passport.browser();
    // As many in a row as there are connections.
    let mut good = 0;
    for _ in 0..100 {
        good = if browser.get("/readyz").await.status == 200 { good + 1 } else { 0 };
        if good == 4 {
            return passport.browser();
        }
    }
    panic!("503 for ever");
}

/// Whether the browser's cookie, if it has one, is known at a node whose database works.
async fn known(beside: &Passport, browser: &Browser) -> bool {
    let mut same = beside.browser();
    same.cookies = browser.cookies.clone();
    same.is_signed_in().await
}

fn touches_the_session(browser: &Browser) -> bool {
    browser.set_cookies.iter().any(|cookie| cookie.starts_with("__Host-passport="))
}

// SECURITY-CASES S-11: a logout that failed says so, and keeps the cookie by which to try again.
#[actix_web::test]
async fn a_logout_is_done_or_says_that_it_is_not() {
    let (cut_off, beside, faults) = two_nodes().await;
    let (mut failed, mut done) = (0, 0);
    for n in 1.. {
        let mut browser = healed(&cut_off).await;
        browser.sign_in("member").await;
        let form = browser.get("/logout").await.form("/logout");
        faults.fail_at(n);
        let answer = browser.submit(&form).await;
        let cut = faults.heal();
        match answer.status.as_u16() {
            303 => {
                assert!(!browser.cookies.contains_key("__Host-passport"), "cut at {n}");
                done += 1;
            }
            503 => {
                assert!(!touches_the_session(&browser), "cut at {n}");
                failed += 1;
            }
            other => panic!("{other} when cut at {n}"),
        }
        assert_eq!(live_sessions(&beside).await, i64::from(known(&beside, &browser).await));
        if live_sessions(&beside).await == 1 {
            let mut again = healed(&cut_off).await;
            again.cookies = browser.cookies.clone();
            again.sign_out().await;
        }
        assert_eq!(beside.count(ENDS_WITHOUT_LINE).await, 0, "each end has its line, cut at {n}");
        if !cut {
            break;
        }
    }
    assert!(failed >= 3 && done >= 1, "{failed} failed, {done} done");
}

// SECURITY-CASES INV-12: a login that failed let nobody in and kept nobody out.
#[actix_web::test]
async fn a_login_is_done_or_says_that_it_is_not() {
    let (cut_off, beside, faults) = two_nodes().await;
    let (mut failed, mut done) = (0, 0);
    for n in 1.. {
        let mut browser = healed(&cut_off).await;
        let form = filled_in(&mut browser, "member", PASSWORD).await;
        faults.fail_at(n);
        let answer = browser.submit(&form).await;
        let cut = faults.heal();
        match answer.status.as_u16() {
            303 => done += 1,
            503 => {
                assert!(!touches_the_session(&browser), "cut at {n}");
                failed += 1;
            }
            other => panic!("{other} when cut at {n}: {}", answer.text()),
        }
        assert!(!answer.body.contains(PASSWORD));
        assert_eq!(known(&beside, &browser).await, answer.status == 303, "cut at {n}");
        assert_eq!(
            beside.count(LOGINS_WITHOUT_LINE).await,
            0,
            "each session has its line, cut at {n}"
        );
        // Whatever was counted before the cut is forgotten with the next success.
        assert_eq!(beside.browser().try_password("member", PASSWORD).await, 303, "cut at {n}");
        if !cut {
            break;
        }
    }
    assert!(failed >= 5 && done >= 1, "{failed} failed, {done} done");
}
