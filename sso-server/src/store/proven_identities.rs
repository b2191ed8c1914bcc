//! `proven_identities`: somebody has proven an identity that no account has, and may make one.

use super::{Conn, Stored, Tx};
use crate::domain::{Millis, identity::Identity, token::Digest};

/// An identity that waits for its account.
#[derive(Clone, Debug)]
pub struct ProvenIdentity {
    /// What was proven.
    pub identity: Identity,
    /// When.
    pub proven_at: Millis,
    /// What the provider says of the person, as JSON.
    pub profile: String,
    /// What the page does, as JSON.
    pub context: String,
}

/// Writes one down. `browser` is the digest of the cookie that must come back with it.
pub async fn insert(
    tx: &mut Tx,
    digest: &Digest,
    browser: &Digest,
    proven: &ProvenIdentity,
    expires_at: Millis,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO proven_identities (digest, browser_digest, backend, subject, shown, provider,
             profile, context, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(digest.as_str())
    .bind(browser.as_str())
    .bind(&proven.identity.backend)
    .bind(&proven.identity.subject)
    .bind(&proven.identity.shown)
    .bind(&proven.identity.provider)
    .bind(&proven.profile)
    .bind(&proven.context)
    .bind(proven.proven_at)
    .bind(expires_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

type Row = (String, String, String, String, String, String, i64);

fn read((backend, subject, shown, provider, profile, context, proven_at): Row) -> ProvenIdentity {
    let identity = Identity { backend, subject, shown, provider };
    ProvenIdentity { identity, proven_at, profile, context }
}

/// One that is still good, for the form.
pub async fn find(
    conn: &mut Conn,
    digest: &Digest,
    browser: &Digest,
    now: Millis,
) -> Stored<Option<ProvenIdentity>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT backend, subject, shown, provider, profile, context, created_at FROM proven_identities
         WHERE digest = $1 AND browser_digest = $2 AND used_at IS NULL AND expires_at > $3",
    )
    .bind(digest.as_str())
    .bind(browser.as_str())
    .bind(now)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(read))
}

/// Uses one up, with the transaction that makes the account.
pub async fn take(
    tx: &mut Tx,
    digest: &Digest,
    browser: &Digest,
    now: Millis,
) -> Stored<Option<ProvenIdentity>> {
    let row: Option<Row> = sqlx::query_as(
        "UPDATE proven_identities SET used_at = $3
         WHERE digest = $1 AND browser_digest = $2 AND used_at IS NULL AND expires_at > $3
         RETURNING backend, subject, shown, provider, profile, context, created_at",
    )
    .bind(digest.as_str())
    .bind(browser.as_str())
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(read))
}

/// Voids all of them.
pub async fn void_all(tx: &mut Tx, now: Millis) -> Stored<()> {
    sqlx::query("UPDATE proven_identities SET used_at = $1 WHERE used_at IS NULL")
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Forgets those that have expired.
pub async fn prune(conn: &mut Conn, expired_before: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM proven_identities WHERE expires_at < $1")
        .bind(expired_before)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
