//! HTTP Basic (RFC 7617), read strictly: one header, one spelling, one answer to all that is wrong.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use harness::{Answer, HOUR, Passport, TestApp, on_both};
use reqwest::Method;
use sso_server::flows::apps;

fn basic(pair: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// Asks for the end of the log under these `Authorization` headers.
async fn ask(passport: &Passport, headers: &[&str]) -> Answer {
    let headers: Vec<(&str, &str)> = headers.iter().map(|one| ("authorization", *one)).collect();
    let mut browser = passport.browser();
    browser.request(Method::GET, "/api/v1/events?after=0&instance=i", None, &headers).await
}

fn refused(what: &str, answer: &Answer, secrets: &[&str]) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.body);
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, "Basic realm=\"passport\", charset=\"UTF-8\"", "{what}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
    assert_eq!(answer.json()["code"], "invalid_client", "{what}");
    for secret in secrets {
        assert!(!answer.body.contains(secret), "{what}: {}", answer.body);
    }
}

#[actix_web::test]
async fn one_header_of_one_spelling_lets_an_app_in() {
    let passport = Passport::start().await;
    let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
    let good = format!("aw:{}", aw.secret);
    let encoded = STANDARD.encode(&good);
    let percent = format!("%61w:{}", aw.secret);
    let unpadded = STANDARD.encode(format!("{good}x")).trim_end_matches('=').to_owned();
    let (first, last) = good.split_at(good.len() - 1);

    let rows: Vec<(&str, Vec<String>)> = vec![
        ("nothing", vec![]),
        ("an empty header", vec![String::new()]),
        ("the scheme alone", vec!["Basic".to_owned()]),
        ("the scheme and nothing", vec!["Basic ".to_owned()]),
        ("another scheme", vec![format!("Bearer {encoded}")]),
        ("the secret as a bearer", vec![format!("Bearer {}", aw.secret)]),
        ("a longer scheme", vec![format!("BasicX {encoded}")]),
        ("no blank", vec![format!("Basic{encoded}")]),
        ("not encoded", vec![format!("Basic {good}")]),
        ("not base64", vec!["Basic !!!!".to_owned()]),
        ("the alphabet of URLs", vec![format!("Basic {}", URL_SAFE.encode("aw:\u{3ff}\u{3fe}?>"))]),
        ("padding left out", vec![format!("Basic {unpadded}")]),
        ("something after it", vec![format!("Basic {encoded}, realm=x")]),
        ("no colon", vec![basic(aw.secret.as_bytes())]),
        ("no id", vec![basic(format!(":{}", aw.secret))]),
        ("no secret", vec![basic("aw:")]),
        ("nothing but a colon", vec![basic(":")]),
        ("a colon in the secret", vec![basic(format!("{good}:"))]),
        ("a colon before the secret", vec![basic(format!("aw::{}", aw.secret))]),
        ("a longer secret", vec![basic(format!("{good}A"))]),
        ("a shorter secret", vec![basic(first)]),
        ("a blank behind it", vec![basic(format!("{good} "))]),
        ("a line's end behind it", vec![basic(format!("{good}\n"))]),
        ("a NUL behind it", vec![basic(format!("{good}\0"))]),
        ("percent signs in the id", vec![basic(&percent)]),
        ("capitals", vec![basic(good.replacen("aw", "AW", 1))]),
        ("a blank before it", vec![basic(format!(" {good}"))]),
        ("a mark of byte order", vec![basic(format!("\u{feff}{good}"))]),
        ("another's secret", vec![basic(format!("aw:{}", bw.secret))]),
        ("another's id", vec![basic(format!("bw:{}", aw.secret))]),
        ("an unknown id", vec![basic(format!("zz:{}", aw.secret))]),
        ("no UTF-8", vec![basic([b"aw:\xff".as_slice(), aw.secret.as_bytes()].concat())]),
        ("twice the same", vec![basic(&good), basic(&good)]),
        ("two, the good one first", vec![basic(&good), basic("aw:x")]),
        ("two, the good one last", vec![basic("aw:x"), basic(&good)]),
        ("two in one", vec![format!("{}, {}", basic(&good), basic(&good))]),
    ];
    let nothing = ask(&passport, &[]).await.body;
    for (what, headers) in &rows {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = ask(&passport, &headers).await;
        refused(what, &answer, &[&aw.secret, &bw.secret, &encoded, last.repeat(9).as_str()]);
        assert_eq!(answer.body, nothing, "{what}: one answer for all, so that none tells more");
    }
    assert_eq!(passport.count("SELECT COUNT(*) FROM app_instances").await, 0);

    // RFC 7617 section 2: the scheme's case does not matter.
    for scheme in ["Basic", "basic", "BASIC", "Basic  "] {
        let answer = ask(&passport, &[&format!("{scheme} {encoded}")]).await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
    assert_eq!(passport.count("SELECT COUNT(*) FROM app_instances").await, 1);
}

// SECURITY-CASES T-31 for secrets: what stands in a URL stands in logs.
#[actix_web::test]
async fn no_secret_is_taken_from_the_query_the_body_or_a_cookie() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    let host = passport.url.strip_prefix("http://").unwrap();
    let mut browser = passport.browser();
    for query in ["client_id=aw&client_secret=", "app=aw&secret=", "access_token="] {
        let path = format!("/api/v1/events?after=0&{query}{}", aw.secret);
        refused(query, &browser.get(&path).await, &[&aw.secret]);
    }
    let body = format!("{{\"ticket\":\"a.b.c\",\"app\":\"aw\",\"secret\":\"{}\"}}", aw.secret);
    let json = [("content-type", "application/json")];
    let path = "/api/v1/tickets/redeem";
    refused("body", &browser.request(Method::POST, path, Some(body), &json).await, &[&aw.secret]);
    browser.cookies.insert("authorization".to_owned(), aw.authorization());
    refused("cookie", &browser.get("/api/v1/events").await, &[&aw.secret]);
    browser.cookies.clear();
    for twin in ["proxy-authorization", "x-authorization", "x-forwarded-authorization"] {
        let answer = browser.get_with("/api/v1/events", &[(twin, &aw.authorization())]).await;
        refused(twin, &answer, &[&aw.secret]);
    }
    // SECURITY-CASES H-04: nor from a header that a proxy might take for the other.
    let raw = format!(
        "GET /api/v1/events HTTP/1.1\r\nHost: {host}\r\nAuthorization_: {}\r\n\r\n",
        aw.authorization()
    );
    let answer = harness::raw::exchange(passport.address, raw.as_bytes()).await;
    assert_eq!(harness::raw::status(&answer), 401);
}

#[actix_web::test]
async fn every_call_asks_who_calls() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let entered = aw.enter(&mut browser).await;
    let ticket = aw.send(&mut browser).await.ticket();
    let mut stranger = aw.clone();
    stranger.secret = format!("{}{}", &aw.secret[1..], &aw.secret[..1]);
    let id = &entered.app_session;
    let calls = async |app: &TestApp| {
        [
            app.redeem(&ticket).await,
            app.status(id).await,
            app.call(Method::GET, "/api/v1/events?after=0", None, &[]).await,
            app.end(id, "session").await,
        ]
    };
    for answer in calls(&stranger).await {
        refused("a wrong secret", &answer, &[&stranger.secret, &aw.secret, &ticket, id]);
    }
    // A signed-in person's cookies make no app.
    refused("cookies", &browser.get(&format!("/api/v1/app-sessions/{id}")).await, &[id]);
    assert_eq!(passport.count("SELECT COUNT(*) FROM app_sessions").await, 1);
    assert_eq!(passport.count("SELECT COUNT(*) FROM events").await, 0);
    for answer in calls(&aw).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[actix_web::test]
async fn a_changed_secret_a_shut_off_app_and_a_removed_one_at_once_on_all_nodes() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let node = passport.second_node().await;
        let old = passport.add_app("aw").await;
        let call = async |app: &TestApp| {
            let (here, there) = (app.clone(), app.at(&node));
            let path = "/api/v1/events";
            let one = here.call(Method::GET, path, None, &[]).await.status.as_u16();
            let other = there.call(Method::GET, path, None, &[]).await.status.as_u16();
            (one, other)
        };
        assert_eq!(call(&old).await, (200, 200));

        let mut new = old.clone();
        let secret = apps::rotate_secret(&passport.app, "aw", HOUR).await.unwrap();
        new.secret = secret.expose().to_owned();
        assert_eq!((call(&old).await, call(&new).await), ((200, 200), (200, 200)), "both, for now");
        passport.advance(HOUR - 1);
        assert_eq!(call(&old).await, (200, 200));
        passport.advance(1);
        assert_eq!((call(&old).await, call(&new).await), ((401, 401), (200, 200)));

        apps::disable(&passport.app, "aw").await.unwrap();
        assert_eq!(call(&new).await, (401, 401));
        apps::enable(&node.app, "aw").await.unwrap();
        assert_eq!(call(&new).await, (200, 200));
        let secret = apps::rotate_secret(&node.app, "aw", 0).await.unwrap();
        assert_eq!(call(&new).await, (401, 401), "without an overlap, at once");
        new.secret = secret.expose().to_owned();
        assert_eq!(call(&new).await, (200, 200));
        apps::delete(&passport.app, "aw").await.unwrap();
        assert_eq!(call(&new).await, (401, 401));
    })
    .await;
}
