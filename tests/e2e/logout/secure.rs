//! "This was not me."

use client_sdk::wire::Cause;
use harness::{Answer, Browser, PASSWORD, Passport, on_both};

const NEW: &str = "a sentence only I would think of";

/// Fields that are filled in differently.
type Changes<'a> = &'a [(&'a str, &'a str)];

async fn secure(browser: &mut Browser, changes: Changes<'_>) -> Answer {
    let mut form = browser.get("/account/secure").await.form("/account/secure");
    let usual = [("username", "member"), ("password", PASSWORD), ("new", NEW), ("repeat", NEW)];
    for (name, value) in usual.iter().chain(changes) {
        form = form.with(name, value);
    }
    browser.submit(&form).await
}

#[actix_web::test]
async fn the_owner_is_in_here_and_nowhere_else() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        passport.add_user("member").await;
        let mut intruder = passport.signed_in("member").await;
        let entered = aw.enter(&mut intruder).await;

        // Signed out and displaced: the page is open to whoever knows the password.
        let mut owner = passport.browser();
        passport.advance(1);
        let sent = secure(&mut owner, &[]).await;
        assert_eq!(sent.status, 303, "{}", sent.text());
        let page = owner.get(sent.location()).await;
        assert!(page.text().contains("Your password is changed"), "{}", page.text());
        assert!(page.text().contains("cannot confirm"), "aw has not been heard: {}", page.text());
        assert!(!intruder.is_signed_in().await);
        let events = aw.events("0").await.events;
        assert_eq!(events[0].app_session.as_deref(), Some(&*entered.app_session));
        assert_eq!(events[0].cause, Some(Cause::PasswordChanged));

        assert_eq!(passport.browser().try_password("member", PASSWORD).await, 401);
        assert_eq!(passport.browser().try_password("member", NEW).await, 303);
        assert!(owner.is_signed_in().await);
        passport.audited("password.set").await;
    })
    .await;
}

#[actix_web::test]
async fn nothing_changes_on_bad_input() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let mut member = passport.signed_in("member").await;
    let bad: [(Changes<'_>, u16, &str); 5] = [
        (&[("password", "wrong password")], 401, "Name or password"),
        (&[("repeat", "something else")], 422, "not the same"),
        (&[("new", "short"), ("repeat", "short")], 422, "characters"),
        (&[("new", PASSWORD), ("repeat", PASSWORD)], 422, "the present one"),
        (&[("csrf", "x")], 403, "open for too long"),
    ];
    for (changes, status, says) in bad {
        let refused = secure(&mut member, changes).await;
        assert_eq!(refused.status, status, "{changes:?}: {}", refused.text());
        assert!(refused.text().contains(says), "{changes:?}: {}", refused.text());
        assert!(!refused.body.contains(PASSWORD), "{changes:?}");
        assert!(member.is_signed_in().await, "{changes:?}");
    }
    assert_eq!(passport.browser().try_password("member", PASSWORD).await, 303);
    let sent = secure(&mut member, &[]).await;
    assert_eq!(sent.status, 303, "the positive control: {}", sent.text());
}

// L-07 on this path too: guesses at the present password are counted like any others.
#[actix_web::test]
async fn guessing_here_is_as_slow_as_elsewhere() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    for _ in 0..5 {
        let mut browser = passport.browser();
        assert_eq!(secure(&mut browser, &[("password", "wrong password")]).await.status, 401);
    }
    assert_eq!(secure(&mut passport.browser(), &[]).await.status, 401, "blocked for a while");
    assert_eq!(passport.browser().try_password("member", PASSWORD).await, 401);
    passport.advance(harness::MINUTE);
    assert_eq!(secure(&mut passport.browser(), &[]).await.status, 303);
}
