//! A Passport that is not one, or not itself: whatever it answers, nobody is signed in by it.

use std::net::TcpListener;

use client_sdk::Settings;
use harness::TestApp;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Shop, says};
use crate::scene::until;

/// Answers redemptions with `reply` as it is, and polls with an empty log.
async fn impostor(reply: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://sso.localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let reply = reply.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                let answer = if text.starts_with("GET /api/v1/events") {
                    let page = json!({ "events": [], "cursor": "0", "lease_seconds": 60 });
                    // As a poll that waits a little.
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    http("200 OK", "application/json", &page.to_string())
                } else {
                    reply
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    url
}

fn http(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// What the app makes of a callback when Passport answers `reply`: the status, and who is in.
async fn verdict(reply: String) -> (u16, String) {
    let passport = impostor(reply).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let own = format!("http://aw.localhost:{}", address.port());
    let secret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
    let settings = Settings::new(&passport, "aw", secret, &own).unwrap();
    let app = TestApp::new(address, &passport, "aw", secret, &own);
    let shop = Shop::open(listener, app, settings).await;
    until("it follows", async || shop.passport.is_current()).await;
    let mut browser = shop.browser();
    let state = browser.get("/sso/login").await.sent("state").unwrap();
    let answer = browser.get(&format!("/sso/callback?ticket=a.b.c&state={state}")).await;
    let who = says(&mut browser).await;
    shop.close().await;
    (answer.status.as_u16(), who)
}

// SECURITY-CASES Y-05, Y-14.
#[actix_web::test]
async fn only_the_exact_answer_of_a_redemption_is_success() {
    let good = json!({
        "app_session": "a-1", "session": "s-1", "user": { "id": "u-1", "username": "member" },
        "activation": { "state": "new", "since": 1 }, "app_flag": 1, "ac_flag": 0,
        "auth_time": 1, "amr": ["pwd"], "expires_at": 99_999_999_999_i64,
        "check_after": 1, "lease_seconds": 60,
    });
    let body = good.to_string();
    let fine = |body: &str| http("200 OK", "application/json", body);
    assert_eq!(verdict(fine(&body)).await, (303, "member".to_owned()), "so the rest can fail");

    let without = |field: &str| {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(field);
        fine(&bad.to_string())
    };
    let with = |pointer: &str, value: serde_json::Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        fine(&bad.to_string())
    };
    let problem = json!({ "type": "x", "title": "No", "status": 400, "detail": "", "code": "invalid_ticket" });
    let disabled = json!({ "type": "x", "title": "No", "status": 403, "detail": "", "code": "account_disabled" });
    let cases = [
        ("a page", fine("<html>welcome, member</html>"), 503),
        ("nothing", fine(""), 503),
        ("an empty object", fine("{}"), 503),
        ("a list", fine(&format!("[{body}]")), 503),
        ("half of it", fine(&body[..body.len() / 2]), 503),
        ("twice", fine(&format!("{body}{body}")), 503),
        ("no user", without("user"), 503),
        ("no app session", without("app_session"), 503),
        ("no end", without("expires_at"), 503),
        ("user of another type", with("/user", json!("member")), 503),
        ("an empty user id", with("/user/id", json!("")), 503),
        ("an empty app session", with("/app_session", json!("")), 503),
        ("another success", http("201 Created", "application/json", &body), 503),
        ("partial content", http("206 Partial Content", "application/json", &body), 503),
        (
            "a failure with a success inside",
            http("400 Bad Request", "application/json", &body),
            503,
        ),
        ("a server error with a success inside", http("500 Oops", "application/json", &body), 503),
        (
            "a redirect",
            format!(
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ),
            503,
        ),
        ("too much", fine(&format!("{}{body}", " ".repeat(2 << 20))), 503),
        ("no HTTP", "member\r\n\r\n".to_owned(), 503),
        ("a refusal that calls itself success", fine(&problem.to_string()), 503),
        (
            "a status that does not fit",
            http("403 Forbidden", "application/json", &problem.to_string()),
            503,
        ),
        (
            "a refusal",
            http("400 Bad Request", "application/problem+json", &problem.to_string()),
            401,
        ),
        (
            "a disabled account",
            http("403 Forbidden", "application/problem+json", &disabled.to_string()),
            403,
        ),
    ];
    let judged =
        cases.map(|(name, reply, status)| async move { (name, status, verdict(reply).await) });
    for (name, status, verdict) in futures_util::future::join_all(judged).await {
        assert_eq!(verdict, (status, "nobody".to_owned()), "{name}");
    }
}
