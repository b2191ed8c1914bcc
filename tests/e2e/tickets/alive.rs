//! Session, person and app must be alive at the moment of redemption, not only of issue.

use harness::{Answer, DAY, Passport, SECOND, on_both};
use sso_server::flows::{apps, users};

use crate::scene::{Scene, assert_problem, fact};

/// Something that happens between issue and redemption, and what the app hears then.
struct Row {
    what: &'static str,
    happens: Happening,
    status: u16,
    code: &'static str,
    /// What the audit log says; none when the app itself is not known any more.
    why: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Happening {
    SignOut,
    Logout,
    Disable,
    Delete,
    Expiry,
    Suspension,
    AppDisabled,
    AppDeleted,
    SecretRotated,
}

const ROWS: [Row; 9] = [
    Row {
        what: "the person signs out",
        happens: Happening::SignOut,
        status: 400,
        code: "invalid_ticket",
        why: Some("session_over"),
    },
    Row {
        what: "an operator ends the person's sessions",
        happens: Happening::Logout,
        status: 400,
        code: "invalid_ticket",
        why: Some("session_over"),
    },
    Row {
        what: "the account is disabled",
        happens: Happening::Disable,
        status: 403,
        code: "account_disabled",
        why: Some("session_over"),
    },
    Row {
        // To an app, deleted is disabled for good.
        what: "the account is deleted",
        happens: Happening::Delete,
        status: 403,
        code: "account_disabled",
        why: Some("session_over"),
    },
    Row {
        what: "the session's time is up",
        happens: Happening::Expiry,
        status: 400,
        code: "invalid_ticket",
        why: Some("session_over"),
    },
    Row {
        what: "the app has suspended the person",
        happens: Happening::Suspension,
        status: 403,
        code: "not_allowed",
        why: Some("user_barred"),
    },
    Row {
        what: "the app is disabled",
        happens: Happening::AppDisabled,
        status: 401,
        code: "invalid_client",
        why: None,
    },
    Row {
        what: "the app is deleted",
        happens: Happening::AppDeleted,
        status: 401,
        code: "invalid_client",
        why: None,
    },
    Row {
        what: "the app has a new secret",
        happens: Happening::SecretRotated,
        status: 401,
        code: "invalid_client",
        why: None,
    },
];

async fn happen(scene: &mut Scene, what: Happening) {
    let app = scene.passport.app.clone();
    match what {
        Happening::SignOut => scene.browser.sign_out().await,
        Happening::Logout => drop(users::logout(&app, "member").await.unwrap()),
        Happening::Disable => drop(users::disable(&app, "member", false).await.unwrap()),
        Happening::Delete => drop(users::delete(&app, "member", false).await.unwrap()),
        // The ticket was issued ten seconds before the end.
        Happening::Expiry => scene.passport.advance(10 * SECOND),
        Happening::Suspension => suspend(&scene.passport).await,
        Happening::AppDisabled => drop(apps::disable(&app, "aw").await.unwrap()),
        Happening::AppDeleted => drop(apps::delete(&app, "aw").await.unwrap()),
        Happening::SecretRotated => drop(apps::rotate_secret(&app, "aw", 0).await.unwrap()),
    }
}

/// There is no call for it yet.
async fn suspend(passport: &Passport) {
    let mut tx = passport.app.db.write().await.unwrap();
    let sql = "UPDATE activations SET state = 'suspended'";
    assert_eq!(sqlx::query(sql).execute(&mut *tx).await.unwrap().rows_affected(), 1);
    tx.commit().await.unwrap();
}

async fn redeem_in_time(scene: &Scene, ticket: &str) -> Answer {
    scene.passport.advance(1);
    scene.aw.redeem(ticket).await
}

// SECURITY-CASES T-29, and the same for every other end.
#[actix_web::test]
async fn what_ends_after_the_issue_ends_the_ticket() {
    on_both(async |database| {
        for row in ROWS {
            eprintln!("{}", row.what);
            let lifetime = |config: &mut sso_server::config::Config| {
                config.session.lifetime = sso_server::config::Period::seconds(DAY / SECOND);
            };
            let mut scene = Scene::with(database, lifetime).await;
            let control = scene.ticket().await;
            assert_eq!(redeem_in_time(&scene, &control).await.status, 200, "control");
            if matches!(row.happens, Happening::Expiry) {
                // Stay in use until ten seconds before the end.
                scene.passport.advance(DAY - 10 * SECOND - 1);
            }
            let ticket = scene.ticket().await;
            let (entered, spent) = (scene.entered().await, scene.spent().await);
            happen(&mut scene, row.happens).await;
            let lines = scene.audit_lines().await;

            let answer = redeem_in_time(&scene, &ticket).await;
            assert_problem(&answer, row.status, row.code);
            assert_eq!(scene.entered().await, entered, "{}", row.what);
            match row.why {
                Some(why) => {
                    let line = scene.passport.audited("ticket.refused").await;
                    assert_eq!(
                        (line.at, fact(&line, "why")),
                        (scene.passport.clock.now(), why.into())
                    );
                    assert_eq!(line.user.as_deref(), Some(scene.member.as_str()));
                    assert_eq!(scene.spent().await, spent + 1, "{}: spent", row.what);
                }
                None => {
                    assert_eq!(scene.spent().await, spent, "{}: not even looked at", row.what);
                    assert_eq!(scene.audit_lines().await, lines);
                }
            }
        }
    })
    .await;
}

// What is over at the moment of issue gets no ticket at all.
#[actix_web::test]
async fn nothing_is_issued_for_what_is_over() {
    for row in ROWS {
        let mut scene = Scene::start().await;
        assert!(scene.aw.send(&mut scene.browser).await.sent("ticket").is_some(), "control");
        if matches!(row.happens, Happening::Suspension | Happening::SecretRotated) {
            continue;
        }
        if matches!(row.happens, Happening::Expiry) {
            scene.passport.advance(31 * DAY);
        }
        happen(&mut scene, row.happens).await;
        let answer = scene.aw.send(&mut scene.browser).await;
        let expected = if row.status == 401 { 400 } else { 200 };
        assert_eq!((answer.status.as_u16(), answer.location()), (expected, ""), "{}", row.what);
        let silent = scene.aw.send_with(&mut scene.browser, &[("prompt", "none")]).await;
        assert_eq!(silent.sent("ticket"), None, "{}", row.what);
        let error = (row.status != 401).then_some("login_required");
        assert_eq!(silent.sent("error").as_deref(), error, "{}", row.what);
    }
}

// An account that is enabled again begins anew: tickets from before stay void.
#[actix_web::test]
async fn enabling_an_account_revives_no_ticket() {
    let mut scene = Scene::start().await;
    let ticket = scene.ticket().await;
    users::disable(&scene.passport.app, "member", false).await.unwrap();
    users::enable(&scene.passport.app, "member").await.unwrap();
    scene.refuses("session_over", scene.aw.redeem(&ticket)).await;
    scene.browser.sign_in("member").await;
    let ticket = scene.ticket().await;
    assert_eq!(scene.aw.redeem(&ticket).await.status, 200, "control");
}
