//! When a person is asked although signed in: `prompt`, `max_age`; and who is not asked.

use harness::{Answer, MINUTE, PASSWORD, Passport, SECOND, TestApp};
use sso_server::clock::Clock;

/// A member, and an app.
async fn scene() -> (Passport, TestApp) {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    (passport, aw)
}

/// Whether the person is asked, and not sent anywhere.
fn asks(answer: &Answer) -> bool {
    match answer.status.as_u16() {
        200 => !answer.form("/login").field("csrf").is_empty(),
        303 => {
            answer.ticket();
            false
        }
        other => panic!("{other}: {}", answer.text()),
    }
}

// SECURITY-CASES T-26, T-27: `login` asks always, `max_age` when the login is older.
#[actix_web::test]
async fn a_demand_for_a_fresh_login_is_met_by_a_password_only() {
    let (passport, aw) = scene().await;
    let mut browser = passport.signed_in("member").await;
    assert!(!asks(&aw.send(&mut browser).await));
    assert!(asks(&aw.send_with(&mut browser, &[("prompt", "login")]).await));
    assert!(!asks(&aw.send_with(&mut browser, &[("max_age", "60")]).await));
    passport.advance(MINUTE);
    assert!(!asks(&aw.send_with(&mut browser, &[("max_age", "60")]).await), "exactly is in time");
    passport.advance(1);
    assert!(asks(&aw.send_with(&mut browser, &[("max_age", "60")]).await));
    assert!(!asks(&aw.send(&mut browser).await), "others are still satisfied");

    // A form that was sent with a wrong password proves nothing.
    let query = aw.login_query(&[("prompt", "login")]);
    let form = browser.login_form(&query, "member", "wrong horse battery").await;
    assert_eq!(browser.submit(&form).await.status, 401);
    let cookie = browser.cookies["__Host-passport"].clone();
    let form = browser.login_form(&query, "member", PASSWORD).await;
    let sent = browser.submit(&form).await;
    assert_eq!(aw.redeem(&sent.ticket()).await.status, 200);
    assert_ne!(browser.cookies["__Host-passport"], cookie, "SECURITY-CASES S-05: a new cookie");
    assert!(!asks(&aw.send_with(&mut browser, &[("max_age", "60")]).await), "proven a moment ago");
}

#[actix_web::test]
async fn a_fresh_login_is_the_same_session_with_a_new_proof() {
    let (passport, aw) = scene().await;
    let mut browser = passport.signed_in("member").await;
    let before = aw.enter(&mut browser).await;
    passport.advance(10 * MINUTE);
    let form =
        browser.login_form(&aw.login_query(&[("prompt", "login")]), "member", PASSWORD).await;
    let ticket = browser.submit(&form).await.ticket();
    let after = aw.redeem(&ticket).await.json();
    assert_eq!(after["session"], before.session.as_str());
    assert_eq!(after["auth_time"], before.auth_time + 10 * MINUTE / SECOND);
    assert_eq!(passport.count("SELECT COUNT(*) FROM sessions").await, 1);
    assert_eq!(passport.audited("login.again").await.session, Some(before.session));
}

// OpenID Connect Core 1.0 section 3.1.2.1: `max_age=0` asks always, and is met by the answer.
#[actix_web::test]
async fn a_login_takes_time_and_still_satisfies_a_demand_for_now() {
    let (passport, aw) = scene().await;
    let mut browser = passport.signed_in("member").await;
    passport.advance(1);
    let query = aw.login_query(&[("max_age", "0")]);
    let form = browser.login_form(&query, "member", PASSWORD).await;
    // Time goes on between the proof and the ticket, as it does outside of tests.
    let Clock::Manual(clock) = passport.clock.clone() else { panic!("not a manual clock") };
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let ticking = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::SeqCst) {
            clock.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
    });
    let sent = browser.submit(&form).await;
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    ticking.join().unwrap();
    assert_eq!(sent.sent("state").as_deref(), Some("st-1"), "{}", sent.location());
    assert_eq!(aw.redeem(&sent.ticket()).await.status, 200);
}

// `none` never shows a page: a ticket, or a definite no.
#[actix_web::test]
async fn a_silent_question_is_answered_without_a_page() {
    let (passport, aw) = scene().await;
    let mut stranger = passport.browser();
    let refused = aw.send_with(&mut stranger, &[("prompt", "none")]).await;
    assert_eq!(refused.sent("error").as_deref(), Some("login_required"));
    assert_eq!(refused.sent("state").as_deref(), Some("st-1"));
    assert_eq!(refused.sent("ticket"), None);
    assert!(asks(&aw.send(&mut stranger).await));

    let mut browser = passport.signed_in("member").await;
    let silent = aw.send_with(&mut browser, &[("prompt", "none")]).await;
    assert_eq!(aw.redeem(&silent.ticket()).await.status, 200);
    passport.advance(2 * MINUTE);
    let old = aw.send_with(&mut browser, &[("prompt", "none"), ("max_age", "60")]).await;
    assert_eq!(old.sent("error").as_deref(), Some("login_required"));
}

#[actix_web::test]
async fn nonsense_is_told_to_the_apps_developer() {
    let (passport, aw) = scene().await;
    let mut browser = passport.signed_in("member").await;
    for (name, value) in [
        ("prompt", "select_account"),
        ("prompt", "LOGIN"),
        ("prompt", ""),
        ("max_age", "-1"),
        ("max_age", "soon"),
        ("max_age", "99999999999999999999"),
        ("max_age", ""),
    ] {
        let answer = aw.send_with(&mut browser, &[(name, value)]).await;
        assert_eq!(answer.status, 400, "{name}={value}");
        assert_eq!(answer.location(), "", "{name}={value}");
        assert!(answer.text().contains(name), "{}", answer.text());
    }
    assert!(!asks(&aw.send_with(&mut browser, &[("max_age", "9223372036854775807")]).await));
    // Somebody else may answer the question, and is then the one who is signed in.
    passport.add_user("friend").await;
    let query = aw.login_query(&[("prompt", "login")]);
    let form = browser.login_form(&query, "friend", PASSWORD).await;
    let ticket = browser.submit(&form).await.ticket();
    assert_eq!(aw.redeem(&ticket).await.json()["user"]["username"], "friend");
}
