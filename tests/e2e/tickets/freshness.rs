//! How fresh a login an app may demand, and what it hears when nobody may be asked.

use harness::{Answer, HOUR, NOON, PASSWORD, SECOND};
use serde_json::json;

use crate::{forge::claims_of, scene::Scene};

/// The form, for a person who is signed in already; no ticket.
fn assert_asks(answer: &Answer, row: &str) {
    assert_eq!((answer.status.as_u16(), answer.location()), (200, ""), "{row}");
    assert!(!answer.form("/login").fields.is_empty(), "{row}");
    assert!(!answer.body.contains("ticket="), "{row}");
}

/// Back at the app with a definite "nobody is signed in".
fn assert_login_required(answer: &Answer, row: &str) {
    assert_eq!(answer.status, 303, "{row}: {}", answer.text());
    assert_eq!(answer.sent("error").as_deref(), Some("login_required"), "{row}");
    assert_eq!(answer.sent("state").as_deref(), Some("st-1"), "{row}");
    assert_eq!(answer.sent("ticket"), None, "{row}");
    assert!(answer.location().ends_with('#'), "{row}: {}", answer.location());
}

// SECURITY-CASES T-26: at issue.
#[actix_web::test]
async fn an_app_may_demand_a_log_in_of_now() {
    let mut scene = Scene::start().await;
    scene.passport.advance(HOUR);
    let now = |scene: &Scene| scene.passport.clock.now() / SECOND;
    let entered = scene.aw.enter(&mut scene.browser).await;
    assert_eq!(entered.auth_time, NOON / SECOND, "of the login, not of the ticket");

    // An hour and not a millisecond more.
    for (row, more, asked) in [
        ("an hour is within an hour", [("max_age", "3600")], false),
        ("and not within less", [("max_age", "3599")], true),
        ("nothing is within no time", [("max_age", "0")], true),
        ("without regard to the time", [("prompt", "login")], true),
        ("any time will do", [("max_age", "9223372036854775807")], false),
    ] {
        let answer = scene.aw.send_with(&mut scene.browser, &more).await;
        match asked {
            true => assert_asks(&answer, row),
            false => assert!(answer.sent("ticket").is_some(), "{row}"),
        }
    }
    scene.passport.advance(1);
    let answer = scene.aw.send_with(&mut scene.browser, &[("max_age", "3600")]).await;
    assert_asks(&answer, "a millisecond later");

    // Asked and answered: the ticket is there, and the login is of now.
    for (more, asks_again) in [([("prompt", "login")], true), ([("max_age", "60")], false)] {
        scene.passport.advance(HOUR);
        let query = scene.aw.login_query(&more);
        let form = scene.browser.login_form(&query, "member", PASSWORD).await;
        let sent = scene.browser.submit(&form).await;
        let redeemed = scene.aw.redeem(&sent.ticket()).await.json();
        assert_eq!(redeemed["auth_time"], now(&scene), "{more:?}");
        let again = scene.aw.send_with(&mut scene.browser, &more).await;
        assert_eq!(again.status == 200, asks_again, "{more:?}: `login` asks each time");
    }
}

// SECURITY-CASES T-26: a wrong password for a fresh login leaves things as they are.
#[actix_web::test]
async fn a_demand_is_not_met_by_a_wrong_password() {
    let mut scene = Scene::start().await;
    let query = scene.aw.login_query(&[("prompt", "login")]);
    let form = scene.browser.login_form(&query, "member", "not the password").await;
    let answer = scene.browser.submit(&form).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (401, ""));
    assert!(!answer.body.contains("ticket="));
    assert!(scene.browser.is_signed_in().await, "control: the old login still holds");
    assert!(scene.aw.send(&mut scene.browser).await.sent("ticket").is_some());
}

// SECURITY-CASES T-26: at redemption. The parameters of `/login` pass through the browser, where
// somebody may take them out; so the app that cares asks here.
#[actix_web::test]
async fn an_app_need_not_trust_the_way_through_the_browser() {
    let mut scene = Scene::start().await;
    scene.passport.advance(100 * SECOND);
    for max_age in [99, 60, 0, -1, i64::MIN] {
        let stripped = scene.ticket().await;
        let body =
            json!({ "ticket": stripped, "return_to": scene.aw.return_to, "max_age": max_age });
        // `refuses` moves the clock by a millisecond; at 99 that makes no difference.
        let line = scene.refuses("too_old", scene.aw.redeem_body(body, &[])).await;
        assert_eq!(line.user.as_deref(), Some(scene.member.as_str()));
        scene.refuses("already_used", scene.aw.redeem(&stripped)).await;
    }
    for max_age in [101, i64::MAX] {
        let ticket = scene.ticket().await;
        let body = json!({ "ticket": ticket, "return_to": scene.aw.return_to, "max_age": max_age });
        let answer = scene.aw.redeem_body(body, &[]).await;
        assert_eq!(answer.json()["auth_time"], NOON / SECOND, "control: {}", answer.body);
    }
}

// SECURITY-CASES T-27
#[actix_web::test]
async fn in_silence_there_is_a_ticket_or_a_definite_no() {
    let mut scene = Scene::start().await;
    let silent = ("prompt", "none");
    let mut stranger = scene.passport.browser();
    for _ in 0..3 {
        let answer = scene.aw.send_with(&mut stranger, &[silent]).await;
        assert_login_required(&answer, "nobody is signed in, however often it is asked");
    }
    let answer = scene.aw.send_with(&mut scene.browser, &[silent]).await;
    assert!(answer.sent("ticket").is_some() && answer.sent("error").is_none(), "control");

    scene.passport.advance(100 * SECOND);
    let answer = scene.aw.send_with(&mut scene.browser, &[silent, ("max_age", "99")]).await;
    assert_login_required(&answer, "signed in, but too long ago");
    let answer = scene.aw.send_with(&mut scene.browser, &[silent, ("max_age", "100")]).await;
    assert!(answer.sent("ticket").is_some(), "control");

    // "Ask in any case" and "never ask" at once: no ticket of the old login in any spelling.
    for both in [
        &[silent, ("prompt", "login")][..],
        &[("prompt", "login"), silent],
        &[("prompt", "none login")],
        &[("prompt", "login none")],
        &[silent, ("max_age", "0")],
    ] {
        scene.passport.advance(1);
        let answer = scene.aw.send_with(&mut scene.browser, both).await;
        assert_eq!(answer.sent("ticket"), None, "{both:?}");
        match both.iter().any(|(name, _)| *name == "max_age") {
            true => assert_login_required(&answer, "max_age=0"),
            false => assert_eq!((answer.status.as_u16(), answer.location()), (400, ""), "{both:?}"),
        }
    }

    scene.browser.sign_out().await;
    let answer = scene.aw.send_with(&mut scene.browser, &[silent]).await;
    assert_login_required(&answer, "signed out");
}

// SECURITY-CASES T-28, R-14
#[actix_web::test]
async fn what_carries_a_ticket_is_kept_by_nobody() {
    let mut scene = Scene::start().await;
    let mut newcomer = scene.passport.browser();
    let form = newcomer.login_form(&scene.aw.login_query(&[]), "member", PASSWORD).await;
    for (row, answer) in [
        ("in silence", scene.aw.send(&mut scene.browser).await),
        ("after the password", newcomer.submit(&form).await),
    ] {
        assert_eq!(answer.status, 303, "{row}: the password is not sent on");
        assert_eq!(answer.header("cache-control"), "no-store", "{row}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{row}");
        assert!(answer.location().ends_with('#'), "{row}: {}", answer.location());
        let ticket = answer.ticket();
        assert!(!answer.body.contains(&ticket), "{row}");
        for cookie in answer.headers.get_all("set-cookie") {
            assert!(!cookie.to_str().unwrap().contains(&ticket), "{row}");
        }
        assert_eq!(claims_of(&ticket)["aud"], "aw", "{row}");
    }
    let refused = scene.aw.send_with(&mut scene.passport.browser(), &[("prompt", "none")]).await;
    assert_eq!(refused.header("cache-control"), "no-store", "a no is not kept either");
}
