//! What an end reaches, and who may ask for one.

use std::collections::BTreeSet;

use client_sdk::wire::Cause;
use harness::{Passport, on_both};
use sso_server::flows::users;

// SECURITY-CASES B-08: what ended a person's sessions ends none that began after.
#[actix_web::test]
async fn a_new_login_outlives_what_ended_the_old_one() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let user = passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let old = aw.enter(&mut passport.signed_in("member").await).await;
        users::logout(&passport.app, "member").await.unwrap();
        let mut browser = passport.signed_in("member").await;
        let new = aw.enter(&mut browser).await;
        // The news come late: after the new login.
        let log = aw.events("0").await;
        assert_eq!(log.events.len(), 1);
        assert_eq!(log.events[0].app_session.as_ref(), Some(&old.app_session), "named, not meant");
        assert_eq!(log.events[0].user, user);
        assert_ne!(log.events[0].session.as_ref(), Some(&new.session));
        assert_eq!(aw.status(&new.app_session).await.json()["state"], "active");
        assert!(browser.is_signed_in().await);
    })
    .await;
}

// SECURITY-CASES B-16.
#[actix_web::test]
async fn a_forced_logout_reaches_every_device_every_app_and_every_ticket_on_its_way() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        for name in ["member", "other"] {
            passport.add_user(name).await;
        }
        let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
        let mut devices = [passport.signed_in("member").await, passport.signed_in("member").await];
        let mut expected = [BTreeSet::new(), BTreeSet::new()];
        for device in &mut devices {
            for (app, expected) in [&aw, &bw].into_iter().zip(&mut expected) {
                expected.insert(app.enter(device).await.app_session);
            }
        }
        let ticket = aw.send(&mut devices[0]).await.ticket();
        let mut neighbour = passport.signed_in("other").await;
        let of_other = aw.enter(&mut neighbour).await.app_session;

        let ended = users::logout(&passport.app, "member").await.unwrap();
        assert_eq!((ended.sessions, ended.app_sessions), (2, 4));
        for (app, expected) in [&aw, &bw].into_iter().zip(expected) {
            let log = app.events("0").await.events;
            assert!(log.iter().all(|event| event.cause == Some(Cause::Admin)));
            let told: BTreeSet<String> = log.into_iter().filter_map(|e| e.app_session).collect();
            assert_eq!(told, expected);
        }
        for device in &mut devices {
            assert!(!device.is_signed_in().await, "the kept cookie is worth nothing");
        }
        assert_eq!(aw.redeem(&ticket).await.json()["code"], "invalid_ticket");
        let lines = passport.audit().await;
        let ends: Vec<_> = lines.iter().filter(|line| line.kind == "session.ended").collect();
        assert_eq!(ends.len(), 2);
        assert!(ends.iter().all(|line| line.detail.contains("operator")), "{ends:#?}");
        assert!(neighbour.is_signed_in().await);
        assert_eq!(aw.status(&of_other).await.json()["state"], "active");
    })
    .await;
}

// SECURITY-CASES B-13: no other site, and no picture in a page, logs anybody out.
#[actix_web::test]
async fn a_logout_is_asked_for_by_our_own_page() {
    let passport = Passport::start().await;
    for name in ["member", "other"] {
        passport.add_user(name).await;
    }
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let entered = aw.enter(&mut browser).await;
    let form = browser.get("/logout").await.form("/logout");
    let foreign = passport.signed_in("other").await.get("/logout").await.form("/logout");
    let alive = async |browser: &mut harness::Browser| {
        assert!(browser.is_signed_in().await);
        assert_eq!(aw.status(&entered.app_session).await.json()["state"], "active");
        assert!(aw.events("0").await.events.is_empty());
    };
    for query in
        ["", "?confirm=1", "?id_token_hint=a.b.c", &format!("?csrf={}", form.field("csrf"))]
    {
        assert_eq!(browser.get(&format!("/logout{query}")).await.status, 200, "{query} asks");
        alive(&mut browser).await;
    }
    for (what, form, headers) in [
        ("no token", form.clone().without("csrf"), vec![]),
        ("another's token", foreign, vec![]),
        (
            "another form's token",
            browser.get("/account").await.form("/account/sessions/end"),
            vec![],
        ),
        ("another site", form.clone(), vec![("sec-fetch-site", "cross-site")]),
        ("a neighbour", form.clone(), vec![("sec-fetch-site", "same-site")]),
        ("another origin", form.clone(), vec![("origin", "http://evil.localhost")]),
    ] {
        let fields = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = harness::browser::encode(fields);
        let answer = browser.post_body("/logout", body, &headers).await;
        assert_eq!(answer.status, 403, "{what}");
        alive(&mut browser).await;
    }
    assert_eq!(browser.submit(&form).await.status, 303, "our own does it");
    assert!(!browser.is_signed_in().await);
    assert_eq!(aw.events("0").await.events[0].cause, Some(Cause::User));
}
