//! Passport for your app: sign people in with a ticket, obey every logout.
//!
//! An app keeps a short session of its own. It begins when Passport sends a person back with a
//! ticket, which the app's server redeems, and it ends at once when Passport says so: the SDK holds
//! one long poll to Passport for the whole app and knows, on each request and without asking
//! anybody, whose session is over.
//!
//! # A complete app
//! With the feature `actix` (the default). The app brings its own `actix-session`, with whatever
//! store it likes; the SDK adds the routes below `/sso` and the extractors.
//!
//! ```no_run
//! use actix_session::{SessionMiddleware, storage::CookieSessionStore};
//! use actix_web::{App, HttpServer, Responder, cookie::Key, web};
//! use client_sdk::{Settings, actix::{MaybeSignedIn, Passport, SignedIn}};
//!
//! async fn home(visitor: MaybeSignedIn) -> impl Responder {
//!     match visitor.0 {
//!         Some(person) => format!("Hello, {}", person.user().username),
//!         None => "Hello, stranger".to_owned(),
//!     }
//! }
//!
//! // Who is not signed in is sent to Passport and comes back here.
//! async fn members(person: SignedIn) -> impl Responder {
//!     format!("For members only, {}", person.user().id)
//! }
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let settings = Settings::new(
//!         "http://sso.localhost:8800",      // Passport
//!         "aw",                             // this app's id there …
//!         std::env::var("AW_SECRET")?,      // … and its secret
//!         "http://aw.localhost:8801",       // this app
//!     )?;
//!     let passport = Passport::start(settings)?;
//!     let key = Key::generate();
//!     HttpServer::new(move || {
//!         let sessions = SessionMiddleware::builder(CookieSessionStore::default(), key.clone());
//!         App::new()
//!             .configure(passport.routes())
//!             .route("/", web::get().to(home))
//!             .route("/members", web::get().to(members))
//!             .wrap(sessions.cookie_name("__Host-aw".into()).build())
//!     })
//!     .bind(("127.0.0.1", 8801))?
//!     .run()
//!     .await?;
//!     Ok(())
//! }
//! ```
//! Register it at Passport with
//! `sso-server app add aw --name Aw --return-to http://aw.localhost:8801/sso/callback`.
//!
//! # Within the page
//! `<script defer src="{passport}/sso.js" data-app="aw" data-one-tap data-reload></script>` on a page lets
//! people sign in without leaving it, where the browser lets it; register the page's origin, too
//! (`--origin`). The script talks to these routes, which any server can have; docs/in-page.md of
//! Passport's sources says it for other languages:
//!
//! | route | what it does |
//! |---|---|
//! | `GET /sso/session` | who is signed in here: `{"status":"signed_in","user":{…}}`, `{"status":"signed_out"}`, or 503 |
//! | `POST /sso/begin` | makes a verifier, keeps it in an HttpOnly cookie, answers `{"app","state","challenge"}` |
//! | `POST /sso/finish` `{"state","ticket"}` | redeems the ticket with the verifier of that state and begins the session |
//! | `GET /sso/popup` | the last page of the window that a click opens |
//! | `GET /sso/stream` | server-sent events: the session of an open page is over |
//!
//! Both `POST` are for the app's own pages: `Origin` must be [`Settings::base_url`], byte for byte.
//! The pure part of it, for other frameworks: [`login::begin_in_page`],
//! [`login::Pending::redeem_in_page`].
//!
//! # Push
//! Passport can also send each event to the app. Register the app with
//! `--events-url http://aw.localhost:8801/sso/events`, give the secret that this prints to
//! [`Settings::accept_events`], and the route `POST /sso/events` verifies what comes, applies it,
//! and only then remembers it: a forged or repeated message changes nothing. The poll goes on
//! beside it, and trust rests on the poll alone. An app without this crate checks the headers
//! `webhook-id`, `webhook-timestamp` and `webhook-signature` as Standard Webhooks says, obeys
//! `data.app_session`, and answers 2xx when it has.
//!
//! # Parts
//! - [`wire`]: every JSON body of the contract. The server uses these same types.
//! - The pure core, for any framework: [`settings`], [`login`] (begin, callback), [`session`] (an
//!   app session and whether it holds), [`events`] (what is known of ended sessions), [`webhook`]
//!   (what Passport pushes). No I/O; time and randomness are arguments.
//! - [`client`] (feature `client`): the calls to Passport, by reqwest.
//! - [`actix`] (feature `actix`): routes, extractors, the follower.
//!
//! # Promises
//! - The check on each request is local: no network, no lock across an await.
//! - A session that Passport ended is refused as soon as the event is here, usually within
//!   milliseconds. An app that has not heard from Passport for [`Settings::max_staleness`] stops
//!   accepting sessions by itself, because it may have missed one.
//! - A restart loses nothing: the follower reads the log from its beginning before the first
//!   session is accepted.
//! - "I do not know" is an error page (503), never "signed in" and never "signed out".

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "client")]
pub mod client;
pub mod events;
pub mod login;
pub mod session;
pub mod settings;
pub mod webhook;
pub mod wire;

pub use settings::Settings;
