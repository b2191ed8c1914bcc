//! How a logout's proof looks at the terminal.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use super::{Refused, output};
use crate::{
    app::App,
    domain::{
        Millis,
        confirmation::{Listener, NEVER, PUSH, Standing},
        id::LogoutId,
        push::PushState,
        seconds,
    },
    flows::prove_logout::{self, AppProof, Proof},
};

/// Waits for the apps and says of each when it has confirmed.
pub(super) async fn wait_for_apps(
    app: &App,
    logout: &LogoutId,
    within: Duration,
    silent: bool,
) -> Result<Option<Proof>, Refused> {
    let mut said: HashMap<String, bool> = HashMap::new();
    let tell = |proof: &Proof| {
        for one in &proof.apps {
            let done = said.insert(one.app.to_string(), one.is_done());
            if !silent && one.is_done() && done != Some(true) {
                output::say(&line(one));
            }
        }
    };
    let waiting = prove_logout::wait_for_apps(app, logout, within, tell);
    // This process writes nothing more: what the server writes has to be noticed.
    tokio::select! {
        proof = waiting => Ok(proof?),
        () = app.db.watch_for_news(&app.config.database.url) => Ok(None),
    }
}

fn line(one: &AppProof) -> String {
    match (&one.standing, one.took()) {
        (Standing::Confirmed { .. }, Some(took)) => {
            format!("{}: confirmed after {took} ms", one.app)
        }
        (Standing::Confirmed { .. }, None) => {
            format!("{}: confirmed, no instance accepts it any more", one.app)
        }
        (Standing::Over { .. }, _) => format!("{}: over, the app sessions have run out", one.app),
        (Standing::Waiting { .. }, _) => format!("{}: waiting", one.app),
    }
}

/// What is still open when the time to wait is up.
pub(super) fn unfinished(proof: &Proof, now: Millis) -> String {
    let mut text = "the session has ended, but not every app has confirmed it yet:".to_owned();
    for one in &proof.apps {
        if let Standing::Waiting { listeners, until } = &one.standing {
            text.push_str(&format!(
                "\n  - {}: refuses by itself at {} at the latest;",
                one.app,
                output::time(*until)
            ));
            match listeners.as_slice() {
                [] => text.push_str(" nothing of it listens for events"),
                some => {
                    let who: Vec<String> =
                        some.iter().map(|listener| who(one, listener, now)).collect();
                    text.push_str(&format!(" waiting for {}", who.join(", ")));
                }
            }
        }
    }
    text
}

fn who(one: &AppProof, listener: &Listener, now: Millis) -> String {
    let ago = |at: Millis| (now - at).max(0) / 1_000;
    if listener.instance == PUSH {
        return match one.push.as_ref().and_then(|push| push.trouble.as_ref()) {
            Some(trouble) => format!(
                "its events URL (failing for {} s, {} attempts: {})",
                ago(trouble.since),
                trouble.failures,
                trouble.error
            ),
            None => "its events URL".to_owned(),
        };
    }
    format!("{} (last heard of {} s ago)", listener.instance, ago(listener.last_contact_at))
}

/// The same for programs; as `GET /api/v1/admin/logouts/{id}` has it.
pub(super) fn as_json(proof: &Proof) -> Value {
    let apps: Vec<Value> = proof
        .apps
        .iter()
        .map(|one| {
            let (state, waiting_for, until) = match &one.standing {
                Standing::Confirmed { .. } => ("confirmed", Vec::new(), None),
                Standing::Over { .. } => ("over", Vec::new(), None),
                Standing::Waiting { listeners, until } => {
                    let waiting = listeners.iter().map(|listener| listener_json(one, listener));
                    ("waiting", waiting.collect(), Some(seconds(*until)))
                }
            };
            json!({
                "app": one.app.as_str(), "name": one.name, "state": state,
                "app_sessions": one.confirmation.app_sessions, "confirmed_after_ms": one.took(),
                "waiting_for": waiting_for, "refuses_at_the_latest": until,
            })
        })
        .collect();
    json!({
        "id": proof.logout.id.as_str(), "at": seconds(proof.logout.at),
        "cause": proof.logout.cause.as_str(), "by": proof.logout.actor,
        "reason": proof.logout.reason, "sessions": proof.logout.sessions,
        "app_sessions": proof.logout.app_sessions, "done": proof.is_done(), "apps": apps,
    })
}

fn listener_json(one: &AppProof, listener: &Listener) -> Value {
    let mut shown = json!({
        "instance": listener.instance, "version": listener.version,
        "last_contact_at": seconds(listener.last_contact_at),
        "refuses_at": (listener.trusted_until != NEVER).then(|| seconds(listener.trusted_until)),
    });
    if listener.instance == PUSH {
        shown["push"] = push_json(one.push.as_ref());
    }
    shown
}

/// How pushing to an app does; null when nothing is pushed to it.
pub(super) fn push_json(push: Option<&PushState>) -> Value {
    let Some(push) = push else { return Value::Null };
    let trouble = push.trouble.as_ref();
    json!({
        "state": push.word(),
        "failing_since": trouble.map(|trouble| seconds(trouble.since)),
        "failures": trouble.map_or(0, |trouble| trouble.failures),
        "last_problem": trouble.map(|trouble| &trouble.problem),
        "last_error": trouble.map(|trouble| &trouble.error),
        "last_status": trouble.and_then(|trouble| trouble.status),
        "next_attempt_at": trouble.map(|trouble| seconds(trouble.next_attempt_at)),
        "last_success_at": push.last_success_at.map(seconds),
        "dead_since": push.dead_since.map(seconds),
        "dead_events": push.dead_events,
        "previous_secret_until": push.previous_secret_until.map(seconds),
    })
}
