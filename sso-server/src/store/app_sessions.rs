//! `app_sessions`: each app's own short session, recorded when its ticket is redeemed.

use std::sync::LazyLock;

use client_sdk::wire::Cause;
use sqlx::Row;

use super::{Conn, StoreError, Stored, Tx, padded::Padded};
use crate::domain::{
    Millis,
    app::AppId,
    id::{AppSessionId, LogoutId, SessionId, UserId, earliest_text},
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

/// Ends all app sessions of at most [`MOST`](super::padded::MOST) sessions.
pub async fn end_of_sessions(
    tx: &mut Tx,
    sessions: &[SessionId],
    cause: Cause,
    logout: &LogoutId,
    now: Millis,
) -> Stored<Vec<EndedAppSession>> {
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::list(
            "UPDATE app_sessions SET ended_at = $1, end_cause = $2, logout_id = $3
             WHERE ended_at IS NULL AND session_id IN (",
            3,
            ") RETURNING id, app_id, session_id, user_id, expires_at",
        )
    });
    end(tx, &SQL, sessions.iter().map(SessionId::as_str).collect(), cause, logout, now).await
}

/// Ends those of at most [`MOST`](super::padded::MOST) app sessions that have not ended yet.
pub async fn end_these(
    tx: &mut Tx,
    ids: &[AppSessionId],
    cause: Cause,
    logout: &LogoutId,
    now: Millis,
) -> Stored<Vec<EndedAppSession>> {
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::list(
            "UPDATE app_sessions SET ended_at = $1, end_cause = $2, logout_id = $3
             WHERE ended_at IS NULL AND id IN (",
            3,
            ") RETURNING id, app_id, session_id, user_id, expires_at",
        )
    });
    end(tx, &SQL, ids.iter().map(AppSessionId::as_str).collect(), cause, logout, now).await
}

async fn end(
    tx: &mut Tx,
    sql: &Padded,
    names: Vec<&str>,
    cause: Cause,
    logout: &LogoutId,
    now: Millis,
) -> Stored<Vec<EndedAppSession>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, padded) = sql.fit(tx, &names);
    let mut query = sqlx::query_as(sql).bind(now).bind(cause.as_str()).bind(logout.as_str());
    for name in padded {
        query = query.bind(*name);
    }
    Ok(query.fetch_all(&mut **tx).await?.into_iter().map(ended).collect())
}

/// Unended sessions at one app behind the id `after`, in the order in which they are to be locked.
pub async fn portion(
    conn: &mut Conn,
    app: &AppId,
    after: &str,
    begun_until: Millis,
    limit: i64,
) -> Stored<Vec<AppSessionId>> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT id FROM app_sessions
         WHERE app_id = $1 AND ended_at IS NULL AND created_at <= $2 AND id > $3
         ORDER BY id LIMIT $4",
    )
    .bind(app.as_str())
    .bind(begun_until)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// How many [`portion`]s would still find, all together.
pub async fn count_begun_until(conn: &mut Conn, app: &AppId, begun_until: Millis) -> Stored<i64> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM app_sessions
         WHERE app_id = $1 AND ended_at IS NULL AND created_at <= $2",
    )
    .bind(app.as_str())
    .bind(begun_until)
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Forgets app sessions that are over since before `over_before`; at most `limit` of them.
pub async fn prune(conn: &mut Conn, over_before: Millis, limit: i64) -> Stored<u64> {
    let done = sqlx::query(
        "DELETE FROM app_sessions WHERE id IN (
             SELECT id FROM app_sessions WHERE id < $1 AND expires_at < $2
             ORDER BY id LIMIT $3)",
    )
    .bind(earliest_text(over_before))
    .bind(over_before)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
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

/// A session at an app, as lists show it.
#[derive(Clone, Debug)]
pub struct ListedAppSession {
    /// Its name.
    pub id: AppSessionId,
    /// The session behind it.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// The person's name.
    pub username: String,
    /// "Firefox on Windows".
    pub device: String,
    /// Redeemed at.
    pub created_at: Millis,
    /// Over at the latest.
    pub expires_at: Millis,
}

/// Live sessions at an app behind the one named `after`, in the order of their names, which begin
/// with their time.
pub async fn live_at(
    conn: &mut Conn,
    app: &AppId,
    now: Millis,
    after: &str,
    limit: i64,
) -> Stored<Vec<ListedAppSession>> {
    type Columns = (String, String, String, String, String, i64, i64);
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT a.id, a.session_id, a.user_id, u.username, s.device, a.created_at, a.expires_at
         FROM app_sessions a
         JOIN users u ON u.id = a.user_id
         JOIN sessions s ON s.id = a.session_id
         WHERE a.app_id = $1 AND a.ended_at IS NULL AND a.expires_at > $2 AND a.id > $3
         ORDER BY a.id LIMIT $4",
    )
    .bind(app.as_str())
    .bind(now)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, session, user, username, device, created_at, expires_at)| ListedAppSession {
            id: id.into(),
            session: session.into(),
            user: user.into(),
            username,
            device,
            created_at,
            expires_at,
        })
        .collect())
}

/// How many live sessions there are at an app.
pub async fn count_live_at(conn: &mut Conn, app: &AppId, now: Millis) -> Stored<i64> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM app_sessions
         WHERE app_id = $1 AND ended_at IS NULL AND expires_at > $2",
    )
    .bind(app.as_str())
    .bind(now)
    .fetch_one(conn)
    .await?;
    Ok(count)
}
