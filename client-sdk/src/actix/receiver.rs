//! `POST /sso/events`: what Passport pushes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    web::{Data, Payload},
};
use std::{sync::PoisonError, time::Duration};

use super::{Passport, now};
use crate::webhook::{Headers, ID, MESSAGE_MAX, SIGNATURE, TIMESTAMP, open};

/// A message is here after this long, or it is not one of Passport's.
const WITHIN: Duration = Duration::from_secs(5);

/// Verifies, applies, and only then remembers: what fails in between comes again (SECURITY-CASES
/// B-04, B-05). No cookie counts here, and nothing of the message is repeated in the answer.
pub(super) async fn receive(
    passport: Data<Passport>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let json = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let json = json.and_then(|value| value.split(';').next());
    if !json.is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json")) {
        return answer(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let headers = Headers {
        id: header(&request, ID),
        timestamp: header(&request, TIMESTAMP),
        signature: header(&request, SIGNATURE),
    };
    let body = match tokio::time::timeout(WITHIN, payload.to_bytes_limited(MESSAGE_MAX)).await {
        Ok(Ok(Ok(body))) => body,
        Ok(Ok(Err(_))) => return answer(StatusCode::BAD_REQUEST),
        Ok(Err(_)) => return answer(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return answer(StatusCode::REQUEST_TIMEOUT),
    };
    let now = now();
    let event = match open(passport.settings().events_secrets(), &headers, &body, now) {
        Ok(event) => event,
        Err(error) => {
            // Not louder: anybody may send these, as many as they like. Passport shows its own.
            tracing::debug!(%error, "a pushed message was not believed");
            let status = StatusCode::from_u16(error.status());
            return answer(status.unwrap_or(StatusCode::BAD_REQUEST));
        }
    };
    let seen = || passport.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if !seen().contains(&event.id) {
        passport.shared.know().apply_event(&event, now);
        seen().remember(&event.id);
        // Open pages hear of it now, not when the poll brings it too.
        passport.shared.changes.send_modify(|_| ());
    }
    answer(StatusCode::NO_CONTENT)
}

/// A header that is there once.
fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut all = request.headers().get_all(name);
    let value = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(value)
}

fn answer(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).finish()
}
