//! `identities`: what opens an account beside its password. One identity opens one account at most.

use super::{Conn, Stored, Tx};
use crate::domain::{
    Millis,
    id::{IdentityId, UserId},
    identity::Identity,
};

/// Binds an identity to an account; `false` when it is bound already, to whichever.
pub async fn insert(tx: &mut Tx, identity: &Identity, user: &UserId, now: Millis) -> Stored<bool> {
    let done = sqlx::query(
        "INSERT INTO identities (id, backend, subject, user_id, shown, provider, created_at,
             last_used_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(identity.id().as_str())
    .bind(&identity.backend)
    .bind(&identity.subject)
    .bind(user.as_str())
    .bind(&identity.shown)
    .bind(&identity.provider)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whose account an identity opens.
pub async fn owner(conn: &mut Conn, id: &IdentityId) -> Stored<Option<UserId>> {
    let row: Option<(String,)> = sqlx::query_as("SELECT user_id FROM identities WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|(user,)| user.into()))
}

/// Notes that an identity opens its account now; `false` when it is not this account's.
pub async fn note_use(tx: &mut Tx, id: &IdentityId, user: &UserId, now: Millis) -> Stored<bool> {
    let done =
        sqlx::query("UPDATE identities SET last_used_at = $1 WHERE id = $2 AND user_id = $3")
            .bind(now)
            .bind(id.as_str())
            .bind(user.as_str())
            .execute(&mut **tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// An identity as its owner sees it.
#[derive(Clone, Debug)]
pub struct IdentityRow {
    /// Its id.
    pub id: IdentityId,
    /// What it is.
    pub identity: Identity,
    /// Bound since.
    pub created_at: Millis,
    /// Last login with it.
    pub last_used_at: Millis,
}

/// A person's identities, oldest first.
pub async fn of_user(conn: &mut Conn, user: &UserId) -> Stored<Vec<IdentityRow>> {
    let rows: Vec<(String, String, String, String, String, i64, i64)> = sqlx::query_as(
        "SELECT id, backend, subject, shown, provider, created_at, last_used_at
         FROM identities WHERE user_id = $1 ORDER BY created_at, id",
    )
    .bind(user.as_str())
    .fetch_all(conn)
    .await?;
    let read = |(id, backend, subject, shown, provider, created_at, last_used_at): (
        String,
        _,
        _,
        _,
        _,
        _,
        _,
    )| {
        let identity = Identity { backend, subject, shown, provider };
        IdentityRow { id: id.into(), identity, created_at, last_used_at }
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Takes an identity from its account; `None` when the account does not have it.
pub async fn remove(tx: &mut Tx, id: &IdentityId, user: &UserId) -> Stored<Option<String>> {
    let row: Option<(String,)> =
        sqlx::query_as("DELETE FROM identities WHERE id = $1 AND user_id = $2 RETURNING shown")
            .bind(id.as_str())
            .bind(user.as_str())
            .fetch_optional(&mut **tx)
            .await?;
    Ok(row.map(|(shown,)| shown))
}

/// How many a person has.
pub async fn count(conn: &mut Conn, user: &UserId) -> Stored<i64> {
    let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM identities WHERE user_id = $1")
        .bind(user.as_str())
        .fetch_one(conn)
        .await?;
    Ok(count)
}

/// Frees all of a person's.
pub async fn free_of_user(tx: &mut Tx, user: &UserId) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM identities WHERE user_id = $1")
        .bind(user.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}
