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
use futures_util::stream;
use serde::Serialize;
use tokio::{sync::watch, time::timeout};

use super::{Passport, Shared, now, signed_in::KEY};
use crate::{
    events::Verdict,
    session::AppSession,
    wire::{Cause, Replacement},
};

/// A quiet stream says that it lives this often; whoever does not take that any more is gone.
const HEARTBEAT: Duration = Duration::from_secs(20);
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
    let begin = (shared, changes, kept, permit, true);
    let pieces = stream::unfold(Some(begin), |state| async move {
        let (shared, mut changes, kept, permit, first) = state?;
        if first {
            let piece = Bytes::from_static(b"retry: 2000\n: following\n\n");
            return Some((Ok(piece), Some((shared, changes, kept, permit, false))));
        }
        let piece = next(&shared, &mut changes, &kept).await?;
        let goes_on = piece.1.then_some((shared, changes, kept, permit, false));
        Some((Ok::<_, actix_web::Error>(piece.0), goes_on))
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(pieces))
}

/// The next piece, and whether more may follow; `None` when this copy of the app stops.
async fn next(
    shared: &Arc<Shared>,
    changes: &mut watch::Receiver<bool>,
    kept: &AppSession,
) -> Option<(Bytes, bool)> {
    loop {
        let over = {
            let known = shared.known();
            match known.judge(kept, now()) {
                Verdict::Valid | Verdict::Unknown => None,
                Verdict::Expired => Some(Over { state: "expired", cause: None, replaced_by: None }),
                Verdict::Ended(cause) => {
                    let replaced_by = known.replacement(kept).cloned();
                    Some(Over { state: "ended", cause, replaced_by })
                }
            }
        };
        if let Some(over) = over {
            let data = serde_json::to_string(&over).unwrap_or_default();
            return Some((Bytes::from(format!("event: over\ndata: {data}\n\n")), false));
        }
        if *changes.borrow_and_update() {
            return None;
        }
        match timeout(HEARTBEAT, changes.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some((Bytes::from_static(b": still here\n\n"), true)),
        }
    }
}
