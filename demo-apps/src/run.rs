//! Running a site.

use std::{io, net::TcpListener, process::ExitCode};

use actix_session::{SessionMiddleware, config::BrowserSession, storage::CookieSessionStore};
use actix_web::{
    App, HttpServer,
    cookie::{Key, SameSite},
    dev::Server,
    web,
};
use clap::Parser;
use client_sdk::{
    Settings,
    actix::{Passport, StartError},
};

use crate::{
    pages::{self, Shared},
    site::Site,
};

/// Why a site does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The connection to Passport cannot be prepared.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The port.
    #[error("cannot serve: {0}")]
    Io(#[from] io::Error),
}

/// Serves a site on a listener. `key` signs and encrypts its session cookie; a new one at every
/// start would sign everybody out of the site, which is no harm: Passport lets them back in. The
/// handle is for saying good-bye.
pub fn serve(
    site: Site,
    settings: Settings,
    listener: TcpListener,
    key: Key,
) -> Result<(Server, Passport), RunError> {
    let passport = Passport::start(settings)?;
    let handle = passport.clone();
    let shared = web::Data::new(Shared::new(site));
    let factory = move || {
        let sessions = SessionMiddleware::builder(CookieSessionStore::default(), key.clone())
            .cookie_name(site.cookie.to_owned())
            .cookie_secure(true)
            .cookie_http_only(true)
            .cookie_same_site(SameSite::Lax)
            // Gone with the browser; Passport's own session is not.
            .session_lifecycle(BrowserSession::default());
        App::new()
            .app_data(shared.clone())
            .configure(passport.routes())
            .route("/", web::get().to(pages::home))
            .route("/members", web::get().to(pages::members))
            .route("/how", web::get().to(pages::how))
            .route("/how.js", web::get().to(pages::how_script))
            .route("/site.css", web::get().to(pages::stylesheet))
            .route("/icon.svg", web::get().to(pages::icon))
            .wrap(sessions.build())
    };
    listener.set_nonblocking(true)?;
    let server = HttpServer::new(factory)
        .workers(1)
        .disable_signals()
        // A tab that is closed gives back the stream that it followed by, at once.
        .h1_allow_half_closed(false)
        .listen(listener)?
        .run();
    Ok((server, handle))
}

/// A sample site beside a Passport that runs elsewhere.
#[derive(Debug, clap::Parser)]
struct Arguments {
    /// Where Passport is
    #[arg(long, env = "PASSPORT_URL", default_value = "http://sso.localhost:8800")]
    passport: String,
    /// This site's secret at Passport, from `sso-server app add`
    #[arg(long, env = "APP_SECRET", hide_env_values = true)]
    secret: String,
    /// This site's own URL
    #[arg(long, env = "APP_URL")]
    url: Option<String>,
    /// Where to listen
    #[arg(long, env = "APP_LISTEN")]
    listen: Option<String>,
}

/// The whole of `bin/aw.rs` and `bin/bw.rs`.
pub fn alone(site: Site) -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let served = actix_web::rt::System::new().block_on(async {
        let url = arguments.url.as_deref().unwrap_or(site.url);
        let settings = Settings::new(arguments.passport, site.id, arguments.secret, url)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let listener = TcpListener::bind(arguments.listen.as_deref().unwrap_or(site.listen))?;
        println!("{} on http://{} as {url}", site.name, listener.local_addr()?);
        let (server, passport) = serve(site, settings, listener, Key::generate())
            .map_err(|error| io::Error::other(error.to_string()))?;
        let stop = server.handle();
        tokio::spawn(async move {
            let _ = tokio::signal::ctrl_c().await;
            let _ = passport.leave().await;
            stop.stop(true).await;
        });
        server.await
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", site.id);
            ExitCode::FAILURE
        }
    }
}
