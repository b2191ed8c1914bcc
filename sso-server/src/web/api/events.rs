//! `GET /api/v1/events`: as a long poll, or as a stream of server-sent events.

use std::{sync::Arc, time::Duration};

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{ACCEPT, CONTENT_TYPE, HeaderMap},
    middleware::Next,
    web::{Bytes, Data},
};
use client_sdk::wire::{EventPage, LeaveRequest, Left};
use futures_util::{StreamExt, future, stream};
use serde::Deserialize;

use super::{
    super::{
        Web,
        input::{Json, Query},
    },
    client::AuthenticatedClient,
    error::ApiError,
};
use crate::{
    app::App,
    domain::app::App as Client,
    flows::follow_events::{self, Follow, FollowError},
};

/// A quiet stream says that it lives this often; proxies close silent connections.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Longest promise, in seconds: a year.
const STALENESS_MOST: u64 = 31_536_000;

/// A name becomes free when it was not heard of for days: there is no hurry, in seconds.
const INSTANCES_RETRY_AFTER: i64 = 60;

/// What an app asks.
#[derive(Debug, Deserialize)]
pub struct EventsQuery {
    after: Option<String>,
    instance: Option<String>,
    wait: Option<u64>,
    version: Option<String>,
    max_staleness: Option<u64>,
}

/// A poll that waits keeps its headers, and actix makes a table for 32 of them, 6.6 kB, before it has
/// seen the first: a third of what a waiting instance would cost. They move to one of their size.
pub async fn shed_headers(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let headers = request.headers_mut();
    let mut few = HeaderMap::with_capacity(headers.len_keys());
    for (name, value) in headers.iter() {
        few.append(name.clone(), value.clone());
    }
    *headers = few;
    next.call(request).await
}

/// Answers the entries after a cursor.
pub async fn follow(
    web: Data<Web>,
    client: AuthenticatedClient,
    query: Query<EventsQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let query = query.0?;
    let streamed = request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    let resumed = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    // A reader that comes back says with this header how far it got; the URL is still its first.
    let after = match resumed.filter(|_| streamed).or(query.after.as_deref()) {
        None => None,
        Some(cursor) => Some(cursor.parse().ok().filter(|_| is_cursor(cursor)).ok_or(
            ApiError::invalid_request(
                "after: a cursor as it came in an answer, or 0 for the beginning.",
            ),
        )?),
    };
    let instance = match query.instance {
        Some(name) if !is_instance(&name) => {
            return Err(ApiError::invalid_request(
                "instance: 1 to 64 characters of letters, digits, '.', '_', '-'.",
            ));
        }
        other => other,
    };
    let version = match query.version {
        Some(version) if version.len() > 64 || version.chars().any(char::is_control) => {
            return Err(ApiError::invalid_request(
                "version: at most 64 bytes, without control characters.",
            ));
        }
        other => other,
    };
    let max_staleness = match query.max_staleness {
        Some(seconds) if seconds > STALENESS_MOST => {
            return Err(ApiError::invalid_request("max_staleness: at most 31536000 seconds."));
        }
        // What an open stream is relied on for, nobody writes down: it promises nothing.
        seconds => seconds.map(Duration::from_secs).filter(|_| !streamed),
    };
    let wait = Duration::from_secs(query.wait.unwrap_or(0));
    let ask = Follow { after, instance, wait, version, max_staleness };
    if streamed {
        // Looked up before the stream begins, so that a refusal is a refusal, and so that the
        // reader hears at once.
        let now = Follow { wait: Duration::ZERO, ..ask };
        let first = page(&web.app, &client.0, &now).await?;
        return Ok(stream_events(web.app.clone(), client.0, &first, now.after.is_none()));
    }
    Ok(HttpResponse::Ok().json(page(&web.app, &client.0, &ask).await?))
}

/// `POST /api/v1/events/leave`: a running copy of the app stops.
pub async fn leave(
    web: Data<Web>,
    client: AuthenticatedClient,
    body: Json<LeaveRequest>,
) -> Result<HttpResponse, ApiError> {
    let instance = body.0?.instance;
    let known =
        is_instance(&instance) && follow_events::leave(&web.app, &client.0, &instance).await?;
    Ok(HttpResponse::Ok().json(Left { known }))
}

async fn page(app: &App, client: &Client, ask: &Follow) -> Result<EventPage, ApiError> {
    follow_events::follow(app, client, ask).await.map_err(|error| match error {
        FollowError::BeyondEnd => ApiError::invalid_request(
            "after: this cursor is beyond the end of the log; begin again without one.",
        ),
        FollowError::TooManyInstances => ApiError::too_many(
            INSTANCES_RETRY_AFTER,
            "instance: too many different names; give each running copy one that it keeps.",
        ),
        FollowError::Store(error) => error.into(),
    })
}

/// Canonical decimal only, so that one place in the log has one spelling.
fn is_cursor(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

fn is_instance(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Each entry is an SSE event with the cursor as its id. A reader acknowledges by asking again
/// after a cursor; what it has read on an open stream alone counts as unconfirmed.
fn stream_events(
    app: Arc<App>,
    client: Arc<Client>,
    first: &EventPage,
    at_the_end: bool,
) -> HttpResponse {
    let (text, begun) = (sse(first, at_the_end), app.clock.now());
    let states = stream::unfold(first.cursor.parse().ok(), move |after: Option<i64>| {
        let (app, client) = (app.clone(), client.clone());
        async move {
            // Nothing is confirmed here: asking confirmed what came before.
            let ask = Follow { after: Some(after?), wait: HEARTBEAT, ..Follow::default() };
            if !follow_events::goes_on(&app, &client, begun).await {
                return None;
            }
            // The reader comes back and hears what is the matter.
            let page = follow_events::follow(&app, &client, &ask).await.ok()?;
            let text = sse(&page, false);
            Some((text, page.cursor.parse().ok()))
        }
    });
    let states = stream::once(future::ready(text)).chain(states);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(states.map(|text| Ok::<_, actix_web::Error>(Bytes::from(text)))))
}

fn sse(page: &EventPage, at_the_end: bool) -> String {
    if at_the_end {
        return format!(
            "event: ready\nid: {}\ndata: {{\"lease_seconds\":{}}}\n\n",
            page.cursor, page.lease_seconds
        );
    }
    if page.events.is_empty() {
        return format!(
            ": still here\nevent: heartbeat\nid: {}\ndata: {{\"lease_seconds\":{}}}\n\n",
            page.cursor, page.lease_seconds
        );
    }
    let mut text = String::new();
    for event in &page.events {
        let data = serde_json::to_string(event).unwrap_or_default();
        text.push_str(&format!(
            "event: {}\nid: {}\ndata: {data}\n\n",
            event.kind.as_str(),
            event.cursor
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // SECURITY-CASES B-18: a cursor has one spelling.
    #[test]
    fn cursors_and_names() {
        for good in ["0", "7", "1234567890"] {
            assert!(is_cursor(good), "{good}");
        }
        for bad in ["", "-1", "+1", "01", "1.0", "0x1", "1 ", "١"] {
            assert!(!is_cursor(bad), "{bad:?}");
        }
        assert!(is_instance("web-1.eu_a"));
        for bad in ["", "a b", "a\nb", &"x".repeat(65), "é"] {
            assert!(!is_instance(bad), "{bad:?}");
        }
    }
}
