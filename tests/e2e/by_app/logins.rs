//! An app's server passes on what was typed into its form.

use harness::{
    Database, MINUTE, PASSWORD, Passport, TestApp,
    app::{PERSON, VERIFIER, challenge},
    on_both,
};
use serde_json::json;
use sso_server::{
    config::Config,
    domain::session_caps::OnExcess,
    flows::users::{self, AddUser},
};

async fn scene(database: Database, change: impl FnOnce(&mut Config)) -> (Passport, TestApp) {
    let passport = Passport::with(database, change).await;
    passport.add_user("member").await;
    let aw = passport.add_app_with("aw", |app| app.may_login = true).await;
    (passport, aw)
}

const SESSIONS: &str = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";

#[actix_web::test]
async fn a_person_gets_in_and_is_seen_where_the_app_saw_them() {
    on_both(async |database| {
        let (passport, aw) = scene(database, |_| {}).await;
        let answer = aw.log_in("member", PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let redeemed = aw.redeem_in_page(answer.json()["ticket"].as_str().unwrap()).await.json();
        assert_eq!(redeemed["user"]["username"], "member");
        assert_eq!(redeemed["amr"], json!(["pwd"]));
        let line = passport.audited("login").await;
        assert_eq!((line.app.as_deref(), line.address.as_deref()), (Some("aw"), Some(PERSON)));
        assert_eq!(line.session.as_deref(), redeemed["session"].as_str());
        assert!(line.detail.contains("Firefox on Windows"), "{}", line.detail);

        // The ticket is an in-page one: bound to the verifier, and to no return URL (J-08).
        for body in [json!({}), json!({ "verifier": VERIFIER, "return_to": aw.return_to })] {
            let ticket = aw.log_in("member", PASSWORD).await.json()["ticket"].clone();
            let mut body = body;
            body["ticket"] = ticket;
            let refused = aw.redeem_body(body, &[]).await;
            assert_eq!(refused.json()["code"], "invalid_ticket");
        }
        // Ended like any other.
        let ended = aw.end(redeemed["app_session"].as_str().unwrap(), "session").await;
        assert_eq!(ended.status, 200);
        let refused = aw.status(redeemed["app_session"].as_str().unwrap()).await;
        assert_eq!(refused.json()["state"], "ended");
    })
    .await;
}

#[actix_web::test]
async fn only_an_app_that_may() {
    let (passport, aw) = scene(Database::Sqlite, |_| {}).await;
    let bw = passport.add_app("bw").await;
    let work = passport.app.passwords.work();
    let refused = bw.log_in("member", PASSWORD).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["code"].clone()),
        (403, "not_allowed".into())
    );
    let mut stranger = aw.clone();
    stranger.secret.clone_from(&bw.secret);
    assert_eq!(stranger.log_in("member", PASSWORD).await.json()["code"], "invalid_client");
    for wrong in [
        json!({ "challenge": "short" }),
        json!({ "address": "aw.example" }),
        json!({ "address": "203.0.113.7:80" }),
        json!({ "address": "" }),
        json!({ "password": "" }),
        json!({ "more": 1 }),
    ] {
        let refused = aw.log_in_with("member", PASSWORD, wrong.clone()).await;
        assert_eq!(refused.json()["code"], "invalid_request", "{wrong}");
    }
    assert_eq!(passport.app.passwords.work(), work, "nothing was hashed");
    assert_eq!(passport.count("SELECT COUNT(*) FROM throttles").await, 0);
    assert_eq!(aw.log_in("member", PASSWORD).await.status, 200, "control");
}

// SECURITY-CASES L-01, L-02: one answer and one amount of work, whoever it was.
#[actix_web::test]
async fn every_refusal_looks_and_works_alike() {
    on_both(async |database| {
        let (passport, aw) = scene(database, |config| config.throttle.account_attempts = 2).await;
        for name in ["absent", "locked"] {
            passport.add_user(name).await;
        }
        let invited = AddUser { username: "silent", email: None, admin: false, password: None };
        users::add(&passport.app, invited).await.unwrap();
        users::disable(&passport.app, "absent", false).await.unwrap();
        for _ in 0..2 {
            aw.log_in("locked", "wrong horse battery").await;
        }
        let mut seen = Vec::new();
        for (name, password, why) in [
            ("nobody", PASSWORD, "unknown"),
            ("member", "wrong horse battery", "wrong_password"),
            ("silent", PASSWORD, "no_password"),
            ("absent", PASSWORD, "disabled"),
            ("locked", PASSWORD, "blocked"),
        ] {
            passport.advance(1);
            let work = passport.app.passwords.work();
            let answer = aw.log_in(name, password).await;
            let work = passport.app.passwords.work() - work;
            let line = passport.audited("login.refused").await;
            assert!(line.detail.contains(&format!("\"{why}\"")), "{why}: {}", line.detail);
            assert_eq!((line.app.as_deref(), line.address.as_deref()), (Some("aw"), Some(PERSON)));
            let mut headers = answer.headers.clone();
            headers.remove("date");
            seen.push((answer.status, format!("{headers:?}"), answer.body, work));
        }
        assert_eq!(seen[0].0, 400);
        assert!(seen[0].2.contains("invalid_credentials"), "{}", seen[0].2);
        for one in &seen {
            assert_eq!(one, &seen[0]);
        }
        assert_eq!(passport.count(SESSIONS).await, 0);
        assert_eq!(aw.log_in("member", PASSWORD).await.status, 200, "control");
    })
    .await;
}

// SECURITY-CASES L-10: by the address that the app reports, an IPv6 /64 as one.
#[actix_web::test]
async fn attempts_count_for_the_persons_network() {
    on_both(async |database| {
        let (passport, aw) = scene(database, |config| config.throttle.address_attempts = 3).await;
        let from = |address: String| json!({ "address": address });
        for n in 0..3 {
            let name = format!("nobody{n}");
            let answer = aw.log_in_with(&name, PASSWORD, from(format!("2001:db8::{n}"))).await;
            assert_eq!(answer.status, 400);
        }
        let blocked = aw.log_in_with("member", PASSWORD, from("2001:db8::ffff".into())).await;
        assert_eq!(blocked.json()["code"], "too_many_requests");
        assert!(!blocked.header("retry-after").is_empty());
        for free in ["2001:db8:0:1::1", PERSON] {
            let answer = aw.log_in_with("member", PASSWORD, from(free.into())).await;
            assert_eq!(answer.status, 200, "{free}");
        }
        // What succeeds is given back.
        for _ in 0..6 {
            assert_eq!(aw.log_in("member", PASSWORD).await.status, 200);
        }
        // The same person by the same network on our own page: one counter.
        let counted =
            passport.count("SELECT failures FROM throttles WHERE id LIKE 'address:2001%'");
        assert_eq!(counted.await, 3);
    })
    .await;
}

// SECURITY-CASES L-10, L-11: an app that names another address each time is counted as a whole; its
// neighbours, our own page, and those on a known device go on.
#[actix_web::test]
async fn attempts_count_for_the_app() {
    on_both(async |database| {
        let (passport, aw) = scene(database, |config| config.throttle.app_attempts = 4).await;
        let bw = passport.add_app_with("bw", |app| app.may_login = true).await;
        let known = aw.log_in("member", PASSWORD).await.json()["device"].clone();
        let from = |n: i32| json!({ "address": format!("198.51.100.{n}") });
        for n in 0..4 {
            let answer = aw.log_in_with(&format!("nobody{n}"), PASSWORD, from(n)).await;
            assert_eq!(answer.status, 400, "{n}");
        }
        let blocked = aw.log_in_with("member", PASSWORD, from(99)).await;
        assert_eq!(blocked.json()["code"], "too_many_requests");
        assert_eq!(bw.log_in_with("member", PASSWORD, from(99)).await.status, 200, "another app");
        assert_eq!(passport.browser().try_password("member", PASSWORD).await, 303, "our own page");
        let device = json!({ "device": known });
        assert_eq!(aw.log_in_with("member", PASSWORD, device).await.status, 200, "a known device");
        let forged = json!({ "device": "x.y", "address": "198.51.100.98" });
        assert_eq!(aw.log_in_with("member", PASSWORD, forged).await.status, 429);
        passport.advance(30 * MINUTE);
        assert_eq!(aw.log_in_with("member", PASSWORD, from(99)).await.status, 200, "forgotten");
    })
    .await;
}

// SECURITY-CASES S-16: no way around the limits of sessions.
#[actix_web::test]
async fn limits_of_sessions_hold() {
    on_both(async |database| {
        for (policy, code) in [
            (OnExcess::KickOldest, None),
            (OnExcess::Deny, Some("conflict")),
            (OnExcess::Ask, Some("conflict")),
        ] {
            let (passport, aw) = scene(database, |config| {
                config.session.max_per_user = 1;
                config.session.on_excess = policy;
            })
            .await;
            let mut first = passport.signed_in("member").await;
            let answer = aw.log_in("member", PASSWORD).await;
            assert_eq!(answer.json()["code"].as_str(), code, "{policy:?}");
            assert_eq!(passport.count(SESSIONS).await, 1, "{policy:?}");
            assert_eq!(first.is_signed_in().await, code.is_some(), "{policy:?}");
            // Nothing waits for an answer that nobody could give.
            for table in
                ["SELECT COUNT(*) FROM pending_logins", "SELECT MAX(failures) FROM throttles"]
            {
                assert_eq!(passport.count(table).await, 0, "{policy:?}: {table}");
            }
            let links = passport.count("SELECT COUNT(*) FROM establish_links").await;
            assert_eq!(links, i64::from(code.is_none()), "{policy:?}");
            // Our own page can ask.
            if policy == OnExcess::Ask {
                let mut browser = passport.browser();
                let form = browser.login_form("", "member", PASSWORD).await;
                assert!(!browser.submit(&form).await.forms("/login/choose").is_empty());
            }
        }
    })
    .await;
}

// The SDK's own call.
#[actix_web::test]
async fn the_sdk_passes_it_on() {
    use client_sdk::{
        Settings,
        client::Client,
        wire::{ErrorCode, LoginByApp},
    };
    let (passport, aw) = scene(Database::Sqlite, |_| {}).await;
    let settings = Settings::new(&*passport.url, "aw", &*aw.secret, "http://aw.localhost").unwrap();
    let client = Client::new(settings).unwrap();
    let mut login = LoginByApp {
        username: "member".into(),
        password: PASSWORD.into(),
        challenge: challenge(VERIFIER),
        address: PERSON.into(),
        ..LoginByApp::default()
    };
    let done = client.log_in(&login).await.unwrap();
    assert!(done.establish_url.starts_with(&format!("{}/establish?", passport.url)));
    assert_eq!(aw.redeem_in_page(&done.ticket).await.status, 200);
    for shown in [format!("{login:?}"), format!("{done:?}")] {
        assert!(!shown.contains(PASSWORD) && !shown.contains("member") && !shown.contains("ey"));
    }
    login.password = "another one".into();
    let refused = client.log_in(&login).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidCredentials));
}
