//! What a server does beside answering: notices other nodes' news, takes over rotated keys, writes
//! down signs of life, forgets what is over.

use std::{sync::Arc, time::Duration};

use super::signing_keys;
use crate::{
    app::App,
    domain::{DAY, HOUR, Millis, id::SessionId, session::LiveSession, throttle::FORGOTTEN_AFTER},
    store::{Stored, app_instances, events, one_time_links, redemptions, sessions, throttles},
    tokens::keyring::LOOK_EVERY,
};

/// How often the tables are tidied.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// Spent tickets are remembered much longer than any ticket lives.
const SPENT_KEPT: Millis = HOUR;
/// Events are kept so much longer than the app session they are about could have lasted.
const EVENT_KEPT: Millis = DAY;
/// Instances that were not heard of for so long are gone.
const INSTANCE_KEPT: Millis = 7 * DAY;

/// Does all of it until dropped.
pub async fn run(app: Arc<App>) {
    let news = app.db.watch_for_news(&app.config.database.url);
    let keys = async {
        loop {
            tokio::time::sleep(Duration::from_millis(LOOK_EVERY.unsigned_abs())).await;
            if let Err(error) = signing_keys::look(&app.keyring, &app.db, &app.master).await {
                tracing::warn!(%error, "cannot look for rotated signing keys");
            }
        }
    };
    let tidying = async {
        loop {
            tokio::time::sleep(TIDY_EVERY).await;
            if let Err(error) = tidy(&app).await {
                tracing::warn!(%error, "cannot tidy the tables");
            }
        }
    };
    tokio::join!(news, keys, tidying);
}

/// Forgets spent tickets, counters, links and instances that are long over.
pub async fn tidy(app: &App) -> Stored<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    redemptions::prune(&mut tx, now - SPENT_KEPT).await?;
    throttles::prune(&mut tx, now - FORGOTTEN_AFTER).await?;
    one_time_links::prune(&mut tx, now - 7 * DAY).await?;
    events::prune(&mut tx, now - EVENT_KEPT).await?;
    app_instances::prune(&mut tx, now - INSTANCE_KEPT).await?;
    tx.commit().await
}

/// Notes that a session is in use, at most once a minute, beside the request and not before its
/// answer.
pub fn note_sign_of_life(app: &Arc<App>, session: &LiveSession) {
    // Before the claim: what is claimed is written, or this minute's sign would be lost.
    let Ok(permit) = app.touches.clone().try_acquire_owned() else { return };
    let now = app.clock.now();
    let limits = app.config.session_limits();
    if !session.claim_touch(now, &limits) {
        return;
    }
    let (app, id, kept, expires_at) =
        (app.clone(), session.id.clone(), session.kept, session.expires_at);
    tokio::spawn(async move {
        let _permit = permit;
        let until = limits.idle_until(now, expires_at, kept);
        if let Err(error) = touch(&app, &id, now, until).await {
            tracing::warn!(%error, "cannot note a sign of life");
        }
    });
}

async fn touch(app: &App, id: &SessionId, now: Millis, idle_until: Millis) -> Stored<()> {
    let mut tx = app.db.write().await?;
    let unless_since = now - crate::domain::session::TOUCH_EVERY;
    sessions::touch(&mut tx, id, now, idle_until, unless_since).await?;
    tx.commit().await
}
