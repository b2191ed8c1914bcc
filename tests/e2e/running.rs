//! A server's life: the first start, the set-up link, readiness, the log, and a quiet end.

use std::{fs, path::PathBuf};

use harness::{
    Database, Node, PASSWORD,
    app::{VERIFIER, challenge},
    faults::FaultyPostgres,
    on_both,
    process::Home,
};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;
use sqlx::{AnyConnection, Connection};

use crate::scene::until;

/// A server whose complaints go to a file.
fn logged(home: &Home, name: &str) -> (Node, PathBuf) {
    let path = home.file(name);
    let log = fs::File::create(&path).unwrap();
    (Node::start_logging(home.command(&["serve"]), log), path)
}

/// The set-up link in a log.
fn link(log: &PathBuf) -> Option<String> {
    let text = fs::read_to_string(log).unwrap();
    assert!(text.matches("/setup?token=").count() <= 1, "{text}");
    let line = text.lines().find(|line| line.contains("/setup?token="))?;
    Some(line.trim().strip_prefix("http://sso.localhost:8800").unwrap().to_owned())
}

#[actix_web::test]
async fn serve_says_one_line_and_means_it() {
    let home = Home::new(Database::Sqlite).await;
    let (mut node, _) = logged(&home, "log");
    let expected = format!("listening on http://{} as http://sso.localhost:8800\n", node.address);
    assert_eq!(node.line, expected);
    assert_ne!(node.address.port(), 0, "a free one was taken");
    assert_eq!(node.browser().get("/readyz").await.status, 200, "it answers from its line on");
    assert_eq!(node.rest(Signal::TERM), "", "one line, and no other");
    assert!(node.wait().success());
}

// SECURITY-CASES L-21.
#[actix_web::test]
async fn the_first_start_prints_a_link_for_the_first_admin_until_there_is_one() {
    on_both(async |database| {
        let home = Home::new(database).await;
        let (node, log) = logged(&home, "first");
        let path = link(&log).expect("a link");
        assert!(!node.line.contains("token"));
        let mut browser = node.browser();
        for name in ["admin", "root", "passport"] {
            assert_eq!(browser.try_password(name, name).await, 401, "no default credentials");
        }
        assert_eq!(home.json(&["user", "list", "--json"]), json!([]));
        drop(node);

        let (node, log) = logged(&home, "second");
        let newer = link(&log).expect("still no admin, so a link");
        assert_ne!(newer, path);
        let mut browser = node.browser();
        let page = browser.get(&newer).await;
        assert_eq!(page.status, 303, "the token leaves the address");
        let page = browser.get("/setup").await;
        let form = page
            .form("/setup")
            .with("username", "boss")
            .with("password", PASSWORD)
            .with("repeat", PASSWORD);
        assert_eq!(browser.submit(&form).await.status, 303);
        browser.sign_in("boss").await;
        assert_eq!(home.json(&["user", "list", "--json"])[0]["admin"], true);
        for used in [&path, &newer] {
            let mut other = node.browser();
            let answer = other.get(used).await;
            let answer = if answer.status == 303 { other.get("/setup").await } else { answer };
            assert!(answer.status.is_client_error(), "{}: {}", answer.status, answer.text());
        }
        drop(node);

        let (node, log) = logged(&home, "third");
        assert_eq!(node.browser().get("/readyz").await.status, 200);
        assert_eq!(link(&log), None);
    })
    .await;
}

#[actix_web::test]
async fn readiness_follows_the_database_and_life_does_not() {
    let mut home = Home::new(Database::Postgres).await;
    let (proxy, url) = FaultyPostgres::before(&home.url).await;
    home.set("SSO_DATABASE__URL", &url);
    let node = home.serve();
    let mut browser = node.browser();
    let ready = browser.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["database"]), (200, &"ok".into()));

    proxy.fail_at(1);
    until("readiness ends", async || browser.get("/readyz").await.status == 503).await;
    let away = browser.get("/readyz").await;
    assert_eq!(away.json()["database"], "failing");
    assert_eq!(away.json()["signing_keys"], "ok");
    assert!(!away.header("retry-after").is_empty());
    assert_eq!(browser.get("/healthz").await.status, 200, "a restart would not mend it");

    assert!(proxy.heal());
    until("readiness comes back", async || browser.get("/readyz").await.status == 200).await;
}

#[actix_web::test]
async fn told_to_stop_it_sends_waiting_apps_home_and_finishes() {
    for (database, signal) in [(Database::Sqlite, Signal::TERM), (Database::Postgres, Signal::INT)]
    {
        let home = Home::new(database).await;
        let mut node = home.serve();
        let aw = home.add_app("aw", &node);
        let waiting = aw.clone();
        let poll = actix_web::rt::spawn(async move {
            let path = "/api/v1/events?after=0&instance=one&wait=50";
            waiting.call(Method::GET, path, None, &[]).await
        });
        sqlx::any::install_default_drivers();
        let mut database = AnyConnection::connect(&home.url).await.unwrap();
        until("the poll waits", async || {
            let (rows,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM app_instances")
                .fetch_one(&mut database)
                .await
                .unwrap();
            rows == 1
        })
        .await;
        node.signal(signal);
        let answer = poll.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["events"], json!([]));
        assert!(node.wait().success(), "exit 0");
        let gone = tokio::net::TcpStream::connect(node.address).await;
        assert!(gone.is_err(), "nobody listens any more");
        // Nothing to mend at the next start.
        assert_eq!(home.serve().browser().get("/readyz").await.status, 200);
    }
}

// SECURITY-CASES H-08, H-09: at the most talkative level.
#[actix_web::test]
async fn no_secret_reaches_the_log_or_a_listing() {
    on_both(async |database| {
        let mut home = Home::new(database).await;
        home.set("SSO_LOG__LEVEL", "trace");
        let (mut node, log) = logged(&home, "log");
        home.add_user("member", PASSWORD);
        let aw = home.add_app("aw", &node);
        let mut browser = node.browser();
        let query = aw.login_query(&[("challenge", &challenge(VERIFIER))]);
        let form = browser.login_form(&query, "member", PASSWORD).await;
        let wrong = browser.submit(&form.clone().with("password", "wrong-canary-password")).await;
        assert_eq!(wrong.status, 401);
        let form = browser.login_form(&query, "member", PASSWORD).await;
        let ticket = browser.submit(&form).await.ticket();
        let body = json!({ "ticket": ticket, "return_to": aw.return_to, "verifier": VERIFIER });
        assert_eq!(aw.redeem_body(body.clone(), &[]).await.status, 200);
        assert_eq!(aw.redeem_body(body, &[]).await.status, 400);
        let lost = home.json(&["user", "add", "ann", "--json"]);
        let setup = lost["setup_url"].as_str().unwrap().rsplit_once('=').unwrap().1.to_owned();
        browser.get(&format!("/setup?token={setup}")).await;
        browser.get("/nowhere?ticket=canary-in-a-query").await;

        let mut secrets = vec![
            PASSWORD.to_owned(),
            "wrong-canary-password".into(),
            "canary-in-a-query".into(),
            aw.secret.clone(),
            aw.authorization(),
            ticket.clone(),
            VERIFIER.into(),
            setup,
            ticket.rsplit_once('.').unwrap().1.to_owned(),
            "$argon2".into(),
            fs::read_to_string(home.file("passport.key")).unwrap().trim().to_owned(),
        ];
        secrets.extend(browser.cookies.values().cloned());
        let listings: Vec<String> =
            [["user", "list"], ["app", "list"], ["session", "list"], ["key", "list"]]
                .iter()
                .flat_map(|[noun, verb]| {
                    [home.say(&[noun, verb]), home.say(&[noun, verb, "--json"])]
                })
                .collect();
        node.signal(Signal::TERM);
        assert!(node.wait().success());
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("/api/v1/tickets/redeem"), "it was talkative: {log}");
        for secret in &secrets {
            assert!(!log.contains(secret.as_str()), "{secret} in the log");
            assert!(!listings.concat().contains(secret.as_str()), "{secret} in a listing");
        }
    })
    .await;
}

// SECURITY-CASES K-09: keys are in this process' memory.
#[actix_web::test]
async fn a_server_leaves_no_core_dump() {
    let home = Home::new(Database::Sqlite).await;
    let node = home.serve();
    let limits = fs::read_to_string(format!("/proc/{}/limits", node.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}
