//! Holds one long poll to Passport and takes in what comes.

use std::sync::{Arc, Weak};

use super::{Shared, moment, now};
use crate::{client::pause, events::BEGINNING, wire::ErrorCode};

/// Pauses grow no longer than after so many failures: to 1.6 s. Whoever has been away for long is
/// caught up within two seconds of its return, and a thousand copies are still no burden.
const DOUBLINGS: u32 = 3;

/// Follows until the app is gone.
pub(super) async fn follow(shared: Weak<Shared>) {
    let mut failures = 0;
    while let Some(shared) = shared.upgrade().filter(|shared| !shared.known().is_closed()) {
        if once(&shared).await {
            if failures > 0 {
                // Open pages may have been told that nobody knows.
                shared.changes.send_modify(|_| ());
            }
            failures = 0;
            // Passport answers: the moment for what it could not be told.
            shared.unsent.send(&shared.client, now()).await;
        } else {
            failures += 1;
            // What is known may be too old by now.
            shared.changes.send_modify(|_| ());
            drop(shared);
            tokio::time::sleep(pause(failures.min(DOUBLINGS))).await;
        }
    }
}

async fn once(shared: &Arc<Shared>) -> bool {
    let question = shared.known().question();
    match shared.client.events(&shared.instance, &question).await {
        Ok(page) => {
            let now = moment();
            let mut knowledge = shared.know();
            knowledge.apply(&question, &page, now);
            knowledge.forget_expired(now.unix);
            drop(knowledge);
            if !page.events.is_empty() {
                shared.changes.send_modify(|_| ());
            }
            true
        }
        Err(error)
            if error.code() == Some(ErrorCode::InvalidRequest) && question.after != BEGINNING =>
        {
            // A cursor from before a restored backup: read everything again. If the beginning is
            // refused too, something else is wrong, and starting over would not mend it.
            tracing::warn!(%error, "starting over at the beginning of the event log");
            shared.know().begin_again();
            false
        }
        Err(error) => {
            tracing::warn!(%error, "cannot follow Passport's events; trying again");
            false
        }
    }
}
