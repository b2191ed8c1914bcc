//! What README.md tells people to type is what the program does.

use harness::{
    Database, PASSWORD, Passport,
    app::{VERIFIER, challenge},
    process::Home,
};
use reqwest::Method;
use serde_json::Value;

const README: &str = include_str!("../../README.md");

/// The words of a quoted command, without its remark.
fn words(line: &str) -> Vec<String> {
    let line = line.split("  # ").next().unwrap().split("     #").next().unwrap();
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.trim().chars() {
        match c {
            '"' | '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).collect()
}

#[actix_web::test]
async fn quoted_commands_work_in_their_order() {
    let home = Home::new(Database::Sqlite).await;
    let node = home.serve();
    let quoted: Vec<Vec<String>> = README
        .lines()
        .filter(|line| {
            line.starts_with("sso-server ") || line.starts_with("target/release/sso-server check")
        })
        .map(words)
        .collect();
    assert!(quoted.len() >= 6, "{quoted:?}");
    for command in &quoted {
        let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        let said = home.say(&arguments);
        assert!(!said.is_empty(), "{command:?}");
    }
    assert_eq!(node.browser().get("/readyz").await.status, 200);
    // The settings that the section tells to export.
    for line in README.lines().filter(|line| line.starts_with("export SSO_")) {
        let setting = line.strip_prefix("export ").unwrap().split_whitespace().next().unwrap();
        let (name, value) = setting.split_once('=').unwrap();
        let mut command = home.command(&["check"]);
        assert!(command.env(name, value).status().unwrap().success(), "{line}");
    }
}

/// The query of the quoted address that begins with `start`.
fn quoted_query(start: &str) -> Vec<String> {
    let line = README
        .lines()
        .map(|line| line.trim_start_matches(|c| c != 'h'))
        .find(|line| line.starts_with(start))
        .unwrap();
    let url = url::Url::parse(line.split('\'').next().unwrap()).unwrap();
    url.query_pairs().map(|(name, _)| name.into_owned()).collect()
}

/// Every field that the quoted answer has, the real one has, too.
fn assert_fields(quoted: &Value, real: &Value) {
    if let (Some(quoted), Some(_)) = (quoted.as_object(), real.as_object()) {
        for (name, value) in quoted {
            assert!(real.get(name).is_some(), "{name} is not in {real}");
            assert_fields(value, &real[name]);
        }
    }
    if let (Some(quoted), Some(real)) = (quoted.as_array(), real.as_array()) {
        assert_fields(&quoted[0], &real[0]);
    }
}

/// The comment with JSON after a line that contains `near`, made whole.
fn quoted_answer(near: &str) -> Value {
    let after = README.split_once(near).unwrap().1;
    let line = after.lines().find_map(|line| line.strip_prefix("# {")).unwrap();
    let text = format!("{{{line}").replace(",…", "").replace("…", "1").replace(":1,", ":\"1\",");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[actix_web::test]
async fn the_two_calls_of_any_language() {
    let passport = Passport::start().await;
    passport.add_user("ann").await;
    let return_urls = ["https://aw.example/sso/callback".to_owned()];
    let aw = passport.add_app_with("aw", |app| app.return_urls = &return_urls).await;
    assert_eq!(
        quoted_query("https://sso.example.org/login"),
        ["app", "return_to", "state", "challenge"]
    );
    let mut browser = passport.signed_in("ann").await;
    let ticket = aw.send_with(&mut browser, &[("challenge", &challenge(VERIFIER))]).await.ticket();

    let body = README.lines().find_map(|line| line.trim().strip_prefix("-d '")).unwrap();
    let mut body: Value = serde_json::from_str(body.trim_end_matches('\'')).unwrap();
    assert_eq!(body["return_to"], return_urls[0].as_str());
    body["ticket"] = ticket.into();
    body["verifier"] = VERIFIER.into();
    assert!(README.contains(
        "https://sso.example.org/api/v1/tickets/redeem -H 'Content-Type: application/json'"
    ));
    let redeemed = aw.redeem_body(body, &[]).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.body);
    assert_fields(&quoted_answer("-d '{\"ticket\""), &redeemed.json());

    assert_eq!(
        quoted_query("https://sso.example.org/api/v1/events"),
        ["after", "instance", "wait"]
    );
    let id = redeemed.json()["app_session"].as_str().unwrap().to_owned();
    assert!(README.contains("POST /api/v1/app-sessions/{id}/end` with `{\"scope\":\"session\"}`"));
    assert_eq!(aw.end(&id, "session").await.status, 200);
    let heard =
        aw.call(Method::GET, "/api/v1/events?after=0&instance=web-1&wait=20", None, &[]).await;
    assert_fields(&quoted_answer("/api/v1/events?after"), &heard.json());
    assert_eq!(heard.json()["events"][0]["app_session"], id.as_str());
    assert!(!browser.try_password("ann", PASSWORD).await.is_server_error());
}
