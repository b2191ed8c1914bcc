//! The SDK's receiver, in an app.

use std::net::{SocketAddr, TcpListener};

use actix_session::{SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, HttpServer, cookie::Key, web};
use client_sdk::{
    Settings,
    actix::{MaybeSignedIn, Passport as Sdk},
    webhook::Secret,
    wire::{Cause, Event, EventKind, PushedEvent, Replacement},
};
use futures_util::StreamExt;
use harness::{Browser, Database, Passport, TestApp, raw};
use sso_server::clock::Clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::scene::{CLAIMED, force_out};

/// An app that says who is signed in.
struct Site {
    passport: Passport,
    aw: TestApp,
    secret: String,
    address: SocketAddr,
}

impl Site {
    async fn start() -> Self {
        let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
        let url = Database::Sqlite.create(folder.path()).await;
        let allow = |config: &mut sso_server::config::Config| config.outgoing.allow_loopback = true;
        // The SDK looks at the system's clock.
        let passport = Passport::over(Database::Sqlite, &url, folder, Clock::System, allow).await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let events_url = format!("http://aw.localhost:{}/sso/events", address.port());
        let (aw, secret) = passport.add_pushed("aw", &events_url).await;
        let settings =
            Settings::new(passport.url.as_str(), "aw", aw.secret.as_str(), "http://aw.localhost");
        let settings = settings.unwrap().accept_events(&secret).unwrap();
        let sdk = Sdk::start(settings).unwrap();
        let running = sdk.clone();
        let server = HttpServer::new(move || {
            let sessions =
                SessionMiddleware::builder(CookieSessionStore::default(), Key::from(&[7; 64]));
            App::new()
                .configure(sdk.routes())
                .route("/", web::get().to(who))
                .wrap(sessions.cookie_secure(false).build())
        });
        actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
        while !running.is_current() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Self { passport, aw, secret, address }
    }

    /// Signs somebody in at the app, by way of Passport.
    async fn sign_in(&self, name: &str) -> Browser {
        self.passport.add_user(name).await;
        let mut browser = self.passport.signed_in(name).await;
        let mut here = Browser::new(self.address, "http://aw.localhost");
        let path = |location: &str| {
            let url = url::Url::parse(location).unwrap();
            format!("{}?{}", url.path(), url.query().unwrap_or_default())
        };
        let sent = here.get("/sso/login?next=/").await;
        let back = browser.get(&path(sent.location())).await;
        here.get(&path(back.location())).await;
        here
    }

    /// Sends bytes to the receiver; answers the status.
    async fn send(&self, method: &str, headers: &[(&str, &str)], body: &str) -> u16 {
        let mut head = format!("{method} /sso/events HTTP/1.1\r\nhost: aw.localhost\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = body.len();
        let request = format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
        raw::status(&raw::exchange(self.address, request.as_bytes()).await)
    }
}

/// Its name, the status to be answered, headers, body.
type Case<'a> = (&'a str, u16, &'a [(&'a str, &'a str)], &'a str);

async fn who(visitor: MaybeSignedIn) -> String {
    visitor.0.map_or_else(String::new, |person| person.session().id.clone())
}

fn body(id: &str, app_session: &str, now: i64) -> String {
    let data = Event {
        id: id.to_owned(),
        cursor: "1".to_owned(),
        kind: EventKind::SessionEnded,
        app_session: Some(app_session.to_owned()),
        session: None,
        user: "u".to_owned(),
        cause: Some(Cause::Admin),
        at: now,
        expires_at: Some(now + 3600),
        replaced_by: None,
    };
    let timestamp = "2026-11-22T12:00:00Z".to_owned();
    serde_json::to_string(&PushedEvent { kind: data.kind, timestamp, data }).unwrap()
}

#[actix_web::test]
async fn what_passport_pushes_is_believed_and_answered() {
    let site = Site::start().await;
    let mut here = site.sign_in("member").await;
    assert_ne!(here.get("/").await.body, "");
    let session = site.passport.text("SELECT id FROM sessions ORDER BY created_at DESC").await;
    let mut other = site.sign_in("other").await;
    let entered = client_sdk::wire::Redeemed {
        session,
        ..site.aw.enter(&mut site.passport.signed_in("other").await).await
    };
    force_out(&site.passport, &entered).await;
    let acknowledged = "SELECT acknowledged FROM app_instances WHERE instance = '@push'";
    site.passport.until(acknowledged, 1).await;
    site.passport.until(CLAIMED, 0).await;
    assert_eq!(here.get("/").await.body, "", "out");
    assert_ne!(other.get("/").await.body, "", "and nobody else");
}

// SECURITY-CASES B-01, B-04, B-08, B-10, B-21: what is not Passport's changes nothing.
#[actix_web::test]
async fn forged_repeated_and_malformed_messages_change_nothing() {
    let site = Site::start().await;
    let mut here = site.sign_in("member").await;
    let own = here.get("/").await.body;
    assert_ne!(own, "");
    let now = Clock::System.now() / 1_000;
    let (time, json) = (now.to_string(), ("content-type", "application/json"));
    let body = body("e-1", &own, now);
    let secret = Secret::parse(&site.secret).unwrap();
    let signature = secret.sign("e-1", now, body.as_bytes());
    let evil = Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let forged = evil.sign("e-1", now, body.as_bytes());
    let id = ("webhook-id", "e-1");
    let at = ("webhook-timestamp", time.as_str());
    let signed = ("webhook-signature", signature.as_str());

    let old = now - 301;
    let (old_time, old_signature) = (old.to_string(), secret.sign("e-1", old, body.as_bytes()));
    let future = now + 400;
    let (future_time, future_signature) =
        (future.to_string(), secret.sign("e-1", future, body.as_bytes()));
    let large = "x".repeat(70 * 1024);
    let cases: &[Case<'_>] = &[
        ("unsigned", 400, &[json, id, at], &body),
        ("no id", 400, &[json, at, signed], &body),
        ("no time", 400, &[json, id, signed], &body),
        ("another's key", 401, &[json, id, at, ("webhook-signature", &forged)], &body),
        ("another body", 401, &[json, id, at, signed], &body.replace("\"u\"", "\"v\"")),
        ("another id", 401, &[json, ("webhook-id", "e-2"), at, signed], &body),
        ("two signatures", 400, &[json, id, at, signed, signed], &body),
        (
            "too old",
            400,
            &[json, id, ("webhook-timestamp", &old_time), ("webhook-signature", &old_signature)],
            &body,
        ),
        (
            "from the future",
            400,
            &[
                json,
                id,
                ("webhook-timestamp", &future_time),
                ("webhook-signature", &future_signature),
            ],
            &body,
        ),
        (
            "a form",
            415,
            &[("content-type", "application/x-www-form-urlencoded"), id, at, signed],
            &body,
        ),
        ("no type", 415, &[id, at, signed], &body),
        ("too large", 413, &[json, id, at, signed], &large),
    ];
    for (case, status, headers, body) in cases {
        assert_eq!(site.send("POST", headers, body).await, *status, "{case}");
    }
    assert!(matches!(site.send("GET", &[], "").await, 404 | 405));
    // True, but about an older session of the same person.
    let older = self::body("e-3", "an-older-session", now);
    let older_signature = secret.sign("e-3", now, older.as_bytes());
    let headers = [json, ("webhook-id", "e-3"), at, ("webhook-signature", &older_signature)];
    assert_eq!(site.send("POST", &headers, &older).await, 204);
    assert_eq!(here.get("/").await.body, own, "still in");

    for _ in 0..3 {
        assert_eq!(site.send("POST", &[json, id, at, signed], &body).await, 204);
        assert_eq!(here.get("/").await.body, "", "out, once and for ever");
    }
}

// The page in front of somebody who is signed out by a push says so at once, and by whom. Passport's
// log has nothing about it, so that it is the push that is told, and not the poll beside it.
#[actix_web::test]
async fn an_open_page_hears_of_what_is_pushed() {
    let site = Site::start().await;
    let mut here = site.sign_in("member").await;
    let own = here.get("/").await.body;
    let cookies: Vec<String> = here.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let mut page = TcpStream::connect(site.address).await.unwrap();
    let request = format!(
        "GET /sso/stream HTTP/1.1\r\nhost: aw.localhost\r\ncookie: {}\r\nconnection: close\r\n\r\n",
        cookies.join("; ")
    );
    page.write_all(request.as_bytes()).await.unwrap();
    let mut told = String::new();
    while !told.contains(": following") {
        let mut part = [0; 1024];
        let read = page.read(&mut part).await.unwrap();
        assert!(read > 0, "{told}");
        told.push_str(&String::from_utf8_lossy(&part[..read]));
    }

    let now = Clock::System.now() / 1_000;
    let mut pushed: PushedEvent = serde_json::from_str(&body("e-1", &own, now)).unwrap();
    pushed.data.cause = Some(Cause::Kicked);
    pushed.data.replaced_by = Some(Replacement {
        session: "s".to_owned(),
        device: "Firefox on Windows".to_owned(),
        address: "192.0.2.0".to_owned(),
        at: now,
    });
    let body = serde_json::to_string(&pushed).unwrap();
    let secret = Secret::parse(&site.secret).unwrap();
    let (time, signature) = (now.to_string(), secret.sign("e-1", now, body.as_bytes()));
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", "e-1"),
        ("webhook-timestamp", &time),
        ("webhook-signature", &signature),
    ];
    assert_eq!(site.send("POST", &headers, &body).await, 204);
    page.read_to_string(&mut told).await.unwrap();
    assert!(told.contains("event: over"), "{told}");
    assert!(told.contains("Firefox on Windows"), "{told}");
    assert!(!told.contains("still here"), "told when it came, not by and by: {told}");
}

// SECURITY-CASES B-03, B-11: a flood of what is not Passport's, a ticket and an assertion among it,
// costs one comparison each and nobody their session; what is Passport's comes through meanwhile.
#[actix_web::test]
async fn a_flood_of_forged_messages_drowns_nothing() {
    let site = Site::start().await;
    let mut here = site.sign_in("member").await;
    let own = here.get("/").await.body;
    assert_ne!(own, "");
    let now = (Clock::System.now() / 1_000).to_string();
    let ticket = site.aw.send(&mut site.passport.signed_in("member").await).await.ticket();
    let flood = (0..1_000).map(|number| {
        let (site, now, own, ticket) = (&site, &now, &own, &ticket);
        async move {
            let id = format!("forged-{number}");
            let signature = format!("v1,{}=", "A".repeat(43));
            let body = match number % 2 {
                0 => body(&id, own, 1),
                _ => ticket.clone(),
            };
            let headers = [
                ("content-type", "application/json"),
                ("webhook-id", id.as_str()),
                ("webhook-timestamp", now.as_str()),
                ("webhook-signature", signature.as_str()),
            ];
            site.send("POST", &headers, &body).await
        }
    });
    let flood = futures_util::stream::iter(flood).buffer_unordered(32).collect::<Vec<_>>();
    let genuine = async {
        let other = site.aw.enter(&mut site.passport.signed_in("member").await).await;
        force_out(&site.passport, &other).await;
        site.passport
            .until("SELECT acknowledged FROM app_instances WHERE instance = '@push'", 1)
            .await;
    };
    let (answers, ()) = futures_util::future::join(flood, genuine).await;
    assert!(answers.iter().all(|status| (400..500).contains(status)), "{answers:?}");
    assert_eq!(here.get("/").await.body, own, "still in");
}
