//! An app reads its log.

use std::time::Duration;

use client_sdk::wire::{Event, EventKind, EventPage};
use tokio::time::{Instant, timeout_at};

use crate::{
    app::App,
    domain::{Millis, SECOND, app::App as Client, seconds},
    store::{
        StoreError, app_instances,
        events::{self, StoredEvent},
    },
};

/// Most entries of one answer.
const PAGE: i64 = 500;
/// A contact without news is written down at most this often.
const NOTE_CONTACT_EVERY: Millis = 10 * SECOND;
/// Most instances of one app that are kept track of.
const INSTANCES_MOST: i64 = 10_000;

/// What an app asks.
#[derive(Clone, Debug)]
pub struct Follow {
    /// Everything up to this number is acknowledged; `None` asks for the present end.
    pub after: Option<i64>,
    /// Which running copy of the app asks.
    pub instance: Option<String>,
    /// How long to wait for news.
    pub wait: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The cursor names an entry that does not exist yet: it is not from here.
    #[error("the cursor is beyond the end of the log")]
    BeyondEnd,
    /// More instances than anybody runs: the names are made up.
    #[error("too many instances")]
    TooManyInstances,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers the entries after the cursor, waiting for the first if there is none.
pub async fn follow(app: &App, client: &Client, ask: &Follow) -> Result<EventPage, FollowError> {
    // Before the first look: news that come between look and wait are not missed.
    let mut waiter = app.db.waiter(&client.id);
    let Some(after) = ask.after else {
        let head = events::head(&mut *app.db.read().await?, &client.id).await?;
        return Ok(page(app, Vec::new(), head));
    };
    acknowledge(app, client, ask, after).await?;
    let deadline = Instant::now() + ask.wait.min(app.config.events.longest_wait.duration());
    loop {
        let news = events::after(&mut *app.db.read().await?, &client.id, after, PAGE).await?;
        if !news.is_empty() || waiter.is_closed() {
            return Ok(page(app, news, after));
        }
        if timeout_at(deadline, waiter.news()).await.is_err() {
            return Ok(page(app, Vec::new(), after));
        }
    }
}

/// Asking after a cursor says that everything up to it has been obeyed.
async fn acknowledge(
    app: &App,
    client: &Client,
    ask: &Follow,
    after: i64,
) -> Result<(), FollowError> {
    let now = app.clock.now();
    let mut connection = app.db.read().await?;
    if after < 0 || after > events::head(&mut connection, &client.id).await? {
        return Err(FollowError::BeyondEnd);
    }
    let Some(instance) = &ask.instance else { return Ok(()) };
    let known = app_instances::find(&mut connection, &client.id, instance).await?;
    if known.is_none() && app_instances::count(&mut connection, &client.id).await? >= INSTANCES_MOST
    {
        return Err(FollowError::TooManyInstances);
    }
    drop(connection);
    let nothing_new = known
        .is_some_and(|known| known.acknowledged >= after && now - known.at < NOTE_CONTACT_EVERY);
    if nothing_new {
        return Ok(());
    }
    let mut tx = app.db.write().await?;
    app_instances::note(&mut tx, &client.id, instance, after, now).await?;
    Ok(tx.commit().await?)
}

fn page(app: &App, news: Vec<StoredEvent>, after: i64) -> EventPage {
    let cursor = news.last().map_or(after, |last| last.seq).to_string();
    EventPage {
        events: news.into_iter().map(event).collect(),
        cursor,
        lease_seconds: app.config.events.lease.as_seconds(),
    }
}

fn event(stored: StoredEvent) -> Event {
    let kind = serde_json::from_value(serde_json::Value::String(stored.kind));
    Event {
        id: stored.id,
        cursor: stored.seq.to_string(),
        kind: kind.unwrap_or(EventKind::Unknown),
        app_session: stored.app_session,
        session: stored.session,
        user: stored.user,
        cause: stored.cause,
        at: seconds(stored.at),
        expires_at: stored.expires_at.map(seconds),
    }
}

/// Whether a stream that `client` began at `begun` goes on: the server is not about to stop, and the
/// app would still be let in. Otherwise whoever holds a stolen secret would read on after its change.
pub async fn goes_on(app: &App, client: &Client, begun: Millis) -> bool {
    if app.db.waiter(&client.id).is_closed() {
        return false;
    }
    let Ok(apps) = app.db.apps().await else { return false };
    // With which of two secrets it began is not known here: when the older one goes, it asks again.
    let gone = begun + 1..=app.clock.now();
    let older_is_gone =
        client.previous_secret.as_ref().is_some_and(|(_, until)| gone.contains(until));
    let same = |now: &Client| now.disabled_at.is_none() && now.secret == client.secret;
    !older_is_gone && apps.get(&client.id).is_some_and(|now| same(now))
}
