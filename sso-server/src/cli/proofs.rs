//! How a logout's proof looks at the terminal.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;

use super::{Refused, output};
use crate::{
    app::App,
    domain::{
        Millis,
        confirmation::{Listener, PUSH, Standing},
        id::LogoutId,
    },
    flows::prove_logout::{self, AppProof, Proof},
    web::api::admin::proof::ProofJson,
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

/// The same for programs, as `GET /api/v1/admin/logouts/{id}` has it.
pub(super) fn as_json(proof: &Proof) -> Value {
    serde_json::to_value(ProofJson::from(proof)).unwrap_or_default()
}
