//! An app reads its log.

use std::time::Duration;

use client_sdk::wire::{ANSWER_WITHIN, Event, EventKind, EventPage};
use tokio::time::{Instant, timeout_at};

use crate::{
    app::App,
    domain::{
        Millis, SECOND,
        app::{App as Client, AppId},
        confirmation::NEVER,
        seconds,
    },
    store::{
        StoreError, Stored, Topic, Tx,
        app_instances::{self, Contact},
        confirmations,
        events::{self, StoredEvent},
    },
};

/// Most entries of one answer.
const PAGE: i64 = 500;
/// A contact without news is written down about this often.
const NOTE_CONTACT_EVERY: Millis = 10 * SECOND;
/// Most instances of one app that are kept track of.
const INSTANCES_MOST: i64 = 10_000;

/// What an app asks.
#[derive(Clone, Debug, Default)]
pub struct Follow {
    /// Everything up to this number is acknowledged; `None` asks for the present end.
    pub after: Option<i64>,
    /// Which running copy of the app asks.
    pub instance: Option<String>,
    /// How long to wait for news.
    pub wait: Duration,
    /// The version of the app that the copy says it is.
    pub version: Option<String>,
    /// For how long after an answer it goes on without another one; `None`: it has not promised to
    /// stop.
    pub max_staleness: Option<Duration>,
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
    let mut waiter = app.db.waiter(Topic::Events(client.id.clone()));
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
    let full = known.is_none()
        && app_instances::count(&mut connection, &client.id).await? >= INSTANCES_MOST;
    drop(connection);
    if full && !make_room(app, &client.id, now).await? {
        return Err(FollowError::TooManyInstances);
    }
    let trusted_until = trusted_until(app, ask, now);
    let nothing_new = known.is_some_and(|known| {
        known.acknowledged >= after
            && known.left_at.is_none()
            // What is promised here is written down before it is relied on, so that a proof never
            // says that an instance refuses while it does not.
            && known.trusted_until >= trusted_until
    });
    if nothing_new {
        return Ok(());
    }
    let contact = Contact {
        instance,
        version: ask.version.as_deref(),
        acknowledged: after,
        now,
        trusted_until,
    };
    note(app, &client.id, contact).await?;
    Ok(())
}

/// Forgets instances that nobody waits for any more: an app whose copies come and go, each under a
/// name of its own, is not to be refused for the sake of those that went. `false` when there is none.
async fn make_room(app: &App, client: &AppId, now: Millis) -> Stored<bool> {
    let mut tx = app.db.write().await?;
    let head = events::lock(&mut tx, client).await?;
    // Before they are gone: that they accept nothing any more is what confirms.
    confirm(app, &mut tx, client, head, now).await?;
    let forgotten = app_instances::forget_gone(&mut tx, client, now).await?;
    tx.commit().await?;
    Ok(forgotten > 0)
}

/// An answer that leaves now arrives within what the SDK allows it, and is relied on for as long
/// as the instance says; rounded up to the next ten seconds, so that not every poll is a write.
fn trusted_until(app: &App, ask: &Follow, now: Millis) -> Millis {
    let Some(max_staleness) = ask.max_staleness else { return NEVER };
    let wait = ask.wait.min(app.config.events.longest_wait.duration());
    let most = wait + ANSWER_WITHIN + max_staleness;
    let until = now.saturating_add(i64::try_from(most.as_millis()).unwrap_or(NEVER));
    until.saturating_add(NOTE_CONTACT_EVERY - until.rem_euclid(NOTE_CONTACT_EVERY))
}

/// Writes down what a listener has acknowledged, and which logouts are thereby confirmed.
pub async fn note(app: &App, client: &AppId, contact: Contact<'_>) -> Stored<()> {
    let mut tx = app.db.write().await?;
    note_in(app, &mut tx, client, contact).await?;
    tx.commit().await
}

/// The same inside a transaction of the caller's.
pub async fn note_in(app: &App, tx: &mut Tx, client: &AppId, contact: Contact<'_>) -> Stored<()> {
    events::lock(tx, client).await?;
    app_instances::note(tx, client, contact).await?;
    confirm(app, tx, client, contact.acknowledged, contact.now).await
}

async fn confirm(
    app: &App,
    tx: &mut Tx,
    client: &AppId,
    acknowledged: i64,
    now: Millis,
) -> Stored<()> {
    let confirmed = confirmations::confirm(tx, client, acknowledged, now).await?;
    if confirmed.any {
        tx.wake(Topic::Confirmations);
        app.metrics.confirmed(&confirmed.took);
    }
    Ok(())
}

/// An instance says good-bye: nobody waits for it any more. `false` when it is not known.
pub async fn leave(app: &App, client: &Client, instance: &str) -> Stored<bool> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let head = events::lock(&mut tx, &client.id).await?;
    let known = app_instances::leave(&mut tx, &client.id, instance, now).await?;
    confirm(app, &mut tx, &client.id, head, now).await?;
    tx.commit().await?;
    Ok(known)
}

/// Writes down what is confirmed because an instance refuses by itself by now.
pub async fn confirm_lapsed(app: &App) -> Stored<()> {
    let now = app.clock.now();
    // By itself: what the head of a loop borrows is held until the loop is over, and who holds a
    // connection while it waits for another one stops a pool that is used up.
    let open = confirmations::open_apps(&mut *app.db.read().await?, now).await?;
    for client in open {
        let mut tx = app.db.write().await?;
        let head = events::lock(&mut tx, &client).await?;
        confirm(app, &mut tx, &client, head, now).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn page(app: &App, news: Vec<StoredEvent>, after: i64) -> EventPage {
    let cursor = news.last().map_or(after, |last| last.seq).to_string();
    EventPage {
        events: news.into_iter().map(event).collect(),
        cursor,
        lease_seconds: app.config.events.lease.as_seconds(),
    }
}

/// An entry as it goes over the wire.
pub(super) fn event(stored: StoredEvent) -> Event {
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
        replaced_by: stored.detail,
    }
}

/// Whether a stream that `client` began at `begun` goes on: the server is not about to stop, and the
/// app would still be let in. Otherwise whoever holds a stolen secret would read on after its change.
pub async fn goes_on(app: &App, client: &Client, begun: Millis) -> bool {
    if app.db.waiter(Topic::Events(client.id.clone())).is_closed() {
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
