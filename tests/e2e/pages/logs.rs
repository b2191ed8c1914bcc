//! What is written down: no secret, ever, and nothing that a stranger could pass off as ours.

use std::fs;

use harness::{Browser, Database, Node, TestApp, process::Home, raw};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};

const PASSWORD: &str = "canary-password-7fQ2xW";
const WRONG: &str = "canary-wrong-password-9Kd3";
const VERIFIER: &str = "canary-verifier-dBjftJeZ4CVP-mB92K27uhbUJU1p1r";
const STATE: &str = "canary-state-51cVb8";
const KEY: &str = "canary-idempotency-key-0aZ";

/// What happened, and what must not be found anywhere afterwards.
struct Walk {
    home: Home,
    log: String,
    secrets: Vec<(&'static str, String)>,
}

fn remember(secrets: &mut Vec<(&'static str, String)>, browser: &Browser) {
    for (name, value) in &browser.cookies {
        if name != "__Host-passport-lang" {
            secrets.push(("a cookie", value.clone()));
        }
    }
}

/// A whole day at Passport, errors included, at the most talkative level of our own words.
async fn walk(format: &str, level: &str) -> Walk {
    let mut home = Home::new(Database::Sqlite).await;
    home.set("SSO_LOG__FORMAT", format);
    home.set("SSO_LOG__LEVEL", level);
    home.add_user("member", PASSWORD);
    let link = home.json(&["user", "add", "invited", "--json"])["setup_url"].clone();
    let link = link.as_str().unwrap().split_once("/setup").unwrap().1.to_owned();
    let log = fs::File::create(home.folder.path().join("log")).unwrap();
    let node = Node::start_logging(home.command(&["serve"]), log);
    let aw = home.add_app("aw", &node);
    let old = aw.secret.clone();
    let mut secrets = vec![
        ("the password", PASSWORD.to_owned()),
        ("a wrong password", WRONG.to_owned()),
        ("the verifier", VERIFIER.to_owned()),
        ("a state", STATE.to_owned()),
        ("an idempotency key", KEY.to_owned()),
        ("the app's secret", old),
        ("the app's header", aw.authorization().replace("Basic ", "")),
        ("a set-up link", link.split_once('=').unwrap().1.to_owned()),
    ];

    // Signs in, after a wrong password and a stale form, and goes into the app.
    let mut browser = node.browser();
    let challenge = harness::app::challenge(VERIFIER);
    let more = [("challenge", challenge.as_str()), ("ui_locales", "ru")];
    let query = aw.login_query(&more).replace("st-1", STATE);
    let form = browser.login_form(&query, "member", PASSWORD).await;
    secrets.push(("a form's token", form.field("csrf").to_owned()));
    browser.submit(&form.clone().with("password", WRONG)).await;
    browser.submit(&form.clone().with("csrf", "x").with("password", WRONG)).await;
    browser.submit(&form.clone().with("username", WRONG)).await;
    remember(&mut secrets, &browser);
    let sent = browser.submit(&form).await;
    remember(&mut secrets, &browser);
    let ticket = sent.ticket();
    secrets.push(("a ticket", ticket.clone()));
    secrets.push(("a ticket's signature", ticket.rsplit_once('.').unwrap().1.to_owned()));
    let body = json!({ "ticket": ticket, "return_to": aw.return_to, "verifier": VERIFIER });
    let headers = [("idempotency-key", KEY)];
    let wrong = json!({ "ticket": format!("{ticket}x"), "verifier": VERIFIER });
    aw.redeem_body(wrong, &headers).await;
    let redeemed = aw.redeem_body(body.clone(), &headers).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.body);
    assert_eq!(aw.redeem_body(body.clone(), &headers).await.body, redeemed.body);
    aw.redeem_body(body.clone(), &[]).await;
    aw.redeem_body(json!([ticket]), &[]).await;
    let again = aw.send_with(&mut browser, &more).await.ticket();
    secrets.push(("another ticket", again.clone()));
    home.json(&["app", "set", "aw", "--origin", &aw.origin(), "--jsonp", "--json"]);
    for answer in [aw.check(&browser).await, aw.check_by_script(&browser, "cb").await] {
        let ticket = harness::app::checked(&answer)["ticket"].as_str().unwrap().to_owned();
        aw.redeem(&ticket).await;
        secrets.push(("a ticket of a page", ticket));
    }

    // Says secrets where they do not belong.
    let mut stranger = node.browser();
    let mut thief: TestApp = aw.clone();
    thief.id = "zz".to_owned();
    thief.redeem(&again).await;
    for name in ["ticket", "token", "state", "password", "code", "secret"] {
        let query = format!("?{name}={again}&x={PASSWORD}");
        for path in ["/login", "/nowhere", "/api/v1/tickets/redeem", "/setup", "/healthz"] {
            stranger.get(&format!("{path}{query}")).await;
        }
    }
    stranger
        .cookies
        .insert("__Host-passport".to_owned(), browser.cookies["__Host-passport"].clone());
    stranger.get("/account").await;
    stranger.cookies.insert("a%3d".to_owned(), PASSWORD.to_owned());
    stranger.get("/account").await;
    stranger.cookies.clear();

    // Chooses a password by a link.
    let to_form = stranger.get(&format!("/setup{link}")).await;
    assert_eq!(to_form.status, 303);
    remember(&mut secrets, &stranger);
    let form = stranger.get("/setup").await.form("/setup");
    let form = form.with("password", WRONG).with("repeat", PASSWORD);
    assert_eq!(stranger.submit(&form).await.status, 422);
    assert_eq!(stranger.submit(&form.with("repeat", WRONG)).await.status, 303);

    // Out, everywhere.
    let id = redeemed.json()["app_session"].as_str().unwrap().to_owned();
    let form = browser.get("/logout").await.form("/logout");
    secrets.push(("a form's token", form.field("csrf").to_owned()));
    assert_eq!(aw.end(&id, "session").await.status, 200);
    browser.submit(&form).await;
    let rotated = home.json(&["app", "rotate-secret", "aw", "--json"]);
    secrets.push(("the new secret", rotated["secret"].as_str().unwrap().to_owned()));

    // Errors of our own say more than others.
    let mut unlucky = node.browser();
    let form = unlucky.login_form("", "member", PASSWORD).await;
    assert_eq!(unlucky.submit(&form).await.status, 303);
    remember(&mut secrets, &unlucky);
    let ticket = again_signed(&mut unlucky, &aw, &rotated).await;
    secrets.push(("a third ticket", ticket.1.clone()));
    break_database(&home).await;
    assert_eq!(unlucky.get("/account").await.status, 503);
    assert_eq!(ticket.0.redeem(&ticket.1).await.status, 503);
    let log = stopped(node, &home);
    Walk { home, log, secrets }
}

/// The app with its new secret, and a ticket for it.
async fn again_signed(browser: &mut Browser, app: &TestApp, rotated: &Value) -> (TestApp, String) {
    let mut app = app.clone();
    app.secret = rotated["secret"].as_str().unwrap().to_owned();
    let ticket = app.send(browser).await.ticket();
    (app, ticket)
}

/// From here on, the server's statements fail.
async fn break_database(home: &Home) {
    let mut connection = sqlx::SqliteConnection::connect(&home.url).await.unwrap();
    for table in ["sessions", "apps"] {
        let sql = format!("ALTER TABLE {table} RENAME TO {table}_gone");
        connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// Stops the server; answers what it has said.
fn stopped(mut node: Node, home: &Home) -> String {
    node.signal(rustix::process::Signal::TERM);
    node.wait();
    fs::read_to_string(home.folder.path().join("log")).unwrap()
}

// SECURITY-CASES H-08, H-09, K-06.
#[actix_web::test]
async fn no_secret_is_logged_or_kept_readable() {
    for (format, level) in [("json", "debug"), ("text", "debug"), ("text", "trace")] {
        let Walk { home, log, secrets } = walk(format, level).await;
        for path in ["/login", "/api/v1/tickets/redeem", "/setup", "/logout", "/account"] {
            assert!(
                log.contains(path),
                "{format}: {path} is in the log, so it was written:\n{log}"
            );
        }
        assert!(secrets.len() > 15);
        let mut kept = Vec::new();
        for entry in fs::read_dir(home.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("passport.db") {
                kept.extend(fs::read(path).unwrap());
            }
        }
        let kept = String::from_utf8_lossy(&kept);
        assert!(kept.contains("member@") || kept.contains("member"), "the database was read");
        for (what, secret) in &secrets {
            assert!(secret.len() >= 10, "{what}: {secret}");
            let found = log.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(found, None, "{format} at {level}: {what}");
            assert!(!kept.contains(secret.as_str()), "{what} stands in the database");
            // Nor its spelling in an address.
            let spelt: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            assert!(!log.contains(&spelt), "{format} at {level}: {what}, encoded");
        }
    }
}

/// What breaks lines, colours terminals and turns text around.
const FORGED: &str = "x\r\n2026-11-22T12:00:00Z ERROR forged\n{\"level\":\"ERROR\",\"forged\":true}\
                      \u{1b}[31mred\u{1b}[0m\u{9b}2J\u{202e}\u{2028}\u{85}\u{7}";

/// Everything that a stranger can write, in everything that a stranger can say.
async fn shout(node: &Node, aw: &TestApp) {
    let encoded: String = url::form_urlencoded::byte_serialize(FORGED.as_bytes()).collect();
    let encoded = encoded.replace('+', "%20");
    let mut browser = node.browser();
    let form = browser.login_form("", "member", "x").await;
    for field in ["username", "password", "csrf", "app", "return_to", "state"] {
        browser.submit(&form.clone().with(field, FORGED)).await;
    }
    browser.submit(&form.clone().with("username", &FORGED.repeat(100))).await;
    for path in ["", "login", "static/", "api/v1/", "api/v1/app-sessions/", "setup?token="] {
        browser.get(&format!("/{path}{encoded}")).await;
        browser.get(&format!("/{path}?{encoded}={encoded}")).await;
        browser.get(&format!("/{path}{}", "a".repeat(5_000))).await;
    }
    let visible = "agent \u{9b}31m \u{202e} \u{2028} é".as_bytes();
    let value = reqwest::header::HeaderValue::from_bytes(visible).unwrap();
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    for name in ["user-agent", "accept-language", "cookie", "x-forwarded-for", "referer"] {
        browser.get_with("/login", &[(name, &value)]).await;
    }
    for field in ["ticket", "return_to", "verifier", FORGED] {
        let mut body = json!({ "ticket": "a.b.c", "return_to": aw.return_to });
        body[field] = FORGED.into();
        aw.redeem_body(body, &[]).await;
    }
    aw.call(Method::GET, &format!("/api/v1/events?after={encoded}&instance={encoded}"), None, &[])
        .await;
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, FORGED);
    browser.get_with("/api/v1/events", &[("authorization", &format!("Basic {basic}"))]).await;
    for bytes in [
        "GET /\u{1b}[31m\rERROR forged HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "\u{1b}[31m\r\nERROR forged\r\n\r\n".to_owned(),
        format!("GET /é{} HTTP/1.1\r\nHost: sso.localhost:8800\r\n\r\n", "é".repeat(4_000)),
        "GET / HTTP/1.1\r\nHost: \u{1b}[31m\nERROR: forged\r\n\r\n".to_owned(),
    ] {
        raw::exchange(node.address, bytes.as_bytes()).await;
    }
}

// SECURITY-CASES H-07.
#[actix_web::test]
async fn nobody_forges_a_line_or_floods_one() {
    for format in ["json", "text"] {
        let mut home = Home::new(Database::Sqlite).await;
        home.set("SSO_LOG__FORMAT", format);
        home.set("SSO_LOG__LEVEL", "debug");
        home.add_user("member", PASSWORD);
        home.json(&["user", "add", "boss", "--admin", "--json"]);
        let log = fs::File::create(home.folder.path().join("log")).unwrap();
        let node = Node::start_logging(home.command(&["serve"]), log);
        let aw = home.add_app("aw", &node);
        shout(&node, &aw).await;
        break_database(&home).await;
        let mut browser = node.browser();
        for path in
            ["/login?app=aw&return_to=x&state=x", &format!("/{}", "a".repeat(4_000)), "/readyz"]
        {
            browser.get(path).await;
        }
        assert_eq!(browser.get("/healthz").await.status, 200);
        let log = stopped(node, &home);
        let lines: Vec<&str> = log.lines().collect();
        assert!(lines.len() > 30, "{log}");
        for line in &lines {
            assert!(line.len() < 2_000, "{format}: one line of {} bytes", line.len());
            let odd = |c: &char| c.is_control() || matches!(c, '\u{202e}' | '\u{2028}');
            // Colours are for terminals, and this is a file.
            let found: Vec<char> = line.chars().filter(|c| format == "text" && odd(c)).collect();
            assert!(found.is_empty(), "{format}: {found:?} in {line:?}");
            assert!(!line.contains('\u{1b}'), "{format}: {line:?}");
            if format == "json" {
                let one: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
                assert_eq!(one.get("forged"), None, "{line}");
                assert!(one["timestamp"].is_string() && one["fields"].is_object(), "{line}");
            } else {
                let begins = line.trim_start().split(' ').next().unwrap();
                assert!(begins.contains('T') && begins.ends_with('Z'), "{format}: {line}");
            }
        }
        assert!(!log.contains("\nERROR") && !log.contains("ERROR forged\n"), "{format}");
    }
}
