//! Sends each app's events to its events URL, in order, until the app takes them.
//!
//! One stream an app: [`send_all`] claims it, sends what is there one by one, and gives it back.
//! Any number of nodes may try; the claim decides, and one whose holder was killed runs out. An
//! event is acknowledged in one transaction with what became of its stream, after the app has
//! answered 2xx: killed at any step before, it is sent again under the same id.
//!
//! [`worker`] does so for all apps.

pub mod worker;

use std::time::Duration;

use client_sdk::{
    webhook::{ID, SIGNATURE, TIMESTAMP},
    wire::PushedEvent,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::{
    follow_events::{event, note_in},
    past_deadlocks,
};
use crate::{
    app::App,
    domain::{
        Millis, SECOND,
        app::AppId,
        audit::{Act, Entry},
        confirmation::{NEVER, PUSH},
        events_url::EventsUrl,
        push::{MATTERS, pause},
        seconds,
    },
    store::{
        StoreError, Stored,
        app_instances::{self, Contact},
        audit,
        events::{self, StoredEvent},
        push_streams::{self, Claimed, Failure},
    },
    tokens::events_secret,
    upstream::transport::TransportError,
};

/// How long a claim holds unless it is prolonged: longer than an attempt and the writing around it.
const CLAIM: Millis = 15 * SECOND;
/// Events that are read at a time.
const PAGE: i64 = 64;
/// For so long events are sent one after the other before they are acknowledged together: in a
/// flood one transaction serves many. Killed meanwhile, those are sent again under the same ids.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(50);

/// What came of one turn at a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Somebody else is at it, or it is not due.
    NotOurs,
    /// Everything is delivered, or the time is up.
    Done {
        /// How many events that were.
        delivered: u64,
    },
    /// The app did not take an event.
    Failed(Problem),
}

/// Why an app did not take an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It could not be asked.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// It answered something else than 2xx.
    #[error("answered {status}")]
    Status {
        /// What.
        status: u16,
        /// When to come again, milliseconds from now.
        retry_after: Option<Millis>,
    },
    /// Its secret does not open: the master key was replaced, and this node not restarted.
    #[error("its events secret does not open under this node's master key")]
    Secret,
}

impl Problem {
    /// A stable word to decide by.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Transport(error) => error.word(),
            Self::Status { .. } => "status",
            Self::Secret => "secret",
        }
    }

    /// What the app answered.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. }
            | Self::Transport(TransportError::Redirect { status, .. }) => Some(*status),
            Self::Transport(_) | Self::Secret => None,
        }
    }

    const fn retry_after(&self) -> Option<Millis> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Transport(_) | Self::Secret => None,
        }
    }
}

/// Claims an app's stream and sends what is there, until the app does not take one, or until
/// `deadline`.
pub async fn send_all(
    app: &App,
    node: &str,
    client: &AppId,
    deadline: Option<Instant>,
) -> Stored<Turn> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let ours = push_streams::claim(&mut tx, client, node, now, now + CLAIM).await?;
    tx.commit().await?;
    if !ours {
        return Ok(Turn::NotOurs);
    }
    let mut delivered = 0;
    loop {
        let (step, turn) = match next(app, node, client, app.clock.now()).await? {
            Next::Lost => return Ok(Turn::NotOurs),
            Next::Nothing => (Step::Release, Some(Turn::Done { delivered })),
            Next::Send(_) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                (Step::Release, Some(Turn::Done { delivered }))
            }
            Next::PassOver { from, to } => (Step::PassOver { from, to }, None),
            Next::Send(page) => {
                let sent = send_page(app, node, client, &page).await?;
                if sent.taken > page.after {
                    let many = (sent.taken - page.after).unsigned_abs();
                    app.metrics.pushed("delivered", many);
                    delivered += many;
                    if let Written::Lost =
                        write(app, node, client, &Step::Taken(sent.taken)).await?
                    {
                        return Ok(Turn::NotOurs);
                    }
                }
                match sent.stopped {
                    None => continue,
                    Some(Stopped::Lost) => return Ok(Turn::NotOurs),
                    Some(Stopped::Refused(problem, failures)) => {
                        return fail(app, node, client, failures, problem).await;
                    }
                }
            }
        };
        let written = write(app, node, client, &step).await?;
        if let Written::Kept { given_up } = written
            && given_up > 0
        {
            app.metrics.pushed("given_up", given_up.unsigned_abs());
            tracing::error!(
                app = %client,
                events = given_up,
                "events were never delivered: what they were about has run out"
            );
        }
        match (turn, written) {
            (Some(turn), _) => return Ok(turn),
            (None, Written::Lost) => return Ok(Turn::NotOurs),
            (None, Written::Kept { .. }) => {}
        }
    }
}

async fn fail(
    app: &App,
    node: &str,
    client: &AppId,
    failures: i64,
    problem: Problem,
) -> Stored<Turn> {
    app.metrics.pushed(problem.word(), 1);
    // The first one only: the rest is in `app list` and in the proofs.
    if failures == 1 {
        tracing::warn!(app = %client, error = %problem, "an event was not taken; trying again");
    }
    write(app, node, client, &Step::Failed { failures, problem: &problem }).await?;
    Ok(Turn::Failed(problem))
}

/// What is to be done next in a stream.
enum Next {
    /// It is not ours any more.
    Lost,
    /// Everything was taken.
    Nothing,
    /// What is between these two matters no more.
    PassOver { from: i64, to: i64 },
    /// These.
    Send(Page),
}

/// The next entries.
struct Page {
    url: EventsUrl,
    /// Everything up to this number is taken.
    after: i64,
    events: Vec<StoredEvent>,
}

async fn next(app: &App, node: &str, client: &AppId, now: Millis) -> Stored<Next> {
    let registered = app.db.apps().await?;
    let url = registered.get(client).and_then(|known| known.events_url.clone());
    let mut connection = app.db.read().await?;
    // The head first: whatever is below it is there to be seen afterwards.
    let head = events::head(&mut connection, client).await?;
    let listener = app_instances::find(&mut connection, client, PUSH).await?;
    // The claim after the URL: a change of the URL takes the claim away.
    let claimed = push_streams::claimed(&mut connection, client, node, now).await?;
    let (Some(url), Some(listener), Some(_)) = (url, listener, claimed) else {
        return Ok(Next::Lost);
    };
    let after = listener.acknowledged;
    let since = now - MATTERS;
    let events = events::that_matter(&mut connection, client, after, now, since, PAGE).await?;
    let before = events.first().map_or(head, |event| event.seq - 1);
    Ok(if before > after {
        Next::PassOver { from: after, to: before }
    } else if events.is_empty() {
        Next::Nothing
    } else {
        Next::Send(Page { url, after, events })
    })
}

/// How far a page was taken.
struct Sent {
    taken: i64,
    stopped: Option<Stopped>,
}

/// Why no further.
enum Stopped {
    /// The stream is not ours any more.
    Lost,
    /// The app did not take one, for the so-manieth time in a row.
    Refused(Problem, i64),
}

/// Sends entries one by one, for as long as an acknowledgement may wait. Claim and secrets are read
/// for each: a rotation, or another URL, holds from the next one on.
async fn send_page(app: &App, node: &str, client: &AppId, page: &Page) -> Stored<Sent> {
    let begun = Instant::now();
    let mut taken = page.after;
    for event in &page.events {
        // What matters no more is passed over in a step of its own.
        if event.seq != taken + 1 || begun.elapsed() >= ACKNOWLEDGED_WITHIN {
            break;
        }
        let now = app.clock.now();
        let claimed = push_streams::claimed(&mut *app.db.read().await?, client, node, now).await?;
        let Some(claimed) = claimed else {
            return Ok(Sent { taken, stopped: Some(Stopped::Lost) });
        };
        if let Err(problem) = send(app, client, &page.url, &claimed, event).await {
            // Whatever was taken before it ends the row of failures.
            let failures = if taken > page.after { 1 } else { claimed.failures + 1 };
            return Ok(Sent { taken, stopped: Some(Stopped::Refused(problem, failures)) });
        }
        taken = event.seq;
    }
    Ok(Sent { taken, stopped: None })
}

/// Signs and sends. The time is that of this attempt, the id that of the event, so that the app
/// may refuse what is old and still know what it has had (SECURITY-CASES B-06).
async fn send(
    app: &App,
    client: &AppId,
    url: &EventsUrl,
    claimed: &Claimed,
    stored: &StoredEvent,
) -> Result<(), Problem> {
    let now = app.clock.now();
    let data = event(stored.clone());
    let timestamp = jiff::Timestamp::from_millisecond(stored.at).unwrap_or_default().to_string();
    let pushed = PushedEvent { kind: data.kind, timestamp, data };
    let body = serde_json::to_string(&pushed).unwrap_or_default();

    let previous = claimed.previous.iter().filter(|(_, until)| now < *until);
    let sealed = [&claimed.sealed_secret].into_iter().chain(previous.map(|(sealed, _)| sealed));
    let mut signatures = Vec::new();
    for sealed in sealed {
        let secret =
            events_secret::open(sealed, client, &app.master).map_err(|_| Problem::Secret)?;
        signatures.push(secret.sign(&stored.id, seconds(now), body.as_bytes()));
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let ours = [
        (ID, stored.id.clone()),
        (TIMESTAMP, seconds(now).to_string()),
        (SIGNATURE, signatures.join(" ")),
    ];
    for (name, value) in ours {
        // Ids, numbers and base64 are all fit to be a header.
        let value = HeaderValue::try_from(value).map_err(|_| Problem::Secret)?;
        headers.insert(HeaderName::from_static(name), value);
    }
    let url = url.parsed().map_err(|error| TransportError::Connect(error.to_string()))?;
    let answer = app.transport.post(&url, headers, body).await?;
    match answer.status {
        200..=299 => Ok(()),
        status => Err(Problem::Status { status, retry_after: answer.retry_after }),
    }
}

/// What a step writes down.
enum Step<'a> {
    /// Everything is sent; the claim is given back.
    Release,
    /// The app has taken everything up to this number.
    Taken(i64),
    /// Nobody could accept anything any more of what lies between: it is not sent.
    PassOver { from: i64, to: i64 },
    /// The app did not take an event, for the so-manieth time in a row.
    Failed { failures: i64, problem: &'a Problem },
}

/// What came of writing it down.
enum Written {
    /// The stream is not ours any more, and nothing was written: whoever has it sends the event
    /// again.
    Lost,
    /// It is written; so many events were never taken though they mattered once.
    Kept { given_up: i64 },
}

async fn write(app: &App, node: &str, client: &AppId, step: &Step<'_>) -> Stored<Written> {
    past_deadlocks(StoreError::is_retryable, || write_once(app, node, client, step)).await
}

async fn write_once(app: &App, node: &str, client: &AppId, step: &Step<'_>) -> Stored<Written> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let mut given_up = 0;
    let ours = match step {
        Step::Release => push_streams::release(&mut tx, client, node).await?,
        Step::Failed { failures, problem } => {
            let pause = pause(*failures, problem.retry_after(), app.random.fraction());
            let failure = Failure {
                problem: problem.word(),
                error: &problem.to_string(),
                status: problem.status().map(i64::from),
                next_attempt_at: now.saturating_add(pause),
            };
            push_streams::failed(&mut tx, client, node, &failure, now).await?
        }
        Step::Taken(seq) => {
            let ours = push_streams::delivered(&mut tx, client, node, now, now + CLAIM).await?;
            if ours {
                note_in(app, &mut tx, client, contact(*seq, now)).await?;
            }
            ours
        }
        Step::PassOver { from, to } => {
            let tests = events::tests_among(&mut tx, client, *from, *to).await?;
            let skipped = events::skipped_among(&mut tx, client, *from, *to).await?;
            given_up = (to - from - skipped - tests).max(0);
            let ours = push_streams::passed_over(&mut tx, client, node, given_up, now).await?;
            if ours {
                note_in(app, &mut tx, client, contact(*to, now)).await?;
            }
            if ours && given_up > 0 {
                let entry = Entry::new(now, Act::PushGivenUp).app(client).fact("events", given_up);
                audit::append(&mut tx, &[entry], &app.random).await?;
            }
            ours
        }
    };
    tx.commit().await?;
    Ok(if ours { Written::Kept { given_up } } else { Written::Lost })
}

const fn contact(acknowledged: i64, now: Millis) -> Contact<'static> {
    Contact { instance: PUSH, version: None, acknowledged, now, trusted_until: NEVER }
}
