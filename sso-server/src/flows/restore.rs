//! What a database needs that was put back from a backup, before anybody may rely on it.
//!
//! It has forgotten what happened since the backup, and the world has not. So, here (SECURITY-CASES
//! Q-15, W-14):
//! - A logout since then is not known any more: every session that the backup holds as live ends, and
//!   with it what keeps people signed in. In the apps there may be sessions that began since then, of
//!   which nobody here knows: one event tells each app that all of them are over.
//! - A ticket spent since then could be spent again: tickets from before the restore are void, and so
//!   are one-time links, logins that wait for a decision, for a provider's answer or for a name, and
//!   sessions on their way to a browser.
//! - An answer of an OpenID provider that was used since then could be used again, by whoever still has
//!   the browser's cookie and the login that waits for it: no login waits any more.
//!   Whoever adds something else that is good once, or for a short time, voids it here, too.
//! - Apps have read numbers of their logs that this database has not given out yet. Were they given
//!   out again, whoever has read further would never hear of what stands there. So every log goes on
//!   behind the largest number that can have been given out: numbers from here on are counted from
//!   the restore's time in microseconds, which no log reaches by counting entries.

use client_sdk::wire::{Cause, EventKind};

use super::{audit_log, end_session::Ending, log_out_many};
use crate::{
    app::App,
    domain::{
        MINUTE, Millis, SECOND,
        app::AppId,
        audit::{Act, Entry},
        confirmation::Confirmation,
        id::{LogoutId, UserId, fresh_text},
        reach::Reach,
    },
    store::{
        StoreError, Stored, Tx, app_instances, audit, confirmations, establish_links,
        events::{self, NewEvent},
        logouts::LogoutRow,
        one_time_links, pending_logins, pending_upstream_logins, proven_identities, restores,
    },
};

/// A backup may be so much younger than this machine's clock says it can be.
const SKEW: Millis = MINUTE;
/// Numbers of a log are counted from a restore's time in this unit: a thousandth of a [`Millis`].
const NUMBERS_PER_MILLI: i64 = 1_000;
/// By how much the polls of one instance differ.
const POLLS_DIFFER: Millis = 10 * SECOND;

/// What is known of the restore.
#[derive(Clone, Debug, Default)]
pub struct Restore {
    /// Sessions live on; only tickets, links and waiting logins are void.
    pub keep_sessions: bool,
    /// When the backup was made, where it says so.
    pub made_at: Option<Millis>,
    /// The last link of the audit log that was replaced, `number:link`, where it could be read.
    pub replaced: Option<String>,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Restored {
    /// When: everything from up to here, to the second, is void.
    pub at: Millis,
    /// The logout of everybody; `None` when sessions were kept.
    pub logout: Option<LogoutRow>,
    /// One-time links that are void.
    pub links: u64,
    /// Apps whose logs go on behind a gap.
    pub apps: usize,
}

/// Why a restored database cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It was written to later than it is now.
    #[error(
        "this database was written to later than it is now: set this machine's clock right, then try again"
    )]
    FromTheFuture,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Voids what the lost time may have used or ended. Doing so again does no harm beyond ending what
/// began meanwhile. If it is cut short, the ending of sessions is taken up by any server.
pub async fn restore(app: &App, restore: &Restore) -> Result<Restored, RestoreError> {
    // An app that was deleted never comes back, and has nobody in: nobody is told, or waited for.
    let registered = app.db.apps().await?;
    let latest = restores::latest_line_at(&mut *app.db.read().await?).await?;
    let now = app.clock.now();
    if latest > now + SKEW {
        return Err(RestoreError::FromTheFuture);
    }
    // A session that another node began a moment ahead of our clock is meant, too.
    let at = now.max(latest);
    let why = Ending::by_operator(Cause::Restored);

    let mut tx = app.db.write().await?;
    restores::mark(&mut tx, at).await?;
    let links = one_time_links::void_all(&mut tx, at).await?;
    pending_logins::void_all(&mut tx, at).await?;
    establish_links::void_all(&mut tx, at).await?;
    pending_upstream_logins::void_all(&mut tx, at).await?;
    proven_identities::void_all(&mut tx, at).await?;
    let logout = match restore.keep_sessions {
        true => None,
        false => Some(log_out_many::order_in(app, &mut tx, &Reach::Everybody, why, at).await?),
    };
    let logs = events::heads(&mut tx).await?.into_iter().map(|(log, _)| log);
    let mut logs: Vec<AppId> = logs.filter(|log| registered.get(log).is_some()).collect();
    logs.sort();
    for log in &logs {
        let head = events::lock(&mut tx, log).await?;
        if !events::jump(&mut tx, log, head, at.saturating_mul(NUMBERS_PER_MILLI)).await? {
            return Err(RestoreError::FromTheFuture);
        }
        if let Some(logout) = &logout {
            tell(app, &mut tx, log, logout, at).await?;
        }
    }
    // Behind the logs, as whoever notes a contact does.
    app_instances::renew_promises(&mut tx, at, POLLS_DIFFER).await?;
    let entry = marker(restore, at, logout.as_ref());
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;

    let logout = match &logout {
        Some(logout) => Some(log_out_many::carry_out(app, logout).await?),
        None => None,
    };
    audit_log::seal_now(app).await?;
    Ok(Restored { at, logout, links, apps: logs.len() })
}

/// Tells an app that whatever began before is over, and expects it to confirm.
async fn tell(app: &App, tx: &mut Tx, log: &AppId, logout: &LogoutId, at: Millis) -> Stored<()> {
    // What began since the backup is not known, but not how long an app session may last.
    let over_at = at.saturating_add(app.config.app_session.lifetime.millis());
    let event = NewEvent {
        id: fresh_text(at, &app.random),
        kind: EventKind::LogRestored,
        app_session: None,
        session: None,
        user: UserId::from(""),
        cause: Some(Cause::Restored),
        expires_at: Some(over_at),
        detail: None,
    };
    let last_seq = events::append(tx, log, &[event], at).await?;
    let part = Confirmation {
        app: log.clone(),
        app_sessions: 0,
        last_seq,
        at,
        over_at,
        confirmed_at: None,
    };
    confirmations::add(tx, logout, &part).await
}

/// The line that continues the chain: what lies between it and the line before is lost.
fn marker(restore: &Restore, at: Millis, logout: Option<&LogoutId>) -> Entry {
    let mut entry = Entry::new(at, Act::Restored)
        .fact("by", "operator")
        .fact("sessions_kept", restore.keep_sessions);
    if let Some(made_at) = restore.made_at {
        entry = entry.fact("backup_made_at", made_at);
    }
    if let Some(replaced) = &restore.replaced {
        entry = entry.fact("replaced_log_ended_at", replaced.as_str());
    }
    if let Some(logout) = logout {
        entry = entry.fact("logout", logout.as_str());
    }
    entry
}
