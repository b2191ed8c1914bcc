//! Passport for actix-web: the routes below `/sso`, the extractors, the follower.

mod cookies;
mod follower;
mod in_page;
mod receiver;
mod routes;
mod signed_in;
mod sorry;
mod stream;
mod unsent;

use std::{
    sync::{Arc, LazyLock, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use actix_web::web::{Data, ServiceConfig, get, post, scope};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::sync::{Semaphore, watch};

pub use self::signed_in::{MaybeSignedIn, NotSignedIn, SignedIn};
use self::unsent::Unsent;
use crate::{
    Settings,
    client::{CallError, Client, ClientError},
    events::{Knowledge, Moment},
    session::AppSession,
    settings::SettingsError,
    webhook::Seen,
    wire::{Cause, EndScope, Ended, Seconds},
};

/// Passport, as one running copy of an app knows it. Cheap to clone; one for all workers.
#[derive(Clone)]
pub struct Passport {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    instance: String,
    knowledge: RwLock<Knowledge>,
    /// Changes whenever a session may have ended; `true` when this copy of the app stops.
    changes: watch::Sender<bool>,
    /// Open pages that follow.
    streams: Arc<Semaphore>,
    unsent: Unsent,
    /// Pushed events that were applied.
    seen: Mutex<Seen>,
}

/// Why an app cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings do not fit.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is no way to make calls.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// So many pushed events are remembered: far more than come within a message's time.
const SEEN_MOST: usize = 10_000;

impl Passport {
    /// Prepares everything and begins to follow the app's events, on the runtime that this is called
    /// on. The follower ends when the last clone is dropped.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        settings.check()?;
        let instance = settings
            .instance
            .clone()
            .unwrap_or_else(|| URL_SAFE_NO_PAD.encode(crate::client::random::<12>()));
        let knowledge = Knowledge::new(settings.max_staleness, settings.when_stale);
        let client = Client::new(settings)?;
        let shared = Shared {
            client,
            instance,
            knowledge: RwLock::new(knowledge),
            changes: watch::Sender::new(false),
            streams: Arc::new(Semaphore::new(stream::STREAMS_MOST)),
            unsent: Unsent::default(),
            seen: Mutex::new(Seen::new(SEEN_MOST)),
        };
        let passport = Self { shared: Arc::new(shared) };
        tokio::spawn(follower::follow(Arc::downgrade(&passport.shared)));
        Ok(passport)
    }

    /// The routes: `GET /sso/login?next=/path`, `GET /sso/callback`, `POST /sso/logout` (form field
    /// `scope`: `app` or `session`), `GET /sso/stream` (tells open pages when they are signed out;
    /// put `<script defer src="{passport}/sso.js" data-mount="/sso"></script>` on them; with actix's
    /// `HttpServer::h1_allow_half_closed(false)` a closed tab gives its stream back at once, without
    /// it some seconds later), for sign-in from within a page `GET /sso/session`, `POST /sso/begin`,
    /// `POST /sso/finish` and `GET /sso/popup`, and, when the settings hold an events secret,
    /// `POST /sso/events`.
    pub fn routes(&self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        let passport = self.clone();
        move |config| {
            let mount = passport.settings().mount.clone();
            let mut routes = scope(&mount)
                .route("/login", get().to(routes::login))
                .route("/callback", get().to(routes::callback))
                .route("/logout", post().to(routes::logout))
                .route("/session", get().to(in_page::session))
                .route("/begin", post().to(in_page::begin))
                .route("/finish", post().to(in_page::finish))
                .route("/popup", get().to(in_page::popup))
                .route("/stream", get().to(stream::stream));
            if !passport.settings().events_secrets().is_empty() {
                routes = routes.route("/events", post().to(receiver::receive));
            }
            config.app_data(Data::new(passport)).service(routes);
        }
    }

    /// What this was started with.
    pub fn settings(&self) -> &Settings {
        self.shared.client.settings()
    }

    /// The calls to Passport, for what the routes do not do.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Ends somebody's session: here, at all apps of this device, or on every device. This app
    /// refuses it at once, whether or not Passport can be reached; the answer says whether it could.
    /// An end of this app's own session is told to Passport later, when it could not be now; a
    /// farther one is not, since the person may have signed in again by then.
    pub async fn end(&self, session: &AppSession, scope: EndScope) -> Result<Ended, CallError> {
        self.shared.know().end(session, Cause::App);
        self.shared.changes.send_modify(|_| ());
        let told = self.client().end(&session.id, scope).await;
        if told.as_ref().is_err_and(CallError::is_worth_repeating) && scope == EndScope::App {
            self.shared.unsent.keep(session);
        }
        told
    }

    /// This copy of the app stops: open pages are let go, and Passport waits for it no more where it
    /// shows whether a logout has arrived. Call it when the server is told to stop; from then on no
    /// session is accepted here.
    pub async fn leave(&self) -> Result<(), CallError> {
        self.shared.know().close();
        self.shared.changes.send_replace(true);
        self.client().leave(&self.shared.instance).await.map(|_| ())
    }

    /// Open pages that are told at once when their session is over, here at this running copy.
    pub fn open_pages(&self) -> usize {
        stream::STREAMS_MOST - self.shared.streams.available_permits()
    }

    /// Whether sessions can be judged: Passport was heard within the time that this app allows.
    pub fn is_current(&self) -> bool {
        !self.shared.known().is_stale(moment())
    }
}

impl Shared {
    fn known(&self) -> RwLockReadGuard<'_, Knowledge> {
        self.knowledge.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn know(&self) -> RwLockWriteGuard<'_, Knowledge> {
        self.knowledge.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Now, by both clocks.
#[expect(clippy::disallowed_methods, reason = "the adapter's one look at the system's clocks")]
fn moment() -> Moment {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let seconds = |length: Duration| Seconds::try_from(length.as_secs()).unwrap_or(Seconds::MAX);
    Moment {
        unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, seconds),
        steady: seconds(BEGAN.elapsed()),
    }
}

/// Unix time in seconds.
fn now() -> Seconds {
    moment().unix
}
