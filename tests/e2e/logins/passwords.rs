//! Passwords: their lengths, their spellings, their hashes, and the pool that makes them.

use std::{io::Write, process::Stdio};

use harness::{Browser, Database, PASSWORD, Passport, on_both, process::Home};
use sso_server::{
    config::Period,
    flows::users::{self, AddUser, UsersError},
};

use crate::scene::{attempt, counters, filled_in, hold_the_pool, live_sessions, rewrite_hash};

async fn add(passport: &Passport, username: &str, password: &str) -> Result<(), UsersError> {
    let new = AddUser { username, email: None, admin: false, password: Some(password) };
    users::add(&passport.app, new).await.map(|_| ())
}

// SECURITY-CASES L-12: long ones are taken whole; beyond the limit nothing is looked at.
#[actix_web::test]
async fn lengths() {
    let passport = Passport::start().await;
    for length in [64, 128, 200, 1_024] {
        let name = format!("user{length}");
        let password = "x".repeat(length);
        add(&passport, &name, &password).await.unwrap();
        let mut browser = passport.browser();
        let last = format!("{}y", &password[1..]);
        assert_eq!(browser.try_password(&name, &last).await, 401, "{length}: no truncation");
        assert_eq!(browser.try_password(&name, &password[1..]).await, 401, "{length}");
        assert_eq!(browser.try_password(&name, &password).await, 303, "{length}");
    }
    for too_long in [1_025, 4_096] {
        let password = "x".repeat(too_long);
        let error = add(&passport, "other", &password).await.unwrap_err();
        assert!(matches!(error, UsersError::Password(_)), "{error}");
    }
    assert!(add(&passport, "other", "seven77").await.is_err(), "fewer than the least");

    let (before, work) = (counters(&passport).await, passport.app.passwords.work());
    for (length, status) in [(1_025, 400), (4_096, 400), (1 << 20, 413)] {
        let mut browser = passport.browser();
        let answer = attempt(&mut browser, "user64", &"x".repeat(length)).await;
        assert_eq!(answer.status, status, "{length} bytes");
        assert!(!answer.body.contains("xxxx"), "{length}: what was typed is not shown");
    }
    assert_eq!(counters(&passport).await, before, "nothing was counted");
    assert_eq!(passport.app.passwords.work(), work, "nothing was hashed");
    // One byte is a password that somebody may try.
    assert_eq!(passport.browser().try_password("user64", "x").await, 401);
    assert!(passport.app.passwords.work() > work);
}

// SECURITY-CASES L-12: a hundred megabytes are refused by their announcement, not read.
#[actix_web::test]
async fn an_enormous_form_is_not_waited_for() {
    let passport = Passport::start().await;
    let host = passport.url.split_once("://").unwrap().1;
    let announced = format!(
        "POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 104857600\r\nConnection: close\r\n\r\nusername=a&password=x"
    );
    let answer = harness::raw::exchange(passport.address, announced.as_bytes()).await;
    assert_eq!(harness::raw::status(&answer), 413, "{answer}");
}

// SECURITY-CASES L-13: one password, however the keyboard composes it; and nothing is folded that a
// person meant to differ.
#[actix_web::test]
async fn spellings() {
    let passport = Passport::start().await;
    let composed = "caf\u{e9} \u{1f511} se\u{f1}or";
    let decomposed = "cafe\u{301} \u{1f511} sen\u{303}or";
    add(&passport, "composed", composed).await.unwrap();
    add(&passport, "decomposed", decomposed).await.unwrap();
    for name in ["composed", "decomposed"] {
        for typed in [composed, decomposed] {
            assert_eq!(passport.browser().try_password(name, typed).await, 303, "{name} {typed}");
        }
        for other in [
            composed.to_uppercase(),
            format!(" {composed}"),
            format!("{composed} "),
            composed.replace('\u{e9}', "e"),
            composed.replace("caf", "\u{ff43}af"),
        ] {
            passport.advance(harness::DAY);
            assert_eq!(passport.browser().try_password(name, &other).await, 401, "{other:?}");
        }
    }
    // A long tail of combining marks is bounded by its bytes before it is normalised.
    passport.advance(harness::DAY);
    let bomb = format!("a{}", "\u{301}".repeat(511));
    assert_eq!(passport.browser().try_password("composed", &bomb).await, 401);
    let bomb = format!("a{}", "\u{301}".repeat(512));
    assert_eq!(passport.browser().try_password("composed", &bomb).await, 400);
}

// SECURITY-CASES L-13: what is no text is a clean 400, and costs nothing.
#[actix_web::test]
async fn what_is_no_text_is_refused() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let mut browser = passport.browser();
    let form = filled_in(&mut browser, "member", "").await;
    let csrf = form.field("csrf").to_owned();
    let work = passport.app.passwords.work();
    let send = async |browser: &mut Browser, password: &str| {
        let body = format!("csrf={csrf}&username=member&password={password}");
        browser.post_body("/login", body, &[]).await
    };
    for (what, password) in [
        ("NUL", "correct%00horse"),
        ("a lone surrogate", "correct%ED%A0%80horse"),
        ("half a character", "correct%C3"),
        ("an overlong slash", "correct%C0%AFhorse"),
        ("a line break", "correct%0Ahorse"),
        ("right-to-left override", "correct%E2%80%AEhorse"),
        ("right-to-left isolate", "correct%E2%81%A7horse"),
        ("right-to-left mark", "correct%E2%80%8Fhorse"),
    ] {
        let answer = send(&mut browser, password).await;
        assert_eq!(answer.status, 400, "{what}");
        assert!(!answer.body.contains("horse"), "{what}");
    }
    assert_eq!(passport.app.passwords.work(), work);
    assert_eq!(counters(&passport).await.len(), 0);
    assert_eq!(send(&mut browser, "correct+horse+battery").await.status, 303);
}

// SECURITY-CASES L-26: raised costs apply at the next login, once, and lose no password.
#[actix_web::test]
async fn an_older_hash_is_replaced_when_its_owner_logs_in() {
    on_both(async |database| {
        let old = Passport::with(database, |config| config.password.memory_kib = 32).await;
        old.add_user("member").await;
        let hash = async || old.text("SELECT password_hash FROM users").await;
        let stored = hash().await;
        assert!(stored.starts_with("$argon2id$v=19$m=32,t=1,p=1$"), "{stored}");

        let url = old.app.config.database.url.clone();
        let folder = old.folder.clone();
        let new = Passport::over(database, &url, folder, old.clock.clone(), |_| {}).await;
        assert_eq!(new.browser().try_password("member", "wrong horse battery").await, 401);
        assert_eq!(hash().await, stored, "a wrong password replaces nothing");
        // It is forgotten after a day.
        new.advance(harness::DAY + 1);
        let at_once = (0..4).map(async |_| new.browser().try_password("member", PASSWORD).await);
        assert_eq!(futures_util::future::join_all(at_once).await, [303; 4]);
        let upgraded = hash().await;
        assert!(upgraded.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{upgraded}");
        assert_eq!(new.browser().try_password("member", PASSWORD).await, 303);
        assert_eq!(hash().await, upgraded, "once");
    })
    .await;
}

// SECURITY-CASES L-26: a row that asks for gigabytes is refused, not computed.
#[actix_web::test]
async fn an_absurd_hash_is_not_computed() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let good = passport.text("SELECT password_hash FROM users").await;
    for absurd in ["m=4194304,t=1,p=1", "m=64,t=1000000,p=1", "m=1024,t=1,p=64"] {
        rewrite_hash(&passport, "member", |_| good.replace("m=64,t=1,p=1", absurd)).await;
        let work = passport.app.passwords.work();
        assert_eq!(passport.browser().try_password("member", PASSWORD).await, 401, "{absurd}");
        assert_eq!(passport.app.passwords.work() - work, 64, "{absurd}: one hash of today's");
    }
    rewrite_hash(&passport, "member", |_| good.clone()).await;
    assert_eq!(passport.browser().try_password("member", PASSWORD).await, 303);
}

// SECURITY-CASES Z-01, L-01: a full pool says "come back", alike for everybody, and counts nothing.
#[actix_web::test]
async fn a_full_pool_is_503_and_no_attempt() {
    let passport = Passport::with(Database::Sqlite, |config| {
        config.password.threads = 1;
        config.password.queue = 1;
        config.password.wait = Period::seconds(60);
    })
    .await;
    passport.add_user("member").await;
    let mut forms = Vec::new();
    for name in ["member", "nobody"] {
        let mut browser = passport.browser();
        let form = filled_in(&mut browser, name, PASSWORD).await;
        forms.push((browser, form));
    }
    // One is computed and one waits; there is no third place.
    let computed = hold_the_pool(&passport).await;
    let mut waits = hold_the_pool(&passport).await;
    while waits.is_finished() {
        waits = hold_the_pool(&passport).await;
    }
    for (browser, form) in &mut forms {
        let answer = browser.submit(form).await;
        assert_eq!(answer.status, 503);
        let retry_after: u32 = answer.header("retry-after").parse().unwrap();
        assert!((1..=4).contains(&retry_after), "{retry_after}");
        assert!(!answer.body.contains(PASSWORD));
        assert_eq!(browser.set_cookies.len(), 0);
    }
    assert!(counters(&passport).await.values().all(|number| *number == 0));
    assert_eq!(live_sessions(&passport).await, 0);
    computed.await.unwrap().unwrap();
    waits.await.unwrap().unwrap();
    let (browser, form) = &mut forms[0];
    assert_eq!(browser.submit(form).await.status, 303, "the same form, a little later");
}

// The command line takes a password from standard input alone: arguments are for all to see.
#[actix_web::test]
async fn an_operator_types_a_password_where_nobody_looks() {
    let home = Home::new(Database::Sqlite).await;
    let add = |name: &str, typed: &[u8]| {
        let mut child = home
            .command(&["user", "add", name, "--password-stdin", "--json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that refuses early does not read to the end.
        let _ = child.stdin.take().unwrap().write_all(typed);
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = add("member", b" two  blanks \r\nsecond line\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("blanks") && said.contains("\"setup_url\": null"), "{said}");
    for (what, typed) in [
        ("short", &b"short\n"[..]),
        ("empty", b"\n"),
        ("nothing", b""),
        ("the own name", b"refused1\n"),
        ("no text", b"correct\xffhorse\n"),
        ("control characters", b"correct\x1bhorse\n"),
    ] {
        let (code, said) = add("refused1", typed);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(!said.contains("horse"), "{what}: {said}");
    }
    let (code, _) = add("refused1", &[&b"x".repeat(1_025)[..], b"\n"].concat());
    assert_eq!(code, Some(1));
    let given = home.run(&["user", "add", "refused1", "--password", "correct horse"]);
    assert_eq!(given.status.code(), Some(2), "there is no such argument");
    let listed = home.json(&["user", "list", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");

    let node = home.serve();
    assert_eq!(node.browser().try_password("member", "two  blanks").await, 401);
    assert_eq!(node.browser().try_password("member", " two  blanks ").await, 303);
}
