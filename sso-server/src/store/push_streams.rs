//! `push_streams`: what is pushed to each app's events URL, and which node does it.

use std::sync::LazyLock;

use sqlx::{Row, any::AnyRow};

use super::{Conn, Stored, Tx};
use crate::domain::{
    Millis,
    app::AppId,
    push::{LONGEST, PushState, Trouble},
};

/// A stream that this node has claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Signs, sealed.
    pub sealed_secret: String,
    /// The one before, sealed, and until when it signs, too.
    pub previous: Option<(String, Millis)>,
    /// Attempts in a row that failed.
    pub failures: i64,
}

/// Why an attempt failed.
#[derive(Clone, Debug)]
pub struct Failure<'a> {
    /// A stable word.
    pub problem: &'a str,
    /// A sentence.
    pub error: &'a str,
    /// What the app answered.
    pub status: Option<i64>,
    /// When to try again.
    pub next_attempt_at: Millis,
}

/// Opens a stream.
pub async fn insert(tx: &mut Tx, app: &AppId, sealed_secret: &str, now: Millis) -> Stored<()> {
    sqlx::query(
        "INSERT INTO push_streams (app_id, sealed_secret, next_attempt_at, attempt, dead_events,
             created_at)
         VALUES ($1, $2, $3, 0, 0, $3)",
    )
    .bind(app.as_str())
    .bind(sealed_secret)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Closes a stream; `false` when there was none.
pub async fn delete(tx: &mut Tx, app: &AppId) -> Stored<bool> {
    let done = sqlx::query("DELETE FROM push_streams WHERE app_id = $1")
        .bind(app.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The stream leads elsewhere now: what went wrong there is no matter here, and whoever was at it
/// has lost it. `false` when there is none.
pub async fn begin_anew(tx: &mut Tx, app: &AppId, now: Millis) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE push_streams SET next_attempt_at = $1, attempt = 0, failing_since = NULL,
             last_problem = NULL, last_error = NULL, last_status = NULL, dead_since = NULL,
             claimed_by = NULL, claimed_until = NULL
         WHERE app_id = $2",
    )
    .bind(now)
    .bind(app.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The next attempt is due now.
pub async fn hurry(tx: &mut Tx, app: &AppId, now: Millis) -> Stored<()> {
    sqlx::query(
        "UPDATE push_streams SET next_attempt_at = $1 WHERE app_id = $2 AND next_attempt_at > $1",
    )
    .bind(now)
    .bind(app.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A new secret; the one before signs beside it until `previous_until`. `false` when there is no
/// stream.
pub async fn set_secret(
    tx: &mut Tx,
    app: &AppId,
    sealed: &str,
    previous_until: Option<Millis>,
) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE push_streams SET sealed_secret = $1, previous_secret_until = $2,
             sealed_previous_secret = CASE WHEN $3 = '' THEN NULL ELSE sealed_secret END
         WHERE app_id = $4",
    )
    .bind(sealed)
    .bind(previous_until)
    .bind(if previous_until.is_some() { "keep" } else { "" })
    .bind(app.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Streams with something to send that nobody is at: app and failures in a row. Those that wait
/// longest come first. A time further away than anybody would have set it is from before the clock
/// was turned back (SECURITY-CASES W-11).
pub async fn due(conn: &mut Conn, now: Millis, limit: i64) -> Stored<Vec<(AppId, i64)>> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT s.app_id, s.attempt FROM push_streams s
             JOIN event_logs l ON l.app_id = s.app_id
             JOIN app_instances i ON i.app_id = s.app_id AND i.instance = '@push'
         WHERE i.acknowledged < l.head
             AND (s.next_attempt_at <= $1 OR s.next_attempt_at > $2)
             AND (s.claimed_until IS NULL OR s.claimed_until <= $1 OR s.claimed_until > $2)
         ORDER BY s.next_attempt_at LIMIT $3",
    )
    .bind(now)
    .bind(now.saturating_add(LONGEST))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(app, failures)| (AppId::stored(app), failures)).collect())
}

/// Claims a stream until `until`. Of several nodes one gets it; a claim whose holder is gone runs
/// out.
pub async fn claim(
    tx: &mut Tx,
    app: &AppId,
    node: &str,
    now: Millis,
    until: Millis,
) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE push_streams SET claimed_by = $1, claimed_until = $2
         WHERE app_id = $3 AND (next_attempt_at <= $4 OR next_attempt_at > $5)
             AND (claimed_until IS NULL OR claimed_until <= $4 OR claimed_until > $5)",
    )
    .bind(node)
    .bind(until)
    .bind(app.as_str())
    .bind(now)
    .bind(now.saturating_add(LONGEST))
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The stream, as long as this node's claim holds.
pub async fn claimed(
    conn: &mut Conn,
    app: &AppId,
    node: &str,
    now: Millis,
) -> Stored<Option<Claimed>> {
    let row = sqlx::query(
        "SELECT sealed_secret, sealed_previous_secret, previous_secret_until, attempt
         FROM push_streams WHERE app_id = $1 AND claimed_by = $2 AND claimed_until > $3",
    )
    .bind(app.as_str())
    .bind(node)
    .bind(now)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let previous: Option<String> = row.try_get(1)?;
    let until: Option<Millis> = row.try_get(2)?;
    Ok(Some(Claimed {
        sealed_secret: row.try_get(0)?,
        previous: previous.zip(until),
        failures: row.try_get(3)?,
    }))
}

/// Something was delivered: nothing is wrong any more, and the claim is prolonged. `false` when the
/// stream is not this node's any more.
pub async fn delivered(
    tx: &mut Tx,
    app: &AppId,
    node: &str,
    now: Millis,
    until: Millis,
) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE push_streams SET attempt = 0, failing_since = NULL, last_problem = NULL,
             last_error = NULL, last_status = NULL, dead_since = NULL, last_success_at = $1,
             claimed_until = $2
         WHERE app_id = $3 AND claimed_by = $4",
    )
    .bind(now)
    .bind(until)
    .bind(app.as_str())
    .bind(node)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Entries were passed over, `lost` of them never delivered though they mattered once. `false` when
/// the stream is not this node's any more.
pub async fn passed_over(
    tx: &mut Tx,
    app: &AppId,
    node: &str,
    lost: i64,
    now: Millis,
) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE push_streams SET dead_events = dead_events + $1,
             dead_since = CASE WHEN $1 > 0 THEN COALESCE(dead_since, $2) ELSE dead_since END
         WHERE app_id = $3 AND claimed_by = $4",
    )
    .bind(lost)
    .bind(now)
    .bind(app.as_str())
    .bind(node)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// An attempt failed; the claim is given back.
pub async fn failed(
    tx: &mut Tx,
    app: &AppId,
    node: &str,
    failure: &Failure<'_>,
    now: Millis,
) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE push_streams SET attempt = attempt + 1,
             failing_since = COALESCE(failing_since, $1), last_problem = $2, last_error = $3,
             last_status = $4, next_attempt_at = $5, claimed_by = NULL, claimed_until = NULL
         WHERE app_id = $6 AND claimed_by = $7",
    )
    .bind(now)
    .bind(failure.problem)
    .bind(failure.error)
    .bind(failure.status)
    .bind(failure.next_attempt_at)
    .bind(app.as_str())
    .bind(node)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Nothing is left to send; the claim is given back.
pub async fn release(tx: &mut Tx, app: &AppId, node: &str) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE push_streams SET claimed_by = NULL, claimed_until = NULL
         WHERE app_id = $1 AND claimed_by = $2",
    )
    .bind(app.as_str())
    .bind(node)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

const STATE: &str = "SELECT app_id, attempt, failing_since, last_problem, last_error, last_status,
    next_attempt_at, last_success_at, dead_events, dead_since, previous_secret_until
    FROM push_streams";

/// How all streams are doing.
pub async fn states(conn: &mut Conn) -> Stored<Vec<(AppId, PushState)>> {
    let rows = sqlx::query(STATE).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((AppId::stored(row.try_get(0)?), state(row)?))).collect()
}

/// How one stream is doing; `None` when nothing is pushed to the app.
pub async fn find(conn: &mut Conn, app: &AppId) -> Stored<Option<PushState>> {
    static SQL: LazyLock<String> = LazyLock::new(|| format!("{STATE} WHERE app_id = $1"));
    let row = sqlx::query(SQL.as_str()).bind(app.as_str()).fetch_optional(conn).await?;
    row.as_ref().map(state).transpose()
}

fn state(row: &AnyRow) -> Stored<PushState> {
    let since: Option<Millis> = row.try_get(2)?;
    let problem: Option<String> = row.try_get(3)?;
    let error: Option<String> = row.try_get(4)?;
    let trouble = match since {
        None => None,
        Some(since) => Some(Trouble {
            problem: problem.unwrap_or_default(),
            error: error.unwrap_or_default(),
            status: row.try_get(5)?,
            since,
            failures: row.try_get(1)?,
            next_attempt_at: row.try_get(6)?,
        }),
    };
    Ok(PushState {
        trouble,
        last_success_at: row.try_get(7)?,
        dead_events: row.try_get(8)?,
        dead_since: row.try_get(9)?,
        previous_secret_until: row.try_get(10)?,
    })
}

/// Every sealed secret, the previous ones after the present one.
pub async fn sealed(conn: &mut Conn) -> Stored<Vec<(AppId, String, Option<String>)>> {
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT app_id, sealed_secret, sealed_previous_secret FROM push_streams ORDER BY app_id",
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(app, one, other)| (AppId::stored(app), one, other)).collect())
}

/// Replaces what is sealed, if it is still `old`.
pub async fn reseal(
    tx: &mut Tx,
    app: &AppId,
    old: &str,
    new: &str,
    new_previous: Option<&str>,
) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE push_streams SET sealed_secret = $1, sealed_previous_secret = $2
         WHERE app_id = $3 AND sealed_secret = $4",
    )
    .bind(new)
    .bind(new_previous)
    .bind(app.as_str())
    .bind(old)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
