//! Every refusal of the API: `application/problem+json`, a stable code, its status, what to do.

use client_sdk::wire::{ErrorCode, Problem};
use harness::{Answer, Passport, TestApp, faults::FaultyPostgres, on_both, raw};
use reqwest::Method;
use serde_json::json;

const REDEEM: &str = "/api/v1/tickets/redeem";

/// The answer is a problem of this status and code, complete, and repeats nothing of `sent`.
fn is_problem(what: &str, answer: &Answer, status: u16, code: ErrorCode, sent: &[&str]) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    let problem: Problem = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.json(), json!(problem), "{what}: these fields and no other");
    assert_eq!((problem.status, problem.code), (status, code), "{what}");
    assert_eq!(problem.kind, format!("urn:passport:problem:{}", code.as_str()), "{what}");
    assert!(!problem.title.is_empty() && problem.detail.ends_with('.'), "{what}: {problem:?}");
    for text in sent.iter().filter(|text| text.len() > 3) {
        assert!(!answer.body.contains(text), "{what} repeats {text}: {}", answer.body);
    }
    // SECURITY-CASES H-11.
    for inside in ["SELECT", "sqlx", "actix", "serde", ".rs", "line ", "column", "/work", "panick"]
    {
        assert!(!answer.body.contains(inside), "{what} shows {inside}: {}", answer.body);
    }
    let retry = matches!(code, ErrorCode::TooManyRequests | ErrorCode::Unavailable);
    let seconds = answer.header("retry-after").parse::<i64>().ok();
    assert_eq!(seconds.is_some_and(|seconds| seconds > 0), retry, "{what}: Retry-After");
}

/// The words of DESIGN 4.4 and their statuses. Apps decide by them: they never change.
#[test]
fn codes_and_statuses_are_the_documented_ones() {
    let documented = [
        ("invalid_client", 401),
        ("invalid_ticket", 400),
        ("invalid_request", 400),
        ("account_disabled", 403),
        ("not_allowed", 403),
        ("not_found", 404),
        ("conflict", 409),
        ("too_many_requests", 429),
        ("unavailable", 503),
    ];
    for (word, status) in documented {
        let code: ErrorCode = serde_json::from_value(json!(word)).unwrap();
        assert_ne!(code, ErrorCode::Unknown, "{word}");
        assert_eq!((code.as_str(), code.status()), (word, status));
        assert_eq!(json!(code), json!(word));
    }
    let later: ErrorCode = serde_json::from_value(json!("of_a_later_version")).unwrap();
    assert_eq!(later, ErrorCode::Unknown, "and the SDK survives new ones");
}

async fn posted(app: &TestApp, path: &str, kind: Option<&str>, body: &[u8]) -> Answer {
    let authorization = app.authorization();
    let mut headers = vec![("authorization", authorization.as_str())];
    headers.extend(kind.map(|kind| ("content-type", kind)));
    app.call_raw(Method::POST, path, body.to_vec(), &headers).await
}

/// SECURITY-CASES T-31, L-13, Z-06, Z-07, Z-08, Z-11: a body is read strictly, or not at all.
#[actix_web::test]
async fn a_body_is_refused_for_its_type_its_size_its_spelling_and_its_fields() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let ticket = aw.send(&mut browser).await.ticket();
    let good = json!({ "ticket": ticket, "return_to": aw.return_to }).to_string();
    let inner = &good[1..good.len() - 1];
    let deep = format!("{{\"ticket\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let json_type = Some("application/json");
    let large = format!("{{{inner},\"verifier\":\"{}\"}}", "a".repeat(64 * 1024));
    let not_utf8 = [b"{\"ticket\":\"\xff\xfe\",", &good.as_bytes()[1..]].concat();
    let rows: Vec<(&str, Option<&str>, Vec<u8>, u16)> = vec![
        ("no type", None, good.clone().into(), 415),
        ("text", Some("text/plain"), good.clone().into(), 415),
        ("a form", Some("application/x-www-form-urlencoded"), good.clone().into(), 415),
        ("a problem", Some("application/problem+json"), good.clone().into(), 415),
        ("nearly JSON", Some("application/jsonx"), good.clone().into(), 415),
        ("JSON second", Some("text/plain, application/json"), good.clone().into(), 415),
        ("too large", json_type, large.into(), 413),
        ("empty", json_type, vec![], 400),
        ("null", json_type, "null".into(), 400),
        ("a list", json_type, format!("[{good}]").into(), 400),
        ("a text", json_type, "\"a.b.c\"".into(), 400),
        ("cut off", json_type, good[..good.len() - 1].into(), 400),
        ("something behind it", json_type, format!("{good}x").into(), 400),
        ("two of them", json_type, format!("{good}{good}").into(), 400),
        ("a comment", json_type, format!("{good}//").into(), 400),
        ("a mark of byte order", json_type, format!("\u{feff}{good}").into(), 400),
        ("no UTF-8", json_type, not_utf8, 400),
        (
            "half a surrogate",
            json_type,
            format!("{{{inner},\"verifier\":\"\\ud800\"}}").into(),
            400,
        ),
        ("an unknown field", json_type, format!("{{{inner},\"scope\":\"app\"}}").into(), 400),
        ("a field in capitals", json_type, good.replace("\"ticket\"", "\"Ticket\"").into(), 400),
        ("a field twice", json_type, format!("{{\"ticket\":\"x\",{inner}}}").into(), 400),
        ("the same twice", json_type, format!("{{{inner},{inner}}}").into(), 400),
        ("no ticket", json_type, json!({ "return_to": aw.return_to }).to_string().into(), 400),
        ("a null ticket", json_type, "{\"ticket\":null}".into(), 400),
        ("a number", json_type, "{\"ticket\":7}".into(), 400),
        (
            "a long number",
            json_type,
            format!("{{{inner},\"max_age\":{}}}", "9".repeat(999)).into(),
            400,
        ),
        ("half a second", json_type, format!("{{{inner},\"max_age\":1.5}}").into(), 400),
        ("deep", json_type, deep.into(), 400),
    ];
    for (what, kind, body, status) in rows {
        let answer = posted(&aw, REDEEM, kind, &body).await;
        is_problem(what, &answer, status, ErrorCode::InvalidRequest, &[&ticket, &aw.secret]);
    }
    let authorization = aw.authorization();
    for coding in ["gzip", "br", "deflate", "identity", "zstd"] {
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("content-encoding", coding),
        ];
        let answer = aw.call_raw(Method::POST, REDEEM, good.clone().into(), &headers).await;
        is_problem(coding, &answer, 415, ErrorCode::InvalidRequest, &[&ticket]);
    }
    let query = posted(&aw, &format!("{REDEEM}?ticket=x"), json_type, good.as_bytes()).await;
    is_problem("a query", &query, 400, ErrorCode::InvalidRequest, &[&ticket]);
    assert_eq!(passport.count("SELECT COUNT(*) FROM app_sessions").await, 0);

    // None of it has spent the ticket, and the type may say more than is needed.
    let typed = Some("Application/JSON; charset=utf-8");
    let answer = posted(&aw, REDEEM, typed, format!(" {good}\n").as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

// SECURITY-CASES Z-06: a length that is not told does not help.
#[actix_web::test]
async fn a_chunked_body_is_cut_off_at_the_limit() {
    let passport = Passport::start().await;
    let aw = passport.add_app("aw").await;
    let host = passport.url.strip_prefix("http://").unwrap();
    let head = |path: &str, kind: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {}\r\nContent-Type: {kind}\r\n\
             Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
            aw.authorization()
        )
    };
    let chunks = |text: &str, size: usize| {
        let one = format!("{:x}\r\n{}\r\n", text.len(), text);
        format!("{}0\r\n\r\n", one.repeat(size / text.len() + 1))
    };
    let filler = " ".repeat(1_000);
    for (path, kind, limit) in [
        (REDEEM, "application/json", 64 * 1024),
        ("/api/v1/app-sessions/x/end", "application/json", 64 * 1024),
        ("/login", "application/x-www-form-urlencoded", 16 * 1024),
    ] {
        let request = format!("{}{}", head(path, kind), chunks(&filler, limit));
        let answer = raw::exchange(passport.address, request.as_bytes()).await;
        assert_eq!(raw::status(&answer), 413, "{path}: {answer}");
        let request = format!("{}{}", head(path, kind), chunks(&filler, limit / 2));
        let answer = raw::exchange(passport.address, request.as_bytes()).await;
        assert_eq!(raw::status(&answer), 400, "{path}: read to its end, and then nonsense");
    }
}

#[actix_web::test]
async fn each_refusal_of_each_call_has_its_code() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
    let mut browser = passport.signed_in("member").await;
    let entered = aw.enter(&mut browser).await;
    let id = entered.app_session.as_str();
    let other = bw.enter(&mut browser).await.app_session;

    let ticket = aw.redeem("a.b.c").await;
    is_problem("no ticket", &ticket, 400, ErrorCode::InvalidTicket, &["a.b.c"]);
    for (what, id) in [
        ("unknown", "0000000000"),
        ("another's", other.as_str()),
        ("longer", &format!("{id}0")),
        ("capitals", &id.to_uppercase()),
        ("the session's", &entered.session),
        ("the user's", &entered.user.id),
        ("odd", "%01%0d%0a%ff"),
        ("quotes", "'%20OR%20'1'='1"),
        ("long", &"a".repeat(4_000)),
    ] {
        if what == "capitals" && id == entered.app_session {
            continue;
        }
        let status = aw.status(id).await;
        is_problem(what, &status, 404, ErrorCode::NotFound, &[]);
        let end = aw.end(id, "session").await;
        is_problem(what, &end, 404, ErrorCode::NotFound, &[]);
    }
    for scope in ["", "App", "all", "device", "app ", "user,app"] {
        let end = aw.end(id, scope).await;
        is_problem(scope, &end, 400, ErrorCode::InvalidRequest, &[]);
    }
    let end = |body| {
        let path = format!("/api/v1/app-sessions/{id}/end");
        let aw = aw.clone();
        async move { aw.call(Method::POST, &path, body, &[]).await }
    };
    for body in
        [None, Some(json!({})), Some(json!({ "scope": ["app"] })), Some(json!({ "scope": null }))]
    {
        let status = if body.is_none() { 415 } else { 400 };
        is_problem("body", &end(body).await, status, ErrorCode::InvalidRequest, &[]);
    }
    let extra = end(Some(json!({ "scope": "app", "user": "x" }))).await;
    is_problem("a field more", &extra, 400, ErrorCode::InvalidRequest, &[]);
    is_problem("user", &aw.end(id, "user").await, 403, ErrorCode::NotAllowed, &[id]);
    for (what, query) in [
        ("a negative cursor", "after=-1"),
        ("a signed cursor", "after=%2B1"),
        ("zeros", "after=007"),
        ("no number", "after=x"),
        ("an empty cursor", "after="),
        ("beyond the end", "after=1"),
        ("beyond all numbers", "after=99999999999999999999"),
        ("the largest number", "after=9223372036854775807"),
        ("a cursor twice", "after=0&after=0"),
        ("an empty name", "after=0&instance="),
        ("an odd name", "after=0&instance=a%20b"),
        ("a long name", &format!("after=0&instance={}", "a".repeat(65))),
        ("a name twice", "after=0&instance=a&instance=b"),
        ("a wait that is none", "after=0&wait=soon"),
        ("a negative wait", "after=0&wait=-1"),
        ("a wait of a part", "after=0&wait=1.5"),
        ("no UTF-8", "after=0&instance=%ff"),
        ("NUL", "after=0&x=%00"),
    ] {
        let answer = aw.call(Method::GET, &format!("/api/v1/events?{query}"), None, &[]).await;
        is_problem(what, &answer, 400, ErrorCode::InvalidRequest, &[]);
    }
    let unknown = aw.call(Method::GET, "/api/v1/nothing", None, &[]).await;
    is_problem("no such call", &unknown, 404, ErrorCode::NotFound, &[]);
    assert_eq!(passport.count("SELECT COUNT(*) FROM app_instances").await, 0);
    assert_eq!(passport.count("SELECT COUNT(*) FROM events").await, 0);
    assert_eq!(aw.status(id).await.json()["state"], "active", "none of it has done anything");
    assert_eq!(bw.status(&other).await.json()["state"], "active");
    assert_eq!(aw.end(id, "app").await.json(), json!({ "ended": 1 }));
}

#[actix_web::test]
async fn a_disabled_account_and_too_many_bad_tickets_have_their_codes() {
    let passport = Passport::with(harness::Database::Sqlite, |config| {
        config.throttle.refused_tickets_per_minute = 3;
    })
    .await;
    passport.add_user("member").await;
    let (aw, bw) = (passport.add_app("aw").await, passport.add_app("bw").await);
    let mut browser = passport.signed_in("member").await;
    let ticket = aw.send(&mut browser).await.ticket();
    let at_bw = bw.send(&mut browser).await.ticket();
    sso_server::flows::users::disable(&passport.app, "member", true).await.unwrap();
    let disabled = aw.redeem(&ticket).await;
    is_problem("disabled", &disabled, 403, ErrorCode::AccountDisabled, &[&ticket]);

    let mut last = aw.redeem("a.b.c").await;
    for _ in 0..5 {
        last = aw.redeem("a.b.c").await;
    }
    is_problem("too many", &last, 429, ErrorCode::TooManyRequests, &["a.b.c"]);
    let elsewhere = bw.redeem(&at_bw).await;
    assert_ne!(elsewhere.status, 429, "another app is not made to wait");
}

// DESIGN rule 3: "I do not know" is 503, never "signed out", never "allowed".
#[actix_web::test]
async fn without_a_database_everything_is_unknown_and_nothing_is_denied_or_allowed() {
    let created = tempfile::tempdir().unwrap();
    let url = harness::Database::Postgres.create(created.path()).await;
    // The proxy reads messages, so they must not be offered encryption first.
    let (faulty, through) = FaultyPostgres::before(&format!("{url}?sslmode=disable")).await;
    let passport = Passport::over(
        harness::Database::Postgres,
        &through,
        std::sync::Arc::new(created),
        sso_server::clock::Clock::manual(harness::NOON),
        |_| {},
    )
    .await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let entered = aw.enter(&mut browser).await;
    let ticket = aw.send(&mut browser).await.ticket();
    let id = entered.app_session.as_str();

    faulty.fail_at(1);
    let events = "/api/v1/events?after=0&instance=i";
    for (what, answer) in [
        ("status", aw.status(id).await),
        ("end", aw.end(id, "session").await),
        ("events", aw.call(Method::GET, events, None, &[]).await),
        ("redeem", aw.redeem(&ticket).await),
    ] {
        is_problem(what, &answer, 503, ErrorCode::Unavailable, &[id, &ticket, &through]);
    }
    let ready = browser.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.header("retry-after")), (503, "2"));
    assert_eq!(ready.json()["database"], "failing");
    assert_eq!(browser.get("/healthz").await.json(), json!({ "status": "ok" }));
    for page in ["/account", "/login", "/logout"] {
        let answer = browser.get(page).await;
        assert_eq!(answer.status, 503, "{page}");
        assert_eq!(answer.header("retry-after"), "2", "{page}");
        assert!(browser.set_cookies.is_empty(), "{page}: the cookie stays");
    }

    assert!(faulty.heal());
    assert_eq!(browser.get("/readyz").await.status, 200);
    assert_eq!(aw.status(id).await.json()["state"], "active");
    assert!(browser.is_signed_in().await);
}

#[actix_web::test]
async fn ready_says_what_fails() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let mut browser = passport.browser();
        let ready = browser.get("/readyz").await;
        assert_eq!(ready.status, 200);
        let all = json!({ "status": "ok", "database": "ok", "signing_keys": "ok" });
        assert_eq!(ready.json(), all);
        passport.app.db.close().await;
        let failing = browser.get("/readyz").await;
        assert_eq!(failing.status, 503);
        let some = json!({ "status": "failing", "database": "failing", "signing_keys": "ok" });
        assert_eq!(failing.json(), some);
        assert_eq!(browser.get("/healthz").await.status, 200, "restarting would not mend it");
    })
    .await;
}
