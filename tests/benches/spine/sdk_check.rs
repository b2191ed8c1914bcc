//! What the SDK adds to a request of an app, beyond the app's own session cookie.

use std::time::Duration;

use actix_session::{Session, SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, HttpResponse, cookie::Key, test, web};
use client_sdk::{
    Settings,
    actix::{MaybeSignedIn, Passport},
    session::AppSession,
    wire::User,
};

/// Two handlers of one app behind the same session middleware; one asks who is signed in.
pub(crate) async fn sdk_check() {
    println!("\nSDK check on each request");
    let server = harness::Passport::start().await;
    let app = server.add_app("aw").await;
    let settings =
        Settings::new(server.url.as_str(), "aw", app.secret, "http://aw.localhost").unwrap();
    let passport = Passport::start(settings).unwrap();
    while !passport.is_current() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let sign_in = |session: Session| async move {
        let user = User {
            id: "01a201df-73b5-72a9-af36-c4a94d83d7f3".into(),
            username: "goal".into(),
            email: Some("goal@example.org".into()),
            ..User::default()
        };
        let kept = AppSession {
            id: "01a201df-73b5-72a9-af36-c4a94d83d7f4".into(),
            session: "01a201df-73b5-72a9-af36-c4a94d83d7f5".into(),
            user,
            auth_time: 1,
            amr: vec!["pwd".into()],
            since: 1,
            expires_at: i64::MAX,
        };
        session.insert("passport", kept).unwrap();
        HttpResponse::Ok().finish()
    };
    let plain = |_session: Session| async { HttpResponse::Ok().finish() };
    let asks = |visitor: MaybeSignedIn| async move {
        HttpResponse::build(if visitor.0.is_some() { 200 } else { 401 }.try_into().unwrap())
            .finish()
    };
    let service = test::init_service(
        App::new()
            .configure(passport.routes())
            .route("/in", web::get().to(sign_in))
            .route("/plain", web::get().to(plain))
            .route("/asks", web::get().to(asks))
            .wrap(SessionMiddleware::new(CookieSessionStore::default(), Key::from(&[1; 64]))),
    )
    .await;
    let answer =
        test::call_service(&service, test::TestRequest::get().uri("/in").to_request()).await;
    let cookie = answer.response().cookies().next().unwrap().into_owned();
    let request =
        |path: &str| test::TestRequest::get().uri(path).cookie(cookie.clone()).to_request();
    let mut best = [f64::MAX; 2];
    for _ in 0..7 {
        for (best, path) in best.iter_mut().zip(["/plain", "/asks"]) {
            let rounds = 20_000;
            let clock = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            let requests: Vec<_> = (0..rounds).map(|_| request(path)).collect();
            let begun = clock();
            for request in requests {
                let answer = test::call_service(&service, request).await;
                assert_eq!(answer.status(), 200);
            }
            let ended = clock();
            let nanos =
                (ended.tv_sec - begun.tv_sec) * 1_000_000_000 + (ended.tv_nsec - begun.tv_nsec);
            *best = best.min(nanos as f64 / 1e3 / f64::from(rounds));
        }
    }
    println!(
        "without {:.2} us, with {:.2} us: {:.2} us (under 2)",
        best[0],
        best[1],
        best[1] - best[0]
    );
}
