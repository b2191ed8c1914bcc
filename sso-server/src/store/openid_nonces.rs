//! `openid_nonces`: answers of providers that were used (OpenID 2.0 section 11.3).

use super::{Conn, Stored, Tx};
use crate::domain::{Millis, token::Digest};

/// Uses one up: of the same answer shown any number of times, on however many nodes, one is first.
pub async fn spend(tx: &mut Tx, hash: &Digest, keep_until: Millis) -> Stored<bool> {
    let done = sqlx::query(
        "INSERT INTO openid_nonces (hash, keep_until) VALUES ($1, $2)
         ON CONFLICT (hash) DO NOTHING",
    )
    .bind(hash.as_str())
    .bind(keep_until)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets those whose answers are too old by themselves.
pub async fn prune(conn: &mut Conn, over_before: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM openid_nonces WHERE keep_until < $1")
        .bind(over_before)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
