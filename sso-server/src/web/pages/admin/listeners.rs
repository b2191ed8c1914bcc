//! Who listens for an app, and how pushing to it does: for the app's page and the lists.

use serde::Serialize;

use crate::domain::{
    confirmation::{Listener, NEVER, PUSH},
    events_url::EventsUrl,
    push::PushState,
    push_step::remedy,
};

/// A running copy of an app, or its events URL.
#[derive(Debug, Serialize)]
pub struct ShownListener {
    /// Its name; of an events URL the origin.
    pub name: String,
    /// Of an events URL: how pushing to it does.
    pub push: Option<ShownPush>,
    /// The version of the app that it says it is.
    pub version: Option<String>,
    /// Last heard of.
    pub last_contact_at: i64,
    /// From here on it refuses by itself, if it promised to.
    pub refuses_at: Option<i64>,
    /// It said good-bye.
    pub left_at: Option<i64>,
}

/// How pushing to an app does.
#[derive(Debug, Serialize)]
pub struct ShownPush {
    /// `ok`, `failing` or `dead`.
    pub state: &'static str,
    /// What is wrong at present.
    pub trouble: Option<ShownTrouble>,
    /// When something was last taken.
    pub last_success_at: Option<i64>,
    /// Events that were given up, since the events URL was registered.
    pub dead_events: i64,
    /// Since when; `None` when something was taken since.
    pub dead_since: Option<i64>,
    /// Until when the secret before the present one signs, too.
    pub previous_secret_until: Option<i64>,
}

/// What is wrong.
#[derive(Debug, Serialize)]
pub struct ShownTrouble {
    /// In a sentence, for operators, in English.
    pub error: String,
    /// Attempts in a row that failed.
    pub failures: i64,
    /// The first of them.
    pub since: i64,
    /// The next one.
    pub next_attempt_at: i64,
    /// What to do: the message is `doctor-do-{remedy}`.
    pub remedy: &'static str,
}

impl ShownListener {
    /// Of a listener; with its app's events URL and how pushing to that does.
    pub fn of(listener: Listener, url: Option<&EventsUrl>, push: Option<&PushState>) -> Self {
        let pushed = listener.instance == PUSH;
        let origin = || url.map(EventsUrl::origin).unwrap_or_default();
        Self {
            name: if pushed { origin() } else { listener.instance },
            push: push.filter(|_| pushed).map(ShownPush::from),
            version: listener.version,
            last_contact_at: listener.last_contact_at,
            refuses_at: (listener.trusted_until != NEVER).then_some(listener.trusted_until),
            left_at: listener.left_at,
        }
    }
}

impl From<&PushState> for ShownPush {
    fn from(push: &PushState) -> Self {
        Self {
            state: push.word(),
            trouble: push.trouble.as_ref().map(|trouble| ShownTrouble {
                error: trouble.error.clone(),
                failures: trouble.failures,
                since: trouble.since,
                next_attempt_at: trouble.next_attempt_at,
                remedy: remedy(&trouble.problem, trouble.status),
            }),
            last_success_at: push.last_success_at,
            dead_events: push.dead_events,
            dead_since: push.dead_since,
            previous_secret_until: push.previous_secret_until,
        }
    }
}
