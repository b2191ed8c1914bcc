//! What a server does beside answering: notices other nodes' news, takes over rotated keys, writes
//! down signs of life, pushes events, forgets what is over.

use std::{sync::Arc, time::Duration};

use tokio::{pin, time::timeout};

use super::{
    audit_log, expire_sessions::expire_sessions, follow_events::confirm_lapsed, log_out_many,
    openid, push, signing_keys,
};
use crate::{
    app::App,
    domain::{
        DAY, HOUR, Millis, id::SessionId, seconds, session::LiveSession, throttle::FORGOTTEN_AFTER,
    },
    store::{
        StoreError, Stored, app_instances, app_sessions, confirmations, establish_links, events,
        logouts, one_time_links, openid_associations, openid_nonces, openid_wanted, pending_logins,
        pending_upstream_logins, proven_identities, redemptions, sessions, throttles,
    },
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
/// Ended sessions, and what apps have confirmed of them, can be looked up for so long.
const ENDED_KEPT: Millis = 30 * DAY;
/// Most ended sessions that are forgotten in one transaction.
const PRUNED_AT_ONCE: i64 = 2_000;
/// How often sessions that are over, unfinished logouts and lapsed promises are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A turn at one of these is over after this long. All of them can be broken off and taken up again;
/// a logout of everybody is the longest.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(300);

/// Does all of it until dropped.
pub async fn run(app: Arc<App>) {
    let news = app.db.watch_for_news(&app.config.database.url);
    let keys = async {
        loop {
            tokio::time::sleep(Duration::from_millis(LOOK_EVERY.unsigned_abs())).await;
            let looked = signing_keys::look(&app.keyring, &app.db, &app.master);
            if let Err(error) = in_time(&app, looked).await {
                tracing::warn!(%error, "cannot look for rotated signing keys");
            }
        }
    };
    let tidying = async {
        loop {
            tokio::time::sleep(TIDY_EVERY).await;
            if let Err(error) = in_time(&app, tidy(&app)).await {
                tracing::warn!(%error, "cannot tidy the tables");
            }
        }
    };
    let sweeping = async {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            let swept =
                async { expire_sessions(&app).await.map(drop).and(confirm_lapsed(&app).await) };
            if let Err(error) = in_time(&app, swept).await {
                tracing::warn!(%error, "cannot sweep; sessions that are over are refused all the same");
            }
        }
    };
    // Beside the others, as what it takes up may take minutes.
    let carrying_on = async {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = in_time(&app, log_out_many::resume(&app)).await {
                tracing::warn!(%error, "cannot take up an unfinished logout");
            }
        }
    };
    let sealing = async {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            if let Err(error) = in_time(&app, audit_log::seal(&app)).await {
                tracing::warn!(%error, "cannot seal the audit log");
            }
        }
    };
    tokio::join!(
        news,
        keys,
        tidying,
        sweeping,
        carrying_on,
        sealing,
        push::worker::run(app.clone()),
        openid::associations::run(app.clone())
    );
}

/// Gives up what a database that has fallen silent will never answer; the next turn begins anew.
async fn in_time<T, E: From<StoreError>>(
    app: &App,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    pin!(work);
    match timeout(GIVEN_UP_AFTER, &mut work).await {
        Ok(done) => done,
        Err(_) => {
            app.db.distrust();
            Err(StoreError::Unavailable("no answer").into())
        }
    }
}

/// One turn of what is done every second: ends what is over, takes up logouts whose carrier is gone,
/// writes down what is confirmed by now, seals the audit log. What one of them stumbles over stops
/// none of the rest.
/// Any number of nodes may do so at once.
pub async fn sweep(app: &App) -> Stored<()> {
    let expired = expire_sessions(app).await.map(drop);
    let resumed = log_out_many::resume(app).await;
    let confirmed = confirm_lapsed(app).await;
    let sealed = audit_log::seal(app).await;
    expired.and(resumed).and(confirmed).and(sealed)
}

/// Forgets spent tickets, counters, links, instances and ended sessions that are long over.
pub async fn tidy(app: &App) -> Stored<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    pending_logins::prune(&mut tx, now).await?;
    establish_links::prune(&mut tx, now).await?;
    pending_upstream_logins::prune(&mut tx, now).await?;
    proven_identities::prune(&mut tx, now).await?;
    openid_nonces::prune(&mut tx, seconds(now)).await?;
    openid_associations::prune(&mut tx, seconds(now)).await?;
    openid_wanted::prune(&mut tx, now - 30 * DAY).await?;
    redemptions::prune(&mut tx, now - SPENT_KEPT).await?;
    throttles::prune(&mut tx, now - FORGOTTEN_AFTER).await?;
    one_time_links::prune(&mut tx, now - 7 * DAY).await?;
    events::prune(&mut tx, now - EVENT_KEPT).await?;
    app_instances::prune(&mut tx, now - INSTANCE_KEPT).await?;
    confirmations::prune(&mut tx, now - ENDED_KEPT).await?;
    logouts::prune(&mut tx, now - ENDED_KEPT).await?;
    app_sessions::prune(&mut tx, now - ENDED_KEPT, PRUNED_AT_ONCE).await?;
    sessions::prune(&mut tx, now - ENDED_KEPT, PRUNED_AT_ONCE).await?;
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
