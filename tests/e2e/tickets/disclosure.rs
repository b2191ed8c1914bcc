//! What an app is told, what it is not, and what is no ticket although it is a secret, too.

use std::collections::HashSet;

use harness::{Database, NOON, PASSWORD, SECOND, on_both};
use serde_json::{Value, json};
use sso_server::{domain::id::fresh_text, random::Random};

use crate::scene::{Scene, assert_invalid_ticket, assert_problem};

// SECURITY-CASES T-24
#[actix_web::test]
async fn an_app_is_told_what_is_meant_for_it_whatever_it_asks() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let expected = |answer: &Value, app_flag: i64| {
            json!({
                "app_session": answer["app_session"],
                "session": answer["session"],
                "user": {
                    "id": scene.member,
                    "username": "member",
                    "nickname": null,
                    "email": "member@example.org",
                    "email_verified": true,
                    "locale": null,
                    "avatar_url": null,
                    "profile": {},
                },
                "activation": { "state": "new", "since": NOON / SECOND },
                "app_flag": app_flag,
                "ac_flag": 0,
                "auth_time": NOON / SECOND,
                "amr": ["pwd"],
                "expires_at": NOON / SECOND + 12 * 3_600,
                "check_after": NOON / SECOND + 60,
                "lease_seconds": 60,
            })
        };
        let wishes = [
            &[][..],
            &[("scope", "all")],
            &[("scope", "openid profile email password_hash"), ("attributes", "*")],
            &[("fields", "*"), ("claims", "{\"userinfo\":null}")],
            &[("scope", "")],
        ];
        for wish in wishes {
            let sent = scene.aw.send_with(&mut scene.browser, wish).await;
            let answer = scene.aw.redeem(&sent.ticket()).await.json();
            assert_eq!(answer, expected(&answer, 1), "{wish:?}");
        }
        let sent = scene.bw.send_with(&mut scene.browser, &[("scope", "all")]).await;
        let answer = scene.bw.redeem(&sent.ticket()).await.json();
        assert_eq!(answer, expected(&answer, 3), "bw is the second app");

        let ticket = scene.ticket().await;
        for wish in ["scope", "fields", "attributes", "claims"] {
            let body = json!({ "ticket": ticket, "return_to": scene.aw.return_to, wish: "all" });
            assert_problem(&scene.aw.redeem_body(body, &[]).await, 400, "invalid_request");
        }
    })
    .await;
}

// SECURITY-CASES T-25: 2^20 names of one millisecond, from the system's generator.
#[test]
fn no_two_tickets_have_one_name() {
    let random = Random::system();
    let names: HashSet<u128> = (0..1 << 20)
        .map(|_| u128::from_str_radix(&fresh_text(NOON, &random).replace('-', ""), 16).unwrap())
        .collect();
    assert_eq!(names.len(), 1 << 20);
}

// SECURITY-CASES T-25: whoever has a copy of the database has no ticket, no cookie and no secret.
#[actix_web::test]
async fn a_copy_of_the_database_redeems_nothing() {
    let mut scene = Scene::on(Database::Sqlite).await;
    let spent = scene.ticket().await;
    let body = json!({ "ticket": spent, "return_to": scene.aw.return_to });
    assert_eq!(
        scene.aw.redeem_body(body, &[("idempotency-key", "lost-and-found")]).await.status,
        200
    );
    scene.refuses("already_used", scene.aw.redeem(&spent)).await;
    let fresh = scene.ticket().await;

    let mut copy = Vec::new();
    for entry in std::fs::read_dir(scene.passport.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("passport.db") {
            copy.extend(std::fs::read(path).unwrap());
        }
    }
    let holds = |text: &str| copy.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&scene.member) && holds("member@example.org"), "control: it is a copy");
    let signature = |ticket: &str| ticket.rsplit_once('.').unwrap().1.to_owned();
    let claims = |ticket: &str| ticket.split('.').nth(1).unwrap().to_owned();
    let cookie = scene.browser.cookies["__Host-passport"].clone();
    // The cookie is a signature and what it signs.
    let inside = cookie.rsplit_once("%3D").unwrap().1.to_owned();
    assert_eq!(inside.len(), 43);
    for (row, secret) in [
        ("a spent ticket's signature", signature(&spent)),
        ("a spent ticket's claims", claims(&spent)),
        ("a fresh ticket's signature", signature(&fresh)),
        ("a fresh ticket's claims", claims(&fresh)),
        ("an idempotency key", "lost-and-found".to_owned()),
        ("an app's secret", scene.aw.secret.clone()),
        ("the cookie", cookie),
        ("what is in the cookie", inside),
        ("the password", PASSWORD.to_owned()),
    ] {
        assert!(!holds(&secret), "{row} is in the database");
    }
    assert_eq!(scene.aw.redeem(&fresh).await.status, 200, "control: the fresh one is good");
}

// SECURITY-CASES T-08: one purpose a secret.
#[actix_web::test]
async fn other_secrets_are_no_tickets() {
    let mut scene = Scene::start().await;
    let new = sso_server::flows::users::AddUser {
        username: "newcomer",
        email: None,
        admin: false,
        password: None,
    };
    let added = sso_server::flows::users::add(&scene.passport.app, new).await.unwrap();
    let link = added.setup_url.unwrap();
    let token = link.split_once("token=").unwrap().1.to_owned();
    let form = scene.passport.browser().get("/login").await.form("/login");
    let entered = scene.aw.enter(&mut scene.browser).await;
    for (row, text) in [
        ("a one-time link", &*token),
        ("a form's token", form.field("csrf")),
        ("the session's cookie", &scene.browser.cookies["__Host-passport"]),
        ("the device's cookie", &scene.browser.cookies["__Host-passport-device"]),
        ("the session's name", &entered.session),
        ("the app session's name", &entered.app_session),
        ("the person's name", &scene.member),
        ("the app's secret", &scene.aw.secret),
    ] {
        eprintln!("{row}");
        scene.refuses("not_genuine", scene.aw.redeem(text)).await;
    }
    let mut browser = scene.passport.browser();
    browser.get(&format!("/setup?token={token}")).await;
    assert_eq!(browser.get("/setup").await.status, 200, "control: the link is as good as before");
}

// SECURITY-CASES T-08: and a ticket is no other secret.
#[actix_web::test]
async fn a_ticket_is_nothing_but_a_ticket() {
    let mut scene = Scene::start().await;
    let ticket = scene.ticket().await;
    let mut thief = scene.passport.browser();
    let answer = thief.get(&format!("/setup?token={ticket}")).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (410, ""));
    for name in [
        "__Host-passport",
        "__Host-passport-form",
        "__Host-passport-setup",
        "__Host-passport-device",
    ] {
        let mut thief = scene.passport.browser();
        thief.cookies.insert(name.to_owned(), ticket.clone());
        assert!(!thief.is_signed_in().await, "{name}");
        assert_eq!(thief.get("/setup").await.status, 410, "{name}");
    }
    let mut thief = scene.passport.browser();
    let form = thief.login_form("", "member", PASSWORD).await.with("csrf", &ticket);
    assert_eq!(thief.submit(&form).await.status, 403, "as a form's token");
    assert!(!thief.is_signed_in().await);

    let mut caller = scene.aw.clone();
    caller.secret = ticket.clone();
    assert_problem(&caller.redeem(&ticket).await, 401, "invalid_client");
    let status = scene.aw.status(&ticket).await;
    assert_problem(&status, 404, "not_found");
    assert_problem(&scene.aw.end(&ticket, "session").await, 404, "not_found");
    assert_eq!(scene.spent().await, 0);
    assert_eq!(scene.aw.redeem(&ticket).await.status, 200, "control");
    assert_invalid_ticket(&scene.aw.redeem(&ticket).await);
}

// SECURITY-CASES T-14: a form that was shown to one browser is void in another, whatever the other
// knows of it; there is no pending request that could be named instead.
#[actix_web::test]
async fn a_log_in_belongs_to_the_browser_that_began_it() {
    let scene = Scene::start().await;
    let query = scene.aw.login_query(&[]);
    let mut theirs = scene.passport.browser();
    let form = theirs.login_form(&query, "member", PASSWORD).await;
    let sessions = scene.passport.count("SELECT COUNT(*) FROM sessions").await;
    let mut bare = scene.passport.browser();
    let mut own = scene.passport.browser();
    own.login_form(&query, "member", PASSWORD).await;
    for other in [&mut bare, &mut own] {
        let answer = other.submit(&form).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (403, ""));
        assert!(!other.is_signed_in().await);
    }
    for forged in ["", "x", &form.field("csrf")[1..]] {
        let answer = theirs.submit(&form.clone().with("csrf", forged)).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (403, ""), "{forged:?}");
    }
    let answer = theirs.submit(&form.clone().without("csrf")).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (403, ""));
    assert_eq!(scene.passport.count("SELECT COUNT(*) FROM sessions").await, sessions);
    assert!(theirs.submit(&form).await.sent("ticket").is_some(), "control");
}
