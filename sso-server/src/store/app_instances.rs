//! `app_instances`: the running copies of an app, and how far each has read its log.

use super::{Conn, Stored};
use crate::domain::{Millis, app::AppId};

/// How far an instance has confirmed, and when it was last heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The last number it has acknowledged.
    pub acknowledged: i64,
    /// Heard of at.
    pub at: Millis,
}

/// What is known of an instance.
pub async fn find(conn: &mut Conn, app: &AppId, instance: &str) -> Stored<Option<Contact>> {
    let row: Option<(i64, i64)> = sqlx::query_as(
        "SELECT acknowledged, last_contact_at FROM app_instances WHERE app_id = $1 AND instance = $2",
    )
    .bind(app.as_str())
    .bind(instance)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(acknowledged, at)| Contact { acknowledged, at }))
}

/// Notes a contact. What was acknowledged once stays so, whatever order the writes arrive in.
pub async fn note(
    conn: &mut Conn,
    app: &AppId,
    instance: &str,
    acknowledged: i64,
    now: Millis,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO app_instances (app_id, instance, acknowledged, last_contact_at, created_at)
         VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (app_id, instance) DO UPDATE SET
             acknowledged = CASE WHEN excluded.acknowledged > app_instances.acknowledged
                                 THEN excluded.acknowledged ELSE app_instances.acknowledged END,
             last_contact_at = CASE WHEN excluded.last_contact_at > app_instances.last_contact_at
                                    THEN excluded.last_contact_at
                                    ELSE app_instances.last_contact_at END",
    )
    .bind(app.as_str())
    .bind(instance)
    .bind(acknowledged)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// How many instances of an app are known.
pub async fn count(conn: &mut Conn, app: &AppId) -> Stored<i64> {
    let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM app_instances WHERE app_id = $1")
        .bind(app.as_str())
        .fetch_one(conn)
        .await?;
    Ok(count)
}

/// Forgets instances that were last heard of before `silent_since`.
pub async fn prune(conn: &mut Conn, silent_since: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM app_instances WHERE last_contact_at < $1")
        .bind(silent_since)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
