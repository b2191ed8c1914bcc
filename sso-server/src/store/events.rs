//! `event_logs`, `log_gaps` and `events`: each app's ordered log.

use std::sync::LazyLock;

use client_sdk::wire::{Cause, EventKind, Replacement};
use sqlx::{Row, any::AnyRow};

use super::{
    Conn, Stored, Tx,
    app_sessions::cause,
    padded::{MOST, Padded},
    wakes::Topic,
};
use crate::domain::{
    Millis,
    app::AppId,
    id::{AppSessionId, SessionId, UserId},
};

/// An entry to be appended.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Stable over every repetition.
    pub id: String,
    /// What happened.
    pub kind: EventKind,
    /// The app session concerned.
    pub app_session: Option<AppSessionId>,
    /// The session concerned.
    pub session: Option<SessionId>,
    /// The person.
    pub user: UserId,
    /// Why.
    pub cause: Option<Cause>,
    /// When the app session would have been over anyway.
    pub expires_at: Option<Millis>,
    /// What is there to tell beside the cause.
    pub detail: Option<Replacement>,
}

/// Appends to an app's log and wakes its readers with the commit. Moving the head locks its row, so
/// numbers become visible in order: who has read up to `n` has missed nothing below. Whoever
/// appends to several logs does so in the order of app ids, so that two transactions cannot wait
/// for each other. Answers the number of the last entry.
pub async fn append(tx: &mut Tx, app: &AppId, new: &[NewEvent], now: Millis) -> Stored<i64> {
    static INSERT: LazyLock<Padded> = LazyLock::new(|| {
        Padded::rows(
            "INSERT INTO events (app_id, seq, id, kind, app_session_id, session_id, user_id, cause, at,
                 expires_at, detail)
             VALUES ",
            11,
            " ON CONFLICT (app_id, seq) DO NOTHING",
        )
    });
    let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
    let (head,): (i64,) =
        sqlx::query_as("UPDATE event_logs SET head = head + $1 WHERE app_id = $2 RETURNING head")
            .bind(count)
            .bind(app.as_str())
            .fetch_one(&mut **tx)
            .await?;
    let numbered: Vec<(i64, &NewEvent)> = (head - count + 1..).zip(new).collect();
    for chunk in numbered.chunks(MOST) {
        let (sql, rows) = INSERT.fit(tx, chunk);
        let mut query = sqlx::query(sql);
        for (seq, event) in rows {
            query = query
                .bind(app.as_str())
                .bind(*seq)
                .bind(&event.id)
                .bind(event.kind.as_str())
                .bind(event.app_session.as_ref().map(AppSessionId::as_str))
                .bind(event.session.as_ref().map(SessionId::as_str))
                .bind(event.user.as_str())
                .bind(event.cause.map(Cause::as_str))
                .bind(now)
                .bind(event.expires_at)
                .bind(event.detail.as_ref().and_then(|detail| serde_json::to_string(detail).ok()));
        }
        query.execute(&mut **tx).await?;
    }
    tx.wake(Topic::Events(app.clone()));
    Ok(head)
}

/// Holds an app's log for the rest of the transaction: whoever appends, or writes down how far it
/// was read, comes one after the other.
pub async fn lock(tx: &mut Tx, app: &AppId) -> Stored<i64> {
    let row: Option<(i64,)> =
        sqlx::query_as("UPDATE event_logs SET head = head WHERE app_id = $1 RETURNING head")
            .bind(app.as_str())
            .fetch_optional(&mut **tx)
            .await?;
    Ok(row.map_or(0, |(head,)| head))
}

/// Moves the end of an app's log to `floor`, beyond every number that the lost future of a restored
/// database can have given out; what follows is new to every reader. The caller holds the log
/// ([`lock`]), whose end is `head`; `false` when that is beyond `floor` already.
pub async fn jump(tx: &mut Tx, app: &AppId, head: i64, floor: i64) -> Stored<bool> {
    if head > floor {
        return Ok(false);
    }
    sqlx::query("UPDATE event_logs SET head = $1 WHERE app_id = $2")
        .bind(floor)
        .bind(app.as_str())
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "INSERT INTO log_gaps (app_id, from_seq, to_seq) VALUES ($1, $2, $3)
         ON CONFLICT (app_id, from_seq) DO UPDATE SET to_seq = excluded.to_seq",
    )
    .bind(app.as_str())
    .bind(head)
    .bind(floor)
    .execute(&mut **tx)
    .await?;
    Ok(true)
}

/// How many of the numbers after `after` up to `until` were never an entry's.
pub async fn skipped_among(conn: &mut Conn, app: &AppId, after: i64, until: i64) -> Stored<i64> {
    let gaps: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT from_seq, to_seq FROM log_gaps
         WHERE app_id = $1 AND to_seq > $2 AND from_seq < $3",
    )
    .bind(app.as_str())
    .bind(after)
    .bind(until)
    .fetch_all(conn)
    .await?;
    Ok(gaps.into_iter().map(|(from, to)| to.min(until) - from.max(after)).sum())
}

/// A stored entry.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Its number in the log.
    pub seq: i64,
    /// Stable over every repetition.
    pub id: String,
    /// What happened.
    pub kind: String,
    /// The app session concerned.
    pub app_session: Option<String>,
    /// The session concerned.
    pub session: Option<String>,
    /// The person.
    pub user: String,
    /// Why.
    pub cause: Option<Cause>,
    /// When.
    pub at: Millis,
    /// When the app session would have been over anyway.
    pub expires_at: Option<Millis>,
    /// What is there to tell beside the cause.
    pub detail: Option<Replacement>,
}

/// Entries after `after`, oldest first.
pub async fn after(
    conn: &mut Conn,
    app: &AppId,
    after: i64,
    limit: i64,
) -> Stored<Vec<StoredEvent>> {
    let rows = sqlx::query(
        "SELECT seq, id, kind, app_session_id, session_id, user_id, cause, at, expires_at,
                detail
         FROM events
         WHERE app_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(app.as_str())
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &AnyRow) -> Stored<StoredEvent> {
    let word: Option<String> = row.try_get(6)?;
    Ok(StoredEvent {
        seq: row.try_get(0)?,
        id: row.try_get(1)?,
        kind: row.try_get(2)?,
        app_session: row.try_get(3)?,
        session: row.try_get(4)?,
        user: row.try_get(5)?,
        cause: word.map(|word| cause(Some(word))).transpose()?,
        at: row.try_get(7)?,
        expires_at: row.try_get(8)?,
        detail: row
            .try_get::<Option<String>, _>(9)?
            .and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// The first entries after `after` that still have to be delivered at `now`; one that does not say
/// how long it matters does so if it is younger than `since`.
pub async fn that_matter(
    conn: &mut Conn,
    app: &AppId,
    after: i64,
    now: Millis,
    since: Millis,
    limit: i64,
) -> Stored<Vec<StoredEvent>> {
    let rows = sqlx::query(
        "SELECT seq, id, kind, app_session_id, session_id, user_id, cause, at, expires_at,
                detail
         FROM events
         WHERE app_id = $1 AND seq > $2 AND (expires_at > $3 OR (expires_at IS NULL AND at > $4))
         ORDER BY seq LIMIT $5",
    )
    .bind(app.as_str())
    .bind(after)
    .bind(now)
    .bind(since)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(from_row).collect()
}

/// How many of the entries after `after` up to `until` are only tests: about a session of nobody's.
pub async fn tests_among(conn: &mut Conn, app: &AppId, after: i64, until: i64) -> Stored<i64> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM events
         WHERE app_id = $1 AND seq > $2 AND seq <= $3 AND kind = 'session.ended'
             AND session_id IS NULL",
    )
    .bind(app.as_str())
    .bind(after)
    .bind(until)
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Forgets entries about app sessions that have been over by themselves since before `expired_before`:
/// a reader that comes so late would refuse them anyway.
pub async fn prune(conn: &mut Conn, expired_before: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM events WHERE expires_at < $1")
        .bind(expired_before)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}

/// The number of the last entry, 0 when there is none.
pub async fn head(conn: &mut Conn, app: &AppId) -> Stored<i64> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT head FROM event_logs WHERE app_id = $1")
        .bind(app.as_str())
        .fetch_optional(conn)
        .await?;
    Ok(row.map_or(0, |(head,)| head))
}

/// The heads of all logs.
pub async fn heads(conn: &mut Conn) -> Stored<Vec<(AppId, i64)>> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT app_id, head FROM event_logs").fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(app, head)| (AppId::stored(app), head)).collect())
}
