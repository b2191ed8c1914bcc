//! Signing out at an app with the SDK, when its own session is over or Passport is away.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use actix_session::{Session, SessionMiddleware, storage::CookieSessionStore};
use actix_web::{
    App, HttpResponse, HttpServer,
    cookie::Key,
    test,
    web::{self, Data, Path},
};
use client_sdk::{
    Settings,
    actix::Passport as Sdk,
    session::AppSession,
    wire::{EndScope, Redeemed},
};
use harness::Passport;
use serde_json::json;

/// The app session of `redeemed`, whose time is up.
fn over(redeemed: Redeemed) -> AppSession {
    AppSession { expires_at: 1, ..AppSession::new(redeemed, 0) }
}

// "Everywhere" is meant: an app session that is over here is not the end of what goes on elsewhere.
#[actix_web::test]
async fn signing_out_everywhere_reaches_passport_from_an_expired_page() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let bw = passport.add_app("bw").await;
    for (scope, signed_in) in [("app", true), ("session", false)] {
        let mut browser = passport.signed_in("member").await;
        let elsewhere = bw.enter(&mut browser).await.app_session;
        let kept = over(aw.enter(&mut browser).await);
        let sdk = Sdk::start(
            Settings::new(&passport.url, "aw", &aw.secret, "http://aw.localhost").unwrap(),
        )
        .unwrap();
        let plant = move |session: Session| {
            session.insert("passport", &kept).unwrap();
            async { HttpResponse::Ok().finish() }
        };
        let app = test::init_service(
            App::new()
                .configure(sdk.routes())
                .route("/plant", web::get().to(plant))
                .wrap(SessionMiddleware::new(CookieSessionStore::default(), Key::from(&[7; 64]))),
        )
        .await;
        let planted = test::call_service(&app, test::TestRequest::get().uri("/plant").to_request());
        let cookie = planted.await.response().cookies().next().unwrap().into_owned();
        let logout = test::TestRequest::post()
            .uri("/sso/logout")
            .cookie(cookie)
            .set_form([("scope", scope)])
            .to_request();
        assert_eq!(test::call_service(&app, logout).await.status(), 303);
        assert_eq!(browser.is_signed_in().await, signed_in, "{scope}");
        let state = bw.status(&elsewhere).await.json()["state"].clone();
        assert_eq!(state, if signed_in { "active" } else { "ended" }, "{scope}");
    }
}

/// How often a Passport that refuses the first tries was asked to end something.
#[derive(Default)]
struct Asked {
    app: AtomicUsize,
    session: AtomicUsize,
}

async fn end(
    asked: Data<Asked>,
    _: Path<String>,
    body: web::Json<serde_json::Value>,
) -> HttpResponse {
    let count = if body["scope"] == "app" { &asked.app } else { &asked.session };
    if count.fetch_add(1, Ordering::SeqCst) < 4 {
        return HttpResponse::ServiceUnavailable().json(json!({
            "type": "about:blank", "title": "away", "status": 503, "detail": "", "code": "unavailable"
        }));
    }
    HttpResponse::Ok().json(json!({ "ended": 1 }))
}

async fn events() -> HttpResponse {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    HttpResponse::Ok().json(json!({ "events": [], "cursor": "0", "lease_seconds": 60 }))
}

// SECURITY-CASES W-27: what could not be passed on is passed on later; but never an end of everything,
// which might meet a person who has signed in again.
#[actix_web::test]
async fn a_logout_waits_for_passport() {
    let asked = Data::from(Arc::new(Asked::default()));
    let shared = asked.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .route("/api/v1/events", web::get().to(events))
            .route("/api/v1/app-sessions/{id}/end", web::post().to(end))
    })
    .workers(1)
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://localhost:{}", server.addrs()[0].port());
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let sdk = Sdk::start(
        Settings::new(&url, "aw", harness::app::VERIFIER, "http://aw.localhost").unwrap(),
    )
    .unwrap();
    let session = |id: &str| AppSession {
        id: id.into(),
        session: "s".into(),
        user: Default::default(),
        auth_time: 0,
        amr: vec![],
        since: 0,
        expires_at: i64::MAX,
    };
    sdk.end(&session("b"), EndScope::Session).await.unwrap_err();
    sdk.end(&session("a"), EndScope::App).await.unwrap_err();
    let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while count(&asked.app) < 5 {
        assert!(std::time::Instant::now() < deadline, "it was never passed on");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(count(&asked.session), 3, "tried, and tried again at once, and no more");
    assert_eq!(count(&asked.app), 5, "once it is told, it is told");
    handle.stop(false).await;
}
