//! Pushes to all apps. Each is in a task of its own, and streams that fail have places of their own,
//! so that apps that do not answer take none from those that do.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::{Id, JoinSet},
    time::{Instant, timeout_at},
};

use super::send_all;
use crate::{
    app::App,
    domain::{app::AppId, id::fresh_text},
    store::{StoreError, Stored, Topic, Waiter, push_streams},
};

/// A turn at a stream ends after this long, and another one begins.
const TURN: Duration = Duration::from_secs(30);
/// So much longer an attempt and the writing around it may take.
const GRACE: Duration = Duration::from_secs(30);
/// How often streams whose pause is over are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Streams in which something is delivered at a time.
const HEALTHY: usize = 128;
/// Streams that have just failed, and are tried again, at a time.
const FAILING: usize = 32;
/// Most streams of one look.
const LOOKED_AT: i64 = 1_000;

/// Sends what there is to send, for all apps, until dropped.
pub async fn run(app: Arc<App>) {
    let node = fresh_text(app.clock.now(), &app.random);
    // Nobody is kept awake where nothing is pushed.
    let mut waiter: Option<Waiter> = None;
    let (healthy, failing) = (Arc::new(Semaphore::new(HEALTHY)), Arc::new(Semaphore::new(FAILING)));
    let mut turns: JoinSet<()> = JoinSet::new();
    let mut busy: HashMap<Id, AppId> = HashMap::new();
    loop {
        let at_work: HashSet<AppId> = busy.values().cloned().collect();
        let due = match look(&app, &mut waiter).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "cannot look for events to push; trying again");
                Vec::new()
            }
        };
        for (client, failures) in due.into_iter().filter(|(client, _)| !at_work.contains(client)) {
            let places = if failures == 0 { &healthy } else { &failing };
            let Ok(place) = places.clone().try_acquire_owned() else { continue };
            let (app, node, name) = (app.clone(), node.clone(), client.clone());
            let turn = turns.spawn(async move {
                let _place = place;
                // An end, so that a database that has fallen silent does not keep the stream: the
                // claim runs out, and the next look finds it due.
                let until = Instant::now() + TURN;
                let turn = timeout_at(until + GRACE, send_all(&app, &node, &name, Some(until)));
                let turn = turn.await.unwrap_or_else(|_| {
                    app.db.distrust();
                    Err(StoreError::Unavailable("no answer"))
                });
                if let Err(error) = turn {
                    tracing::warn!(app = %name, %error, "cannot push; trying again");
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            });
            busy.insert(turn.id(), client);
        }
        tokio::select! {
            () = news(&mut waiter) => {}
            Some(done) = turns.join_next_with_id(), if !turns.is_empty() => {
                busy.remove(&done.map_or_else(|error| error.id(), |(id, ())| id));
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if waiter.as_ref().is_some_and(Waiter::is_closed) {
            return;
        }
    }
}

/// Streams with something to send, and how often each has just failed. Makes the waiter before it
/// looks, so that news which come in between are not missed.
async fn look(app: &App, waiter: &mut Option<Waiter>) -> Stored<Vec<(AppId, i64)>> {
    if !app.db.apps().await?.any_is_pushed_to() {
        *waiter = None;
        return Ok(Vec::new());
    }
    waiter.get_or_insert_with(|| app.db.waiter(Topic::AnyEvents));
    push_streams::due(&mut *app.db.read().await?, app.clock.now(), LOOKED_AT).await
}

async fn news(waiter: &mut Option<Waiter>) {
    match waiter {
        Some(waiter) => waiter.news().await,
        None => std::future::pending().await,
    }
}
