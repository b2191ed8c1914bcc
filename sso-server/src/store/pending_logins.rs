//! `pending_logins`: somebody has proven who they are, and has to decide something before a session
//! is issued.

use super::{Conn, Stored, Tx};
use crate::domain::{Millis, id::UserId, identity::Proof, token::Digest};

/// A login that waits.
#[derive(Clone, Debug)]
pub struct PendingLogin {
    /// Who.
    pub user: UserId,
    /// When they proved it.
    pub proven_at: Millis,
    /// By what.
    pub proof: Proof,
    /// "Keep me signed in".
    pub keep: bool,
}

/// Writes one down.
pub async fn insert(
    tx: &mut Tx,
    digest: &Digest,
    pending: &PendingLogin,
    expires_at: Millis,
) -> Stored<()> {
    let (password_set_at, identity) = match &pending.proof {
        Proof::Password { set_at } => (*set_at, None),
        Proof::Identity(id) => (0, Some(id.as_str())),
    };
    sqlx::query(
        "INSERT INTO pending_logins (digest, user_id, kept_since, created_at, expires_at,
             password_set_at, identity_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(digest.as_str())
    .bind(pending.user.as_str())
    .bind(pending.keep.then_some(pending.proven_at))
    .bind(pending.proven_at)
    .bind(expires_at)
    .bind(password_set_at)
    .bind(identity)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes one that is still good and holds its row; `None` when it is used or too old. It is used up with the transaction that issues the session; if
/// that is dropped, it waits on.
pub async fn take(tx: &mut Tx, digest: &Digest, now: Millis) -> Stored<Option<PendingLogin>> {
    type Row = (String, i64, i64, Option<i64>, Option<String>);
    let row: Option<Row> = sqlx::query_as(
        "UPDATE pending_logins SET used_at = $1
         WHERE digest = $2 AND used_at IS NULL AND expires_at > $1
         RETURNING user_id, created_at, password_set_at, kept_since, identity_id",
    )
    .bind(now)
    .bind(digest.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|(user, proven_at, set_at, kept, identity)| PendingLogin {
        user: user.into(),
        proven_at,
        proof: match identity {
            None => Proof::Password { set_at },
            Some(id) => Proof::Identity(id.into()),
        },
        keep: kept.is_some(),
    }))
}

/// Voids all of them.
pub async fn void_all(tx: &mut Tx, now: Millis) -> Stored<()> {
    sqlx::query("UPDATE pending_logins SET used_at = $1 WHERE used_at IS NULL")
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Forgets those that have expired.
pub async fn prune(conn: &mut Conn, expired_before: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM pending_logins WHERE expires_at < $1")
        .bind(expired_before)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
