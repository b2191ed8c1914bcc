//! Sessions whose time is up end like all others, and their apps hear. Nobody is let in by one that
//! was not swept yet: `LiveSession::over` looks at the clock.

use client_sdk::wire::Cause;

use super::end_session::{Ending, Target, end};
use crate::{
    app::App,
    store::{Stored, sessions},
};

/// Most sessions of one transaction.
const PORTION: i64 = 128;

/// Ends whatever is over; answers how many. Several nodes may sweep at once: the row decides.
pub async fn expire_sessions(app: &App) -> Stored<u64> {
    let mut expired = 0;
    loop {
        let now = app.clock.now();
        // Looked for outside the transaction: most of the time there is nothing to write.
        let over = sessions::over(&mut *app.db.read().await?, now, PORTION).await?;
        let full = over.len() == usize::try_from(PORTION).unwrap_or(usize::MAX);
        if over.is_empty() {
            return Ok(expired);
        }
        let mut tx = app.db.write().await?;
        for cause in [Cause::Idle, Cause::Expired] {
            let ids = over.iter().filter(|(_, why)| *why == cause).map(|(id, _)| id.clone());
            let target = Target::OverSessions(ids.collect());
            expired += end(app, &mut tx, &target, Ending::by_clock(cause), now).await?.sessions;
        }
        match tx.commit().await {
            // Another node was at the same rows; the next sweep finds what is left.
            Err(error) if error.is_retryable() => return Ok(expired),
            outcome => outcome?,
        }
        if !full {
            return Ok(expired);
        }
    }
}
