//! A logout and how far each app has confirmed it, in JSON: the same in the API and at the command
//! line.

use client_sdk::wire::Seconds;
use serde::Serialize;

use crate::{
    domain::{
        confirmation::{Listener, NEVER, Standing},
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
    /// Its name.
    pub instance: String,
    /// Which version of the app it says it is.
    pub version: Option<String>,
    /// Last heard of.
    pub last_contact_at: Seconds,
    /// It refuses by itself from then on, if it is not heard of again; `null` if it has not
    /// promised to.
    pub refuses_at: Option<Seconds>,
    /// It said good-bye.
    pub left_at: Option<Seconds>,
}

impl From<&Listener> for ListenerJson {
    fn from(listener: &Listener) -> Self {
        Self {
            instance: listener.instance.clone(),
            version: listener.version.clone(),
            last_contact_at: seconds(listener.last_contact_at),
            refuses_at: (listener.trusted_until != NEVER).then(|| seconds(listener.trusted_until)),
            left_at: listener.left_at.map(seconds),
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
                ("waiting", listeners.iter().map(ListenerJson::from).collect(), Some(*until))
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
