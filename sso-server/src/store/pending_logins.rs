//! `pending_logins`: somebody has proven who they are, and has to decide something before a session
//! is issued.

use super::{Conn, Stored, Tx};
use crate::domain::{Millis, id::UserId, token::Digest};

/// A log-in that waits.
#[derive(Clone, Debug)]
pub struct PendingLogin {
    /// Who.
    pub user: UserId,
    /// "Keep me signed in".
    pub keep: bool,
}

/// Writes one down. The caller holds the person's row, so the password cannot change in between.
pub async fn insert(
    tx: &mut Tx,
    digest: &Digest,
    pending: &PendingLogin,
    now: Millis,
    expires_at: Millis,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO pending_logins (digest, user_id, kept_since, created_at, expires_at,
             password_changed_at)
         VALUES ($1, $2, $3, $4, $5, (SELECT password_changed_at FROM users WHERE id = $2))",
    )
    .bind(digest.as_str())
    .bind(pending.user.as_str())
    .bind(pending.keep.then_some(now))
    .bind(now)
    .bind(expires_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes one that is still good and holds its row; `None` when it is used, too old, or from before
/// the account's present password. It is used up with the transaction that issues the session; if
/// that is dropped, it waits on.
pub async fn take(tx: &mut Tx, digest: &Digest, now: Millis) -> Stored<Option<PendingLogin>> {
    let row: Option<(String, Option<i64>)> = sqlx::query_as(
        "UPDATE pending_logins SET used_at = $1
         WHERE digest = $2 AND used_at IS NULL AND expires_at > $1
             AND COALESCE(password_changed_at, 0) = (
                 SELECT COALESCE(u.password_changed_at, 0) FROM users u
                 WHERE u.id = pending_logins.user_id)
         RETURNING user_id, kept_since",
    )
    .bind(now)
    .bind(digest.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|(user, kept)| PendingLogin { user: user.into(), keep: kept.is_some() }))
}

/// Forgets those that have expired.
pub async fn prune(conn: &mut Conn, expired_before: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM pending_logins WHERE expires_at < $1")
        .bind(expired_before)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
