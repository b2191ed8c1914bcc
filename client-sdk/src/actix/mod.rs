//! Passport for actix-web: the routes below `/sso`, the extractors, the follower.

mod follower;
mod receiver;
mod routes;
mod signed_in;

use std::{
    sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use actix_web::web::{Data, ServiceConfig, get, post, scope};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

pub use self::signed_in::{MaybeSignedIn, NotSignedIn, SignedIn};
use crate::{
    Settings,
    client::{CallError, Client, ClientError},
    events::Knowledge,
    session::AppSession,
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
    /// Pushed events that were applied.
    seen: Mutex<Seen>,
}

/// So many pushed events are remembered: far more than come within a message's time.
const SEEN_MOST: usize = 10_000;

impl Passport {
    /// Prepares everything and begins to follow the app's events, on the runtime that this is called
    /// on. The follower ends when the last clone is dropped.
    pub fn start(settings: Settings) -> Result<Self, ClientError> {
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
            seen: Mutex::new(Seen::new(SEEN_MOST)),
        };
        let passport = Self { shared: Arc::new(shared) };
        tokio::spawn(follower::follow(Arc::downgrade(&passport.shared)));
        Ok(passport)
    }

    /// The routes: `GET /sso/login?next=/path`, `GET /sso/callback`, `POST /sso/logout` (form field
    /// `scope`: `app` or `session`), and, when the settings hold an events secret, `POST /sso/events`.
    pub fn routes(&self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        let passport = self.clone();
        move |config| {
            let mount = passport.settings().mount.clone();
            let mut routes = scope(&mount)
                .route("/login", get().to(routes::login))
                .route("/callback", get().to(routes::callback))
                .route("/logout", post().to(routes::logout));
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
    pub async fn end(&self, session: &AppSession, scope: EndScope) -> Result<Ended, CallError> {
        self.shared.know().end(session, Cause::App);
        self.client().end(&session.id, scope).await
    }

    /// Whether sessions can be judged: Passport was heard within the time that this app allows.
    pub fn is_current(&self) -> bool {
        !self.shared.known().is_stale(now())
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

/// Unix time in seconds.
#[expect(clippy::disallowed_methods, reason = "the adapter's one look at the system clock")]
fn now() -> Seconds {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| Seconds::try_from(since.as_secs()).unwrap_or(Seconds::MAX))
}
