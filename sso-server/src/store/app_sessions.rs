//! `app_sessions`: each app's own short session, recorded when its ticket is redeemed.

use client_sdk::wire::Cause;
use sqlx::Row;

use super::{Conn, StoreError, Stored, Tx};
use crate::domain::{
    Millis,
    app::AppId,
    id::{AppSessionId, SessionId, UserId},
};

/// A recorded app session.
#[derive(Clone, Debug)]
pub struct AppSessionRow {
    /// Its name.
    pub id: AppSessionId,
    /// The session behind it.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// Redeemed at.
    pub created_at: Millis,
    /// Over at the latest.
    pub expires_at: Millis,
    /// Ended at, and why.
    pub ended: Option<(Millis, Cause)>,
}

/// One app's session; another app's is not there.
pub async fn find(
    conn: &mut Conn,
    app: &AppId,
    id: &AppSessionId,
) -> Stored<Option<AppSessionRow>> {
    let row = sqlx::query(
        "SELECT session_id, user_id, created_at, expires_at, ended_at, end_cause
         FROM app_sessions WHERE id = $1 AND app_id = $2",
    )
    .bind(id.as_str())
    .bind(app.as_str())
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let ended_at: Option<i64> = row.try_get(4)?;
    let ended = match ended_at {
        None => None,
        Some(at) => Some((at, cause(row.try_get(5)?)?)),
    };
    Ok(Some(AppSessionRow {
        id: id.clone(),
        session: row.try_get::<String, _>(0)?.into(),
        user: row.try_get::<String, _>(1)?.into(),
        created_at: row.try_get(2)?,
        expires_at: row.try_get(3)?,
        ended,
    }))
}

/// Reads a stored cause. A word of a later version, which may run beside this one, must not keep an
/// app from its log.
pub(super) fn cause(text: Option<String>) -> Stored<Cause> {
    let text =
        text.ok_or_else(|| StoreError::Unreadable { what: "cause", why: "none".to_owned() })?;
    Ok(Cause::parse(&text).unwrap_or(Cause::Unknown))
}

/// An app session that this transaction ended.
#[derive(Clone, Debug)]
pub struct EndedAppSession {
    /// Its name.
    pub id: AppSessionId,
    /// Whose log hears of it.
    pub app: AppId,
    /// The session behind it.
    pub session: SessionId,
    /// The person.
    pub user: UserId,
    /// Until when it would have held; one whose time was up already needs no event.
    pub expires_at: Millis,
}

/// Ends all app sessions of a session.
pub async fn end_of_session(
    tx: &mut Tx,
    session: &SessionId,
    cause: Cause,
    now: Millis,
) -> Stored<Vec<EndedAppSession>> {
    let rows = sqlx::query_as(
        "UPDATE app_sessions SET ended_at = $1, end_cause = $2
         WHERE session_id = $3 AND ended_at IS NULL
         RETURNING id, app_id, session_id, user_id, expires_at",
    )
    .bind(now)
    .bind(cause.as_str())
    .bind(session.as_str())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(ended).collect())
}

/// Ends one app session; `None` when it has ended before.
pub async fn end_one(
    tx: &mut Tx,
    app: &AppId,
    id: &AppSessionId,
    cause: Cause,
    now: Millis,
) -> Stored<Option<EndedAppSession>> {
    let row = sqlx::query_as(
        "UPDATE app_sessions SET ended_at = $1, end_cause = $2
         WHERE id = $3 AND app_id = $4 AND ended_at IS NULL
         RETURNING id, app_id, session_id, user_id, expires_at",
    )
    .bind(now)
    .bind(cause.as_str())
    .bind(id.as_str())
    .bind(app.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(ended))
}

/// Ends all sessions at one app, which was shut off.
pub async fn end_of_app(
    tx: &mut Tx,
    app: &AppId,
    cause: Cause,
    now: Millis,
) -> Stored<Vec<EndedAppSession>> {
    let rows = sqlx::query_as(
        "UPDATE app_sessions SET ended_at = $1, end_cause = $2
         WHERE app_id = $3 AND ended_at IS NULL
         RETURNING id, app_id, session_id, user_id, expires_at",
    )
    .bind(now)
    .bind(cause.as_str())
    .bind(app.as_str())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(ended).collect())
}

fn ended(row: (String, String, String, String, i64)) -> EndedAppSession {
    let (id, app, session, user, expires_at) = row;
    EndedAppSession {
        id: id.into(),
        app: AppId::stored(app),
        session: session.into(),
        user: user.into(),
        expires_at,
    }
}
