//! Wakes whoever waits for news: in an app's log, or of what apps have confirmed.
//!
//! A poll waits on a number that changes when, say, the app's log grows. In this process the commit
//! changes it. What other processes write is noticed on PostgreSQL by `LISTEN`, with a slow look at
//! the log heads in case a notification was lost, and on SQLite by looking at the commit counter
//! every few milliseconds while somebody waits.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::postgres::PgListener;
use tokio::{pin, sync::watch, time::timeout};

use super::{Conn, Db, Stored, commits::CommitWatch, events, session_cache::SessionCache};
use crate::domain::app::AppId;

/// The channel of our notifications.
const CHANNEL: &str = "passport_events";
/// How soon a commit of another process to the same SQLite file is noticed.
const SQLITE_LOOK_EVERY: Duration = Duration::from_millis(20);
/// How soon a lost notification is made up for.
const POSTGRES_LOOK_EVERY: Duration = Duration::from_secs(2);

/// A look at the log heads is given up after this long: whoever waits for a database that has fallen
/// silent would never look again.
const POSTGRES_ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// What somebody may wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// New entries in an app's log.
    Events(AppId),
    /// New entries in any app's log. Nobody wakes this one: whoever wakes an app's log wakes it.
    AnyEvents,
    /// An app has confirmed a logout.
    Confirmations,
}

impl Topic {
    fn to_text(&self) -> String {
        match self {
            Self::Events(app) => format!("events {app}"),
            Self::AnyEvents => "events".to_owned(),
            Self::Confirmations => "confirmations".to_owned(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            Some(("events", app)) => Some(Self::Events(AppId::stored(app.to_owned()))),
            None if text == "events" => Some(Self::AnyEvents),
            None if text == "confirmations" => Some(Self::Confirmations),
            _ => None,
        }
    }
}

#[derive(Default)]
pub(super) struct Wakes {
    topics: Mutex<HashMap<Topic, watch::Sender<u64>>>,
    closed: AtomicBool,
}

/// Waits for news of one topic.
pub struct Waiter {
    receiver: watch::Receiver<u64>,
    wakes: Arc<Wakes>,
}

impl Waiter {
    /// Returns when there may be news since this waiter was made or last returned, or when the
    /// server is about to stop.
    pub async fn news(&mut self) {
        if self.wakes.closed.load(Ordering::SeqCst) {
            return;
        }
        let _ = self.receiver.changed().await;
    }

    /// Whether to wait no longer: the server is about to stop.
    pub fn is_closed(&self) -> bool {
        self.wakes.closed.load(Ordering::SeqCst)
    }
}

impl Wakes {
    pub(super) fn waiter(self: &Arc<Self>, topic: Topic) -> Waiter {
        let mut topics = self.lock();
        let sender = topics.entry(topic).or_insert_with(|| watch::Sender::new(0));
        Waiter { receiver: sender.subscribe(), wakes: self.clone() }
    }

    pub(super) fn wake(&self, topic: &Topic) {
        let topics = self.lock();
        let any = matches!(topic, Topic::Events(_)).then_some(&Topic::AnyEvents);
        for sender in [Some(topic), any].into_iter().flatten().filter_map(|one| topics.get(one)) {
            sender.send_modify(|count| *count += 1);
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.wake_all();
    }

    fn wake_all(&self) {
        for sender in self.lock().values() {
            sender.send_modify(|count| *count += 1);
        }
    }

    fn anybody_waits(&self) -> bool {
        self.lock().values().any(|sender| sender.receiver_count() > 0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Topic, watch::Sender<u64>>> {
        self.topics.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Tells the other nodes, with the commit of the transaction it is part of.
pub(super) async fn notify(conn: &mut Conn, topic: &Topic) -> Stored<()> {
    let text = topic.to_text();
    sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(text).execute(conn).await?;
    Ok(())
}

pub(super) async fn watch_sqlite(wakes: &Wakes, watch: &CommitWatch, cache: &SessionCache) {
    let mut last = watch.foreign_commits();
    let mut ticks = tokio::time::interval(SQLITE_LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if !wakes.anybody_waits() {
            continue;
        }
        // Our own commits have woken their waiters already.
        watch.refresh(cache);
        let foreign = watch.foreign_commits();
        if foreign != last {
            last = foreign;
            wakes.wake_all();
        }
    }
}

pub(super) async fn watch_postgres(db: &Db, wakes: &Wakes, url: &str) {
    let mut heads: HashMap<AppId, i64> = HashMap::new();
    loop {
        if let Err(error) = listen(db, wakes, url, &mut heads).await {
            tracing::warn!(%error, "not listening for other nodes' news; trying again");
        }
        // Meanwhile the slow look goes on.
        look_at_heads(db, wakes, &mut heads).await;
        tokio::time::sleep(POSTGRES_LOOK_EVERY).await;
    }
}

async fn listen(
    db: &Db,
    wakes: &Wakes,
    url: &str,
    heads: &mut HashMap<AppId, i64>,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    // Whatever came while nobody listened.
    wakes.wake_all();
    let mut ticks = tokio::time::interval(POSTGRES_LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            notification = listener.recv() => {
                // A word of a later version is for its own nodes.
                if let Some(topic) = Topic::parse(notification?.payload()) {
                    wakes.wake(&topic);
                }
            }
            _ = ticks.tick() => look_at_heads(db, wakes, heads).await,
        }
    }
}

async fn look_at_heads(db: &Db, wakes: &Wakes, heads: &mut HashMap<AppId, i64>) {
    if !wakes.anybody_waits() {
        return;
    }
    let looked = async { events::heads(&mut *db.read().await?).await };
    pin!(looked);
    let Ok(looked) = timeout(POSTGRES_ANSWERS_WITHIN, &mut looked).await else {
        db.distrust();
        tracing::warn!("cannot look at the event logs: no answer");
        return;
    };
    match looked {
        Ok(now) => {
            for (app, head) in now {
                let before = heads.insert(app.clone(), head);
                if before != Some(head) {
                    wakes.wake(&Topic::Events(app));
                }
            }
            wakes.wake(&Topic::Confirmations);
        }
        Err(error) => tracing::warn!(%error, "cannot look at the event logs"),
    }
}
