//! An app with the SDK as a program of its own: what tests cut off, kill and start again. `/` names
//! the session and the app session that a browser has, and each answer tells the app's own clock.

use std::{net::TcpListener, time::Duration};

use actix_session::{SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, HttpServer, cookie::Key, dev::Service, web};
use client_sdk::{
    Settings,
    actix::{MaybeSignedIn, Passport},
    settings::WhenStale,
};
use sso_server::clock::Clock;

fn given(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn settings() -> Settings {
    let must = |name: &str| given(name).unwrap_or_else(|| panic!("{name} is not set"));
    let [passport, id, secret, url] =
        ["SHOP_PASSPORT", "SHOP_ID", "SHOP_SECRET", "SHOP_URL"].map(must);
    let mut settings = Settings::new(passport, id, secret, url).unwrap();
    if let Some(secret) = given("SHOP_EVENTS_SECRET") {
        settings = settings.accept_events(&secret).unwrap();
    }
    settings.instance = given("SHOP_INSTANCE");
    let seconds = given("SHOP_MAX_STALENESS").map(|text| text.parse().unwrap());
    settings.max_staleness = seconds.map(Duration::from_secs);
    if given("SHOP_WHEN_STALE").as_deref() == Some("continue") {
        settings.when_stale = WhenStale::Continue;
    }
    settings
}

async fn who(visitor: MaybeSignedIn) -> String {
    visitor.0.map_or_else(String::new, |person| {
        let own = person.session();
        format!("{} {}", own.session, own.id)
    })
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let settings = settings();
    let url = settings.base_url().to_owned();
    let passport = Passport::start(settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on http://{} as {url}", listener.local_addr()?);
    let factory = move || {
        // The same key after every start: the browsers keep what they had.
        let sessions =
            SessionMiddleware::builder(CookieSessionStore::default(), Key::from(&[7; 64]));
        App::new()
            .configure(passport.routes())
            .route("/", web::get().to(who))
            .wrap(sessions.cookie_secure(false).build())
            .wrap_fn(|request, service| {
                let answered = service.call(request);
                async move {
                    let mut response = answered.await?;
                    let clock = Clock::System.now().into();
                    response.headers_mut().insert("x-clock".parse().unwrap(), clock);
                    Ok(response)
                }
            })
    };
    HttpServer::new(factory).workers(1).listen(listener)?.run().await
}
