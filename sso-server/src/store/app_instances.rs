//! `app_instances`: the running copies of an app, and how far each has read its log.

use sqlx::{Row, any::AnyRow};

use super::{Conn, Stored, Tx};
use crate::domain::{Millis, app::AppId, confirmation::Listener};

/// A contact to be noted.
#[derive(Clone, Copy, Debug)]
pub struct Contact<'a> {
    /// The name that the instance gives itself.
    pub instance: &'a str,
    /// The version of the app that it says it is.
    pub version: Option<&'a str>,
    /// Everything up to this number is acknowledged.
    pub acknowledged: i64,
    /// Heard of now.
    pub now: Millis,
    /// It refuses by itself from here on.
    pub trusted_until: Millis,
}

const COLUMNS: &str =
    "SELECT instance, version, acknowledged, last_contact_at, trusted_until, left_at
     FROM app_instances WHERE app_id = $1";

/// What is known of an instance.
pub async fn find(conn: &mut Conn, app: &AppId, instance: &str) -> Stored<Option<Listener>> {
    let row = sqlx::query(
        "SELECT instance, version, acknowledged, last_contact_at, trusted_until, left_at
         FROM app_instances WHERE app_id = $1 AND instance = $2",
    )
    .bind(app.as_str())
    .bind(instance)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// All instances of an app that are remembered.
pub async fn of_app(conn: &mut Conn, app: &AppId) -> Stored<Vec<Listener>> {
    sqlx::query(COLUMNS).bind(app.as_str()).fetch_all(conn).await?.iter().map(from_row).collect()
}

fn from_row(row: &AnyRow) -> Stored<Listener> {
    Ok(Listener {
        instance: row.try_get(0)?,
        version: row.try_get(1)?,
        acknowledged: row.try_get(2)?,
        last_contact_at: row.try_get(3)?,
        trusted_until: row.try_get(4)?,
        left_at: row.try_get(5)?,
    })
}

/// Notes a contact. What was acknowledged once stays so, and what was promised last holds, whatever
/// order the writes arrive in.
pub async fn note(tx: &mut Tx, app: &AppId, contact: Contact<'_>) -> Stored<()> {
    sqlx::query(
        "INSERT INTO app_instances (app_id, instance, version, acknowledged, last_contact_at,
             trusted_until, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $5)
         ON CONFLICT (app_id, instance) DO UPDATE SET
             version = excluded.version, left_at = NULL,
             acknowledged = CASE WHEN excluded.acknowledged > app_instances.acknowledged
                                 THEN excluded.acknowledged ELSE app_instances.acknowledged END,
             last_contact_at = CASE WHEN excluded.last_contact_at > app_instances.last_contact_at
                                    THEN excluded.last_contact_at
                                    ELSE app_instances.last_contact_at END,
             trusted_until = CASE WHEN excluded.trusted_until > app_instances.trusted_until
                                       OR app_instances.trusted_until = 9223372036854775807
                                  THEN excluded.trusted_until ELSE app_instances.trusted_until END",
    )
    .bind(app.as_str())
    .bind(contact.instance)
    .bind(contact.version)
    .bind(contact.acknowledged)
    .bind(contact.now)
    .bind(contact.trusted_until)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// After a restore: what instances have promised since the backup is not known. Each is taken to have
/// promised as much as the last time, a moment ago, so that a proof does not say that it refuses
/// while it may not. `slack` is what polls differ by.
pub async fn renew_promises(tx: &mut Tx, now: Millis, slack: Millis) -> Stored<()> {
    sqlx::query(
        "UPDATE app_instances SET trusted_until = $1 + (trusted_until - last_contact_at)
         WHERE left_at IS NULL AND trusted_until < 9223372036854775807
             AND last_contact_at <= trusted_until",
    )
    .bind(now.saturating_add(slack))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The instance says good-bye: nobody waits for it any more. `false` when it is not known.
pub async fn leave(tx: &mut Tx, app: &AppId, instance: &str, now: Millis) -> Stored<bool> {
    let done =
        sqlx::query("UPDATE app_instances SET left_at = $1 WHERE app_id = $2 AND instance = $3")
            .bind(now)
            .bind(app.as_str())
            .bind(instance)
            .execute(&mut **tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Nobody listens under this name any more, and nobody ever did so on its behalf: unlike one that
/// left, it confirms nothing.
pub async fn remove(tx: &mut Tx, app: &AppId, instance: &str) -> Stored<()> {
    sqlx::query("DELETE FROM app_instances WHERE app_id = $1 AND instance = $2")
        .bind(app.as_str())
        .bind(instance)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Forgets an app's instances that accept nothing any more: they have left, or refuse by themselves.
/// The caller holds the app's log and has written down what is confirmed by that.
pub async fn forget_gone(tx: &mut Tx, app: &AppId, now: Millis) -> Stored<u64> {
    let done = sqlx::query(
        "DELETE FROM app_instances
         WHERE app_id = $1 AND instance <> '@push'
             AND (left_at IS NOT NULL OR trusted_until <= $2)",
    )
    .bind(app.as_str())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
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
    let done =
        sqlx::query("DELETE FROM app_instances WHERE last_contact_at < $1 AND instance <> '@push'")
            .bind(silent_since)
            .execute(conn)
            .await?;
    Ok(done.rows_affected())
}
