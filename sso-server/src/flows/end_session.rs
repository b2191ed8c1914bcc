//! The one function that ends sessions, whatever the cause.
//!
//! It writes the end, the audit line and one event for each live app session in one transaction:
//! either all of it happened or none, and an app that reads its log learns of every end.

use std::collections::BTreeMap;

use client_sdk::wire::{Cause, EventKind};

use super::past_deadlocks;
use crate::{
    app::App,
    domain::{
        Millis,
        app::AppId,
        audit::{Act, Entry},
        id::{AppSessionId, SessionId, UserId, fresh_text},
    },
    store::{
        StoreError, Stored, Tx,
        app_sessions::{self, EndedAppSession},
        audit,
        events::{self, NewEvent},
        sessions,
    },
};

/// Why sessions end.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// What the apps and the person are told.
    pub cause: Cause,
    /// Who did it, for the audit log.
    pub by: &'a str,
    /// From where.
    pub address: Option<&'a str>,
}

impl<'a> Ending<'a> {
    /// At the command line, by an admin.
    pub const fn by_operator(cause: Cause) -> Self {
        Self { cause, by: "operator", address: None }
    }

    /// By the person whose it is.
    pub const fn by_user(address: &'a str) -> Self {
        Self { cause: Cause::User, by: "user", address: Some(address) }
    }
}

/// What was ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Sessions.
    pub sessions: u64,
    /// App sessions that were live.
    pub app_sessions: u64,
}

/// Ends those of `ids` that have not ended yet, inside a transaction of the caller's.
pub async fn end_sessions(
    app: &App,
    tx: &mut Tx,
    ids: &[SessionId],
    why: Ending<'_>,
    now: Millis,
) -> Stored<Ended> {
    let mut ended = Ended::default();
    let mut lost = Vec::new();
    let mut entries = Vec::new();
    for id in ids {
        let Some(session) = sessions::end(tx, id, why.cause, now).await? else { continue };
        ended.sessions += 1;
        let apps = app_sessions::end_of_session(tx, id, why.cause, now).await?;
        let mut entry = Entry::new(now, Act::SessionEnded)
            .user(&session.user)
            .session(id)
            .fact("cause", why.cause.as_str())
            .fact("by", why.by)
            .fact("app_sessions", apps.len());
        entry.address = why.address.map(str::to_owned);
        entries.push(entry);
        lost.extend(apps);
    }
    ended.app_sessions = tell_apps(app, tx, lost, why.cause, now).await?;
    audit::append(tx, &entries, &app.random).await?;
    Ok(ended)
}

/// One event for each app session that was live. Logs in the order of app ids, see `events::append`.
async fn tell_apps(
    app: &App,
    tx: &mut Tx,
    lost: Vec<EndedAppSession>,
    cause: Cause,
    now: Millis,
) -> Stored<u64> {
    let mut logs: BTreeMap<AppId, Vec<NewEvent>> = BTreeMap::new();
    for one in lost.into_iter().filter(|one| one.expires_at > now) {
        logs.entry(one.app).or_default().push(NewEvent {
            id: fresh_text(now, &app.random),
            kind: EventKind::SessionEnded,
            app_session: Some(one.id),
            session: Some(one.session),
            user: one.user,
            cause: Some(cause),
            expires_at: Some(one.expires_at),
        });
    }
    let mut told = 0;
    for (log, new) in logs {
        told += new.len() as u64;
        events::append(tx, &log, &new, now).await?;
    }
    Ok(told)
}

/// Ends one session.
pub async fn end_session(app: &App, id: &SessionId, why: Ending<'_>) -> Stored<Ended> {
    let end = || async {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let ended = end_sessions(app, &mut tx, std::slice::from_ref(id), why, now).await?;
        tx.commit().await?;
        Ok(ended)
    };
    past_deadlocks(StoreError::is_retryable, end).await
}

/// Ends one session, if it is this person's.
pub async fn end_own_session(
    app: &App,
    user: &UserId,
    id: &SessionId,
    why: Ending<'_>,
) -> Stored<Ended> {
    let end = || async {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let own = sessions::unended_of_user(&mut tx, user).await?;
        let wanted: Vec<SessionId> = own.into_iter().filter(|own| own == id).collect();
        let ended = end_sessions(app, &mut tx, &wanted, why, now).await?;
        tx.commit().await?;
        Ok(ended)
    };
    past_deadlocks(StoreError::is_retryable, end).await
}

/// Ends all sessions of a person, but for `except`.
pub async fn end_all_of_user(
    app: &App,
    user: &UserId,
    except: Option<&SessionId>,
    why: Ending<'_>,
) -> Stored<Ended> {
    let end = || async {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let ended = end_all_of_user_in(app, &mut tx, user, except, why, now).await?;
        tx.commit().await?;
        Ok(ended)
    };
    past_deadlocks(StoreError::is_retryable, end).await
}

/// The same inside a transaction of the caller's.
pub async fn end_all_of_user_in(
    app: &App,
    tx: &mut Tx,
    user: &UserId,
    except: Option<&SessionId>,
    why: Ending<'_>,
    now: Millis,
) -> Stored<Ended> {
    let mut own = sessions::unended_of_user(tx, user).await?;
    own.retain(|id| Some(id) != except);
    end_sessions(app, tx, &own, why, now).await
}

/// Ends one app's session; the session behind it goes on. `None` when there is no such app session
/// at this app.
pub async fn end_app_session(
    app: &App,
    client: &AppId,
    id: &AppSessionId,
    why: Ending<'_>,
) -> Stored<Option<Ended>> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let ended = app_sessions::end_one(&mut tx, client, id, why.cause, now).await?;
    let Some(ended) = ended else {
        let known = app_sessions::find(&mut tx, client, id).await?;
        return Ok(known.map(|_| Ended::default()));
    };
    let mut entry = Entry::new(now, Act::AppSessionEnded)
        .user(&ended.user)
        .session(&ended.session)
        .app(client)
        .fact("cause", why.cause.as_str())
        .fact("by", why.by)
        .fact("app_session", id.as_str());
    entry.address = why.address.map(str::to_owned);
    let app_sessions = tell_apps(app, &mut tx, vec![ended], why.cause, now).await?;
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(Some(Ended { sessions: 0, app_sessions }))
}

/// Ends every session at one app, inside a transaction of the caller's.
pub async fn end_app_in(
    app: &App,
    tx: &mut Tx,
    client: &AppId,
    cause: Cause,
    now: Millis,
) -> Stored<Ended> {
    let lost = app_sessions::end_of_app(tx, client, cause, now).await?;
    let app_sessions = tell_apps(app, tx, lost, cause, now).await?;
    Ok(Ended { sessions: 0, app_sessions })
}
