//! `confirmations`: for each logout and app, whether the app is known to have obeyed.

use super::{Conn, Stored, Tx};
use crate::domain::{Millis, app::AppId, confirmation::Confirmation, id::LogoutId};

/// Adds what a portion of a logout has ended at an app. A later portion reopens the question.
pub async fn add(tx: &mut Tx, logout: &LogoutId, part: &Confirmation) -> Stored<()> {
    sqlx::query(
        "INSERT INTO confirmations (logout_id, app_id, app_sessions, last_seq, at, over_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (logout_id, app_id) DO UPDATE SET
             app_sessions = confirmations.app_sessions + excluded.app_sessions,
             last_seq = excluded.last_seq, at = excluded.at, confirmed_at = NULL,
             over_at = CASE WHEN excluded.over_at > confirmations.over_at
                            THEN excluded.over_at ELSE confirmations.over_at END",
    )
    .bind(logout.as_str())
    .bind(part.app.as_str())
    .bind(part.app_sessions)
    .bind(part.last_seq)
    .bind(part.at)
    .bind(part.over_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What the apps have to confirm of a logout, by app id.
pub async fn of_logout(conn: &mut Conn, logout: &LogoutId) -> Stored<Vec<Confirmation>> {
    let rows: Vec<(String, i64, i64, i64, i64, Option<i64>)> = sqlx::query_as(
        "SELECT app_id, app_sessions, last_seq, at, over_at, confirmed_at FROM confirmations
         WHERE logout_id = $1 ORDER BY app_id",
    )
    .bind(logout.as_str())
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(app, app_sessions, last_seq, at, over_at, confirmed_at)| Confirmation {
            app: AppId::stored(app),
            app_sessions,
            last_seq,
            at,
            over_at,
            confirmed_at,
        })
        .collect())
}

/// What [`confirm`] has written down.
#[derive(Debug)]
pub struct Confirmed {
    /// Whether it was anything.
    pub any: bool,
    /// How long each took; without tests.
    pub took: Vec<Millis>,
}

/// Writes down which logouts this app has now confirmed up to entry `acknowledged`: those that no
/// listener may still accept ([`Confirmation::standing`]). Answers how long each of them took, but
/// for tests, which ended nobody's session.
///
/// The caller holds the lock of the app's log (`events::lock`): of two listeners that answer at the
/// same moment, the second sees the first.
pub async fn confirm(
    tx: &mut Tx,
    app: &AppId,
    acknowledged: i64,
    now: Millis,
) -> Stored<Confirmed> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "UPDATE confirmations SET confirmed_at = $1
         WHERE app_id = $2 AND confirmed_at IS NULL AND last_seq <= $3 AND over_at > $1
             AND NOT EXISTS (SELECT 1 FROM app_instances i
                             WHERE i.app_id = $2 AND i.acknowledged < confirmations.last_seq
                                 AND i.left_at IS NULL AND i.trusted_until > $1)
         RETURNING at, app_sessions",
    )
    .bind(now)
    .bind(app.as_str())
    .bind(acknowledged)
    .fetch_all(&mut **tx)
    .await?;
    Ok(Confirmed {
        any: !rows.is_empty(),
        took: rows
            .into_iter()
            .filter(|(_, app_sessions)| *app_sessions > 0)
            .map(|(at, _)| (now - at).max(0))
            .collect(),
    })
}

/// Apps that have something to confirm and somebody who listens: whoever has lapsed since is found
/// by asking [`confirm`] again.
pub async fn open_apps(conn: &mut Conn, now: Millis) -> Stored<Vec<AppId>> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT app_id FROM confirmations
         WHERE confirmed_at IS NULL AND over_at > $1
             AND app_id IN (SELECT app_id FROM app_instances)",
    )
    .bind(now)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(app,)| AppId::stored(app)).collect())
}

/// Forgets what was over before `over_before`.
pub async fn prune(conn: &mut Conn, over_before: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM confirmations WHERE over_at < $1")
        .bind(over_before)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
