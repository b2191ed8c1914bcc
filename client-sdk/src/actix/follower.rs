//! Holds one long poll to Passport and takes in what comes.

use std::sync::{Arc, Weak};

use super::{Shared, now};
use crate::{client::pause, events::BEGINNING, wire::ErrorCode};

/// Follows until the app is gone.
pub(super) async fn follow(shared: Weak<Shared>) {
    let mut failures = 0;
    while let Some(shared) = shared.upgrade() {
        if once(&shared).await {
            failures = 0;
            // Passport answers: the moment for what it could not be told.
            shared.unsent.send(&shared.client, now()).await;
        } else {
            failures += 1;
            drop(shared);
            tokio::time::sleep(pause(failures)).await;
        }
    }
}

async fn once(shared: &Arc<Shared>) -> bool {
    let (cursor, wait) = {
        let known = shared.known();
        // While catching up there is nothing to wait for.
        let wait = if known.is_caught_up() { known.longest_wait() } else { 0 };
        (known.cursor().to_owned(), wait)
    };
    match shared.client.events(&cursor, &shared.instance, wait).await {
        Ok(page) => {
            let now = now();
            let mut knowledge = shared.know();
            knowledge.apply(&page, now);
            knowledge.forget_expired(now);
            true
        }
        Err(error) if error.code() == Some(ErrorCode::InvalidRequest) && cursor != BEGINNING => {
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
