//! Unknown, wrong, disabled, blocked: one answer and one amount of work, whoever it was.

use std::collections::BTreeMap;

use harness::{Answer, Browser, DAY, Database, PASSWORD, Passport, on_both};
use sso_server::flows::users::{self, AddUser};

use crate::scene::{attempt, live_sessions, refusals, rewrite_hash};

/// Each kind of refused login: a name (all equally long), a password, the reason in the audit log.
const REFUSED: [(&str, &str, &str); 7] = [
    ("nobody", "wrong horse battery", "unknown"),
    ("member", "wrong horse battery", "wrong_password"),
    ("silent", "wrong horse battery", "no_password"),
    ("absent", PASSWORD, "disabled"),
    ("locked", PASSWORD, "blocked"),
    ("absurd", PASSWORD, "wrong_password"),
    ("cheap1", "wrong horse battery", "wrong_password"),
];

/// A Passport on which each of them can be met. Its hashes cost enough to tell them apart.
async fn with_all_kinds(database: Database) -> Passport {
    let passport = Passport::with(database, |config| {
        config.password.memory_kib = 256;
        config.password.iterations = 2;
        config.throttle.account_attempts = 3;
    })
    .await;
    for name in ["member", "absent", "locked", "absurd", "cheap1"] {
        passport.add_user(name).await;
    }
    let invited = AddUser { username: "silent", email: None, admin: false, password: None };
    users::add(&passport.app, invited).await.unwrap();
    users::disable(&passport.app, "absent", false).await.unwrap();
    rewrite_hash(&passport, "absurd", |_| "!".to_owned()).await;
    rewrite_hash(&passport, "cheap1", |hash| hash.replace("m=256,t=2", "m=64,t=1")).await;
    for _ in 0..3 {
        passport.browser().try_password("locked", "wrong horse battery").await;
    }
    passport
}

/// What the outside sees: status, headers and body, but for what is different in each request.
fn seen(answer: &Answer, name: &str) -> (u16, BTreeMap<String, String>, String) {
    let headers = answer
        .headers
        .iter()
        .filter(|(header, _)| *header != "date")
        .map(|(header, value)| (header.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let mut body = answer.body.clone();
    for form in ["/login", "/login/openid"] {
        let token = answer.form(form).field("csrf").to_owned();
        assert!(!token.is_empty());
        body = body.replace(&token, "(token)");
    }
    // Where it was typed: "remember" is nobody's name.
    let body = body.replace(&format!("value=\"{name}\""), "value=\"(name)\"");
    (answer.status.as_u16(), headers, body)
}

// SECURITY-CASES L-01, L-02, L-03, L-25: also the work is the same, in blocks of Argon2 filled.
#[actix_web::test]
async fn every_refusal_looks_and_works_alike() {
    on_both(async |database| {
        let passport = with_all_kinds(database).await;
        let mut browser = passport.browser();
        let mut answers = Vec::new();
        let before = refusals(&passport).await;
        for (name, password, why) in REFUSED {
            let work = passport.app.passwords.work();
            let answer = attempt(&mut browser, name, password).await;
            let work = passport.app.passwords.work() - work;
            assert_eq!(answer.status, 401, "{why}");
            assert!(!answer.body.contains(password), "{why}");
            answers.push((why, seen(&answer, name), work));
        }
        let (_, first, work) = answers[0].clone();
        assert_eq!(work, 512, "one hash for an account that there is not");
        for (why, answer, work) in &answers {
            assert_eq!(answer, &first, "{why} against unknown");
            assert!((512..=520).contains(work), "{why}: {work} blocks");
        }
        assert_eq!(live_sessions(&passport).await, 0);
        let mut reasons = refusals(&passport).await;
        for (why, number) in before {
            *reasons.get_mut(&why).unwrap() -= number;
        }
        for (_, _, why) in REFUSED {
            let expected = REFUSED.iter().filter(|(_, _, other)| *other == why).count();
            assert_eq!(reasons[why], expected, "{why}");
        }

        // The same request with the one thing right passes.
        assert_eq!(attempt(&mut browser, "member", PASSWORD).await.status, 303);
        users::enable(&passport.app, "absent").await.unwrap();
        assert_eq!(attempt(&mut passport.browser(), "absent", PASSWORD).await.status, 303);
        passport.advance(DAY);
        assert_eq!(attempt(&mut passport.browser(), "locked", PASSWORD).await.status, 303);
    })
    .await;
}

// SECURITY-CASES L-01: nor do the cookies tell, or the way that a browser which is known takes.
#[actix_web::test]
async fn a_refusal_sets_no_cookie() {
    let passport = with_all_kinds(Database::Sqlite).await;
    let known = passport.signed_in("member").await;
    for (name, password, why) in REFUSED {
        for device in [None, Some(&known.cookies["__Host-passport-device"])] {
            let mut browser: Browser = passport.browser();
            if let Some(device) = device {
                browser.cookies.insert("__Host-passport-device".to_owned(), device.clone());
            }
            let answer = attempt(&mut browser, name, password).await;
            assert_eq!((answer.status.as_u16(), browser.set_cookies.len()), (401, 0), "{why}");
        }
    }
}

// SECURITY-CASES L-25: an empty password is no password, also where the row has none.
#[actix_web::test]
async fn nothing_typed_lets_nobody_in() {
    let passport = with_all_kinds(Database::Sqlite).await;
    for row in ["", " ", "!"] {
        rewrite_hash(&passport, "absurd", |_| row.to_owned()).await;
        for typed in ["", " ", "!"] {
            let status = passport.browser().try_password("absurd", typed).await;
            assert!([400, 401].contains(&status.as_u16()), "{row:?} {typed:?}: {status}");
        }
        let status = passport.browser().try_password("silent", row).await;
        assert!(status.is_client_error(), "{row:?}: {status}");
    }
    assert_eq!(live_sessions(&passport).await, 0);
    assert_eq!(passport.browser().try_password("member", PASSWORD).await, 303);
}
