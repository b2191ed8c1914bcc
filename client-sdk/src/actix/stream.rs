//! `/sso/stream`: tells an open page at once when the session that it shows is over, so that the
//! page does not go on pretending. Server-sent events (HTML Living Standard section 9.2), read by
//! Passport's `sso.js`.

use std::{sync::Arc, time::Duration};

use actix_session::Session;
use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
    web::{Bytes, Data},
};
use futures_util::{StreamExt, future::ready, stream};
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::timeout,
};

use super::{Passport, Shared, moment, signed_in::KEY};
use crate::{
    events::Verdict,
    session::AppSession,
    wire::{Cause, Replacement},
};

/// A quiet stream says that it lives this often; whoever does not take that any more is gone.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Most pages that are told by one running copy of an app. Those beyond learn of it with their next
/// request.
pub(super) const STREAMS_MOST: usize = 10_000;

/// What a page is told.
#[derive(Debug, Serialize)]
struct Over {
    /// `ended` by Passport, or `expired` by itself.
    state: &'static str,
    /// Why it ended.
    cause: Option<Cause>,
    /// With cause `kicked`: the login that took its place.
    replaced_by: Option<Replacement>,
}

/// Passport was not heard for too long: nobody knows whether the session holds.
const AWAY: &[u8] = b"event: away\ndata: {}\n\n";
/// It was heard again.
const BACK: &[u8] = b"event: back\ndata: {}\n\n";

/// Streams until the session is over, then says so and closes.
pub(super) async fn stream(passport: Data<Passport>, session: Session) -> HttpResponse {
    // Nobody is signed in: nothing to follow, and an `EventSource` does not come back after a 204.
    let Ok(Some(kept)) = session.get::<AppSession>(KEY) else {
        return HttpResponse::NoContent().finish();
    };
    let shared = passport.shared.clone();
    let Ok(permit) = shared.streams.clone().try_acquire_owned() else {
        return HttpResponse::ServiceUnavailable().insert_header((RETRY_AFTER, "60")).finish();
    };
    let changes = shared.changes.subscribe();
    let open = Open { shared, changes, kept, away: false, _permit: permit };
    let hello = stream::once(ready(Ok(Bytes::from_static(b"retry: 2000\n: following\n\n"))));
    let pieces = stream::unfold(Some(open), |state| async move {
        let mut open = state?;
        let (piece, goes_on) = open.next().await?;
        Some((Ok::<_, actix_web::Error>(piece), goes_on.then_some(open)))
    });
    let pieces = hello.chain(pieces);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(pieces))
}

/// An open page.
struct Open {
    shared: Arc<Shared>,
    changes: watch::Receiver<bool>,
    kept: AppSession,
    /// The page was told that nobody knows.
    away: bool,
    _permit: OwnedSemaphorePermit,
}

impl Open {
    /// The next piece, and whether more may follow; `None` when this copy of the app stops.
    async fn next(&mut self) -> Option<(Bytes, bool)> {
        loop {
            // Before the look: a change that comes during it is looked at again.
            self.changes.mark_unchanged();
            let verdict = {
                let known = self.shared.known();
                match known.judge(&self.kept, moment()) {
                    Verdict::Valid => Ok(false),
                    Verdict::Unknown => Ok(true),
                    Verdict::Expired => {
                        Err(Over { state: "expired", cause: None, replaced_by: None })
                    }
                    Verdict::Ended(cause) => {
                        let replaced_by = known.replacement(&self.kept).cloned();
                        Err(Over { state: "ended", cause, replaced_by })
                    }
                }
            };
            match verdict {
                Err(over) => {
                    let data = serde_json::to_string(&over).unwrap_or_default();
                    return Some((Bytes::from(format!("event: over\ndata: {data}\n\n")), false));
                }
                // A copy that stops knows nothing any more, which is no news to the page.
                _ if *self.changes.borrow() => return None,
                Ok(away) if away != self.away => {
                    self.away = away;
                    return Some((Bytes::from_static(if away { AWAY } else { BACK }), true));
                }
                Ok(_) => {}
            }
            match timeout(HEARTBEAT, self.changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) => return Some((Bytes::from_static(b": still here\n\n"), true)),
            }
        }
    }
}
