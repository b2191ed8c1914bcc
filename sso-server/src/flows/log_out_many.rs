//! A logout of many: everybody, everybody at one app, everybody on one class of device.
//!
//! The order is written down first and then carried out in portions, so that logins go on beside
//! it, and so that whoever stops in the middle — or is killed — leaves an order that any node
//! takes up again. Who logs in after the order was given is not meant.

use super::{
    end_session::{Ending, Target, end_portion},
    past_deadlocks,
};
use crate::{
    app::App,
    domain::{
        MINUTE, Millis, SECOND,
        audit::{Act, Entry},
        id::LogoutId,
        reach::Reach,
    },
    store::{
        StoreError, Stored, Tx, app_sessions, audit,
        logouts::{self, LogoutRow, NewLogout},
        restores, sessions,
    },
};

/// Most sessions that one transaction ends: the writer is held for some milliseconds.
const PORTION: i64 = 256;
/// A portion takes far less; an order that stood still for so long has lost its carrier.
const STANDS_STILL: Millis = 10 * SECOND;
/// By how much the clocks of two nodes may differ.
const SKEW: Millis = MINUTE;

/// Writes down the order, inside a transaction of the caller's.
pub async fn order_in(
    app: &App,
    tx: &mut Tx,
    reach: &Reach,
    why: Ending<'_>,
    now: Millis,
) -> Stored<LogoutId> {
    let id = LogoutId::fresh(now, &app.random);
    // Whoever has come in by now is meant, also at a node whose clock is ahead of ours: what begins
    // there leaves an audit line of its time.
    let latest = restores::latest_line_at(tx).await?;
    let new = NewLogout {
        id: &id,
        at: now.max(latest.min(now.saturating_add(SKEW))),
        cause: why.cause,
        actor: why.by,
        reason: why.reason,
        user: None,
    };
    let reach = serde_json::to_value(reach).unwrap_or_default();
    logouts::begin(tx, new, &reach.to_string()).await?;
    let mut entry = Entry::new(now, Act::LogoutOrdered)
        .fact("cause", why.cause.as_str())
        .fact("by", why.by)
        .fact("reach", reach)
        .fact("logout", id.as_str());
    if let Some(reason) = why.reason {
        entry = entry.fact("reason", reason);
    }
    entry.address = why.address.map(str::to_owned);
    audit::append(tx, &[entry], &app.random).await?;
    Ok(id)
}

/// Orders it and carries it out.
pub async fn log_out_many(app: &App, reach: &Reach, why: Ending<'_>) -> Stored<LogoutRow> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let id = order_in(app, &mut tx, reach, why, now).await?;
    tx.commit().await?;
    carry_out(app, &id).await
}

/// Carries an order out, portion by portion, to its end. Two that carry out the same one do each
/// other no harm: a row is ended once.
pub async fn carry_out(app: &App, id: &LogoutId) -> Stored<LogoutRow> {
    let mut after = String::new();
    loop {
        let done = past_deadlocks(StoreError::is_retryable, || portion(app, id, &after)).await?;
        match done {
            Portion::UpTo(last) => after = last,
            // Once more from the beginning: a login may have been written meanwhile whose name
            // sorts before.
            Portion::Nothing if !after.is_empty() => after.clear(),
            Portion::Nothing => {
                let found = logouts::find(&mut *app.db.read().await?, id).await?;
                return found.ok_or(StoreError::Unavailable("the logout is not there"));
            }
        }
    }
}

/// What a portion came to.
enum Portion {
    /// Everything up to this name is done.
    UpTo(String),
    /// Nothing was left to do behind where it began; if that was the beginning, the order is
    /// finished.
    Nothing,
}

async fn portion(app: &App, id: &LogoutId, after: &str) -> Stored<Portion> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let found = logouts::find(&mut tx, id).await?;
    let Some(order) = found.filter(|order| order.finished_at.is_none()) else {
        return Ok(Portion::Nothing);
    };
    let reach = order.reach.as_deref().map(serde_json::from_str::<Reach>).transpose();
    let Some(reach) =
        reach.map_err(|error| StoreError::Unreadable { what: "reach", why: error.to_string() })?
    else {
        return Ok(Portion::Nothing);
    };
    let class = |device_class| sessions::Portion {
        device_class,
        after,
        begun_until: order.at,
        limit: PORTION,
    };
    let target = match &reach {
        Reach::Everybody => Target::Sessions(sessions::portion(&mut tx, class(None)).await?),
        Reach::DeviceClass { class: which } => {
            Target::Sessions(sessions::portion(&mut tx, class(Some(which.as_str()))).await?)
        }
        Reach::App { app: at } => {
            Target::AppSessions(app_sessions::portion(&mut tx, at, after, order.at, PORTION).await?)
        }
    };
    let done = target.last().map_or(Portion::Nothing, |last| Portion::UpTo(last.to_owned()));
    if !target.is_empty() {
        let why =
            Ending { reason: order.reason.as_deref(), ..Ending::by(order.cause, &order.actor) };
        end_portion(app, &mut tx, id, &target, why, now).await?;
    } else if after.is_empty() {
        logouts::finish(&mut tx, id, now).await?;
    }
    tx.commit().await?;
    Ok(done)
}

/// Takes up orders whose carrier is gone. Any number of nodes may try; one gets each. One that cannot
/// be carried out, perhaps because a later version of this program has written it, keeps none of the
/// others.
pub async fn resume(app: &App) -> Stored<()> {
    let unfinished = logouts::unfinished(&mut *app.db.read().await?).await?;
    let mut outcome = Ok(());
    for order in unfinished {
        outcome = outcome.and(take_up(app, &order.id).await);
    }
    outcome
}

async fn take_up(app: &App, id: &LogoutId) -> Stored<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let ours = logouts::take_over(&mut tx, id, now - STANDS_STILL, now).await?;
    tx.commit().await?;
    if ours {
        tracing::info!(logout = %id, "taking up an unfinished logout");
        carry_out(app, id).await?;
    }
    Ok(())
}
