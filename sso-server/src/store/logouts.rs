//! `logouts`: whatever ended sessions in one act, and why.

use std::sync::LazyLock;

use client_sdk::wire::Cause;
use sqlx::{Row, any::AnyRow};

use super::{Conn, Stored, Tx, app_sessions::cause};
use crate::domain::{
    Millis,
    id::{LogoutId, UserId},
};

/// Who did it when it only was a test: no app, user or operator is called so.
pub const TEST: &str = "@doctor";

/// A logout to be written down.
#[derive(Debug)]
pub struct NewLogout<'a> {
    /// Its name.
    pub id: &'a LogoutId,
    /// Now.
    pub at: Millis,
    /// What the apps are told.
    pub cause: Cause,
    /// Who did it.
    pub actor: &'a str,
    /// Why, in an admin's words.
    pub reason: Option<&'a str>,
    /// When all of it is one person's.
    pub user: Option<&'a UserId>,
}

/// A logout.
#[derive(Clone, Debug)]
pub struct LogoutRow {
    /// Its name.
    pub id: LogoutId,
    /// When.
    pub at: Millis,
    /// What the apps were told.
    pub cause: Cause,
    /// Who did it.
    pub actor: String,
    /// Why, in an admin's words.
    pub reason: Option<String>,
    /// When all of it was one person's.
    pub user: Option<UserId>,
    /// What a logout of many reaches, JSON.
    pub reach: Option<String>,
    /// When the last portion of a logout of many was done.
    pub finished_at: Option<Millis>,
    /// Sessions ended so far.
    pub sessions: i64,
    /// App sessions ended so far.
    pub app_sessions: i64,
}

/// Writes one down that is done in this transaction.
pub async fn insert(
    tx: &mut Tx,
    new: NewLogout<'_>,
    sessions: usize,
    app_sessions: usize,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO logouts (id, at, cause, actor, reason, user_id, sessions, app_sessions)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.id.as_str())
    .bind(new.at)
    .bind(new.cause.as_str())
    .bind(new.actor)
    .bind(new.reason)
    .bind(new.user.map(UserId::as_str))
    .bind(number(sessions))
    .bind(number(app_sessions))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Begins a logout of many, to be carried out in portions.
pub async fn begin(tx: &mut Tx, new: NewLogout<'_>, reach: &str) -> Stored<()> {
    sqlx::query(
        "INSERT INTO logouts (id, at, cause, actor, reason, user_id, reach, progress_at, sessions,
             app_sessions)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $2, 0, 0)",
    )
    .bind(new.id.as_str())
    .bind(new.at)
    .bind(new.cause.as_str())
    .bind(new.actor)
    .bind(new.reason)
    .bind(new.user.map(UserId::as_str))
    .bind(reach)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes over a logout of many that has stood still since before `still_since`. Of several nodes
/// one gets `true`.
pub async fn take_over(
    tx: &mut Tx,
    id: &LogoutId,
    still_since: Millis,
    now: Millis,
) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE logouts SET progress_at = $1
         WHERE id = $2 AND finished_at IS NULL AND progress_at < $3",
    )
    .bind(now)
    .bind(id.as_str())
    .bind(still_since)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts a portion of a logout of many.
pub async fn count(
    tx: &mut Tx,
    id: &LogoutId,
    sessions: usize,
    app_sessions: usize,
    now: Millis,
) -> Stored<()> {
    sqlx::query(
        "UPDATE logouts SET sessions = sessions + $1, app_sessions = app_sessions + $2,
             progress_at = $3 WHERE id = $4",
    )
    .bind(number(sessions))
    .bind(number(app_sessions))
    .bind(now)
    .bind(id.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The last portion is done.
pub async fn finish(tx: &mut Tx, id: &LogoutId, now: Millis) -> Stored<()> {
    sqlx::query("UPDATE logouts SET finished_at = $1 WHERE id = $2 AND finished_at IS NULL")
        .bind(now)
        .bind(id.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

const COLUMNS: &str =
    "id, at, cause, actor, reason, user_id, reach, finished_at, sessions, app_sessions";

/// One of them.
pub async fn find(conn: &mut Conn, id: &LogoutId) -> Stored<Option<LogoutRow>> {
    static SQL: LazyLock<String> =
        LazyLock::new(|| format!("SELECT {COLUMNS} FROM logouts WHERE id = $1"));
    let row = sqlx::query(SQL.as_str()).bind(id.as_str()).fetch_optional(conn).await?;
    row.as_ref().map(from_row).transpose()
}

/// The latest, latest first, without tests: ids begin with their time.
pub async fn latest(conn: &mut Conn, limit: i64) -> Stored<Vec<LogoutRow>> {
    // Behind every id: they are hexadecimal digits and `-`.
    before(conn, "g", limit).await
}

/// The latest of those before the one named `id`, latest first, without tests.
pub async fn before(conn: &mut Conn, id: &str, limit: i64) -> Stored<Vec<LogoutRow>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT {COLUMNS} FROM logouts WHERE id < $1 AND actor <> $3 ORDER BY id DESC LIMIT $2"
        )
    });
    let query = sqlx::query(SQL.as_str()).bind(id).bind(limit).bind(TEST);
    query.fetch_all(conn).await?.iter().map(from_row).collect()
}

/// Logouts of many that are not finished, oldest first.
pub async fn unfinished(conn: &mut Conn) -> Stored<Vec<LogoutRow>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT {COLUMNS} FROM logouts WHERE reach IS NOT NULL AND finished_at IS NULL ORDER BY at"
        )
    });
    sqlx::query(SQL.as_str()).fetch_all(conn).await?.iter().map(from_row).collect()
}

fn from_row(row: &AnyRow) -> Stored<LogoutRow> {
    Ok(LogoutRow {
        id: row.try_get::<String, _>(0)?.into(),
        at: row.try_get(1)?,
        cause: cause(row.try_get(2)?)?,
        actor: row.try_get(3)?,
        reason: row.try_get(4)?,
        user: row.try_get::<Option<String>, _>(5)?.map(UserId::from),
        reach: row.try_get(6)?,
        finished_at: row.try_get(7)?,
        sessions: row.try_get(8)?,
        app_sessions: row.try_get(9)?,
    })
}

/// Forgets logouts from before `begun_before` of which nothing is left to confirm; answers how many.
/// Sessions ended by them keep naming them.
pub async fn prune(conn: &mut Conn, begun_before: Millis) -> Stored<u64> {
    let done = sqlx::query(
        "DELETE FROM logouts WHERE at < $1 AND (reach IS NULL OR finished_at IS NOT NULL)
             AND NOT EXISTS (SELECT 1 FROM confirmations c WHERE c.logout_id = logouts.id)",
    )
    .bind(begun_before)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
