//! A logout and how far each app has confirmed it, in JSON: the same in the API and at the command
//! line.

use client_sdk::wire::Seconds;
use serde::Serialize;

use crate::{
    domain::{
        confirmation::{Listener, NEVER, PUSH, Standing},
        events_url::EventsUrl,
        push::PushState,
        seconds,
    },
    flows::prove_logout::{AppProof, Proof},
    store::logouts::LogoutRow,
};

/// A logout.
#[derive(Debug, Serialize)]
pub struct LogoutJson {
    /// Its name.
    pub id: String,
    /// When.
    pub at: Seconds,
    /// What the apps were told.
    pub cause: &'static str,
    /// Who did it.
    pub by: String,
    /// Why, in an admin's words.
    pub reason: Option<String>,
    /// When all of it was one person's.
    pub user: Option<String>,
    /// Whom a logout of many reaches.
    pub reach: Option<serde_json::Value>,
    /// When a logout of many was carried out.
    pub finished_at: Option<Seconds>,
    /// Sessions ended so far.
    pub sessions: i64,
    /// App sessions ended so far.
    pub app_sessions: i64,
}

impl From<&LogoutRow> for LogoutJson {
    fn from(row: &LogoutRow) -> Self {
        Self {
            id: row.id.to_string(),
            at: seconds(row.at),
            cause: row.cause.as_str(),
            by: row.actor.clone(),
            reason: row.reason.clone(),
            user: row.user.as_ref().map(ToString::to_string),
            reach: row.reach.as_deref().and_then(|json| serde_json::from_str(json).ok()),
            finished_at: row.finished_at.map(seconds),
            sessions: row.sessions,
            app_sessions: row.app_sessions,
        }
    }
}

/// A logout and its proof.
#[derive(Debug, Serialize)]
pub struct ProofJson {
    /// The logout.
    #[serde(flatten)]
    pub logout: LogoutJson,
    /// Whether nothing can be accepted anywhere any more.
    pub done: bool,
    /// Each app that lost sessions by it.
    pub apps: Vec<AppProofJson>,
}

/// One app.
#[derive(Debug, Serialize)]
pub struct AppProofJson {
    /// Its id.
    pub app: String,
    /// Its name.
    pub name: String,
    /// `confirmed`, `waiting` or `over`.
    pub state: &'static str,
    /// Its sessions that were ended.
    pub app_sessions: i64,
    /// When the last of them was ended: since then it is waited for.
    pub since: Seconds,
    /// When it was written down that everybody had acknowledged.
    pub confirmed_at: Option<Seconds>,
    /// From the commit to the confirmation.
    pub confirmed_after_ms: Option<i64>,
    /// Who has not answered yet. Empty while waiting: nothing of the app listens.
    pub waiting_for: Vec<ListenerJson>,
    /// While waiting: from then on it refuses by itself.
    pub refuses_at_the_latest: Option<Seconds>,
}

/// A running copy of an app, or its events URL.
#[derive(Debug, Serialize)]
pub struct ListenerJson {
    /// Its name; `@push` of an events URL.
    pub instance: String,
    /// Of an events URL: scheme, host and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Which version of the app it says it is.
    pub version: Option<String>,
    /// Last heard of.
    pub last_contact_at: Seconds,
    /// It refuses by itself from then on, if it is not heard of again; `null` if it has not
    /// promised to.
    pub refuses_at: Option<Seconds>,
    /// It said good-bye.
    pub left_at: Option<Seconds>,
    /// Of an events URL: how pushing to it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<PushJson>,
}

/// How pushing to an app does.
#[derive(Debug, Serialize)]
pub struct PushJson {
    /// `ok`, or what is wrong.
    pub state: &'static str,
    /// The first of the failures in a row.
    pub failing_since: Option<Seconds>,
    /// How many there were.
    pub failures: i64,
    /// What kind the last one was.
    pub last_problem: Option<String>,
    /// The last one in a sentence.
    pub last_error: Option<String>,
    /// The status that the app answered, if it did.
    pub last_status: Option<i64>,
    /// When it is tried again.
    pub next_attempt_at: Option<Seconds>,
    /// When something was last taken.
    pub last_success_at: Option<Seconds>,
    /// Since when entries were given up.
    pub dead_since: Option<Seconds>,
    /// How many were.
    pub dead_events: i64,
    /// Until when the secret before the present one signs, too.
    pub previous_secret_until: Option<Seconds>,
}

impl From<&PushState> for PushJson {
    fn from(push: &PushState) -> Self {
        let trouble = push.trouble.as_ref();
        Self {
            state: push.word(),
            failing_since: trouble.map(|trouble| seconds(trouble.since)),
            failures: trouble.map_or(0, |trouble| trouble.failures),
            last_problem: trouble.map(|trouble| trouble.problem.clone()),
            last_error: trouble.map(|trouble| trouble.error.clone()),
            last_status: trouble.and_then(|trouble| trouble.status),
            next_attempt_at: trouble.map(|trouble| seconds(trouble.next_attempt_at)),
            last_success_at: push.last_success_at.map(seconds),
            dead_since: push.dead_since.map(seconds),
            dead_events: push.dead_events,
            previous_secret_until: push.previous_secret_until.map(seconds),
        }
    }
}

impl ListenerJson {
    /// Of a listener; `url` and `push` when the app's events are pushed.
    pub fn of(listener: &Listener, url: Option<&EventsUrl>, push: Option<&PushState>) -> Self {
        let pushed = listener.instance == PUSH;
        Self {
            instance: listener.instance.clone(),
            origin: url.filter(|_| pushed).map(EventsUrl::origin),
            version: listener.version.clone(),
            last_contact_at: seconds(listener.last_contact_at),
            refuses_at: (listener.trusted_until != NEVER).then(|| seconds(listener.trusted_until)),
            left_at: listener.left_at.map(seconds),
            push: push.filter(|_| pushed).map(PushJson::from),
        }
    }
}

impl From<&Proof> for ProofJson {
    fn from(proof: &Proof) -> Self {
        Self {
            logout: (&proof.logout).into(),
            done: proof.is_done(),
            apps: proof.apps.iter().map(AppProofJson::from).collect(),
        }
    }
}

impl From<&AppProof> for AppProofJson {
    fn from(one: &AppProof) -> Self {
        let (state, waiting_for, until) = match &one.standing {
            Standing::Confirmed { .. } => ("confirmed", Vec::new(), None),
            Standing::Over { .. } => ("over", Vec::new(), None),
            Standing::Waiting { listeners, until } => {
                let of = |listener| ListenerJson::of(listener, one.url.as_ref(), one.push.as_ref());
                ("waiting", listeners.iter().map(of).collect(), Some(*until))
            }
        };
        Self {
            app: one.app.to_string(),
            name: one.name.clone(),
            state,
            app_sessions: one.confirmation.app_sessions,
            since: seconds(one.confirmation.at),
            confirmed_at: one.confirmation.confirmed_at.map(seconds),
            confirmed_after_ms: one.took(),
            waiting_for,
            refuses_at_the_latest: until.map(seconds),
        }
    }
}
