//! `signing_keys`: the keys that sign tickets. Private halves are sealed under the master key.

use sqlx::{Row, any::AnyRow};

use super::{Conn, Stored, Tx, apps};
use crate::domain::Millis;

/// A stored key.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// Its name (RFC 7517 section 4.5).
    pub kid: String,
    /// Raw public key, base64url.
    pub public_key: String,
    /// Sealed PKCS#8.
    pub sealed_private_key: String,
    /// Made at.
    pub created_at: Millis,
    /// Signs from here on.
    pub signs_from: Millis,
    /// Verifies until here.
    pub retires_at: Option<Millis>,
}

/// All keys of a purpose, oldest first.
pub async fn all(conn: &mut Conn, purpose: &str) -> Stored<Vec<KeyRow>> {
    let rows = sqlx::query(
        "SELECT kid, public_key, sealed_private_key, created_at, signs_from, retires_at
         FROM signing_keys WHERE purpose = $1 ORDER BY signs_from, kid",
    )
    .bind(purpose)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

fn from_row(row: &AnyRow) -> Result<KeyRow, sqlx::Error> {
    Ok(KeyRow {
        kid: row.try_get(0)?,
        public_key: row.try_get(1)?,
        sealed_private_key: row.try_get(2)?,
        created_at: row.try_get(3)?,
        signs_from: row.try_get(4)?,
        retires_at: row.try_get(5)?,
    })
}

/// Writes a new key.
pub async fn insert(conn: &mut Conn, purpose: &str, key: &KeyRow) -> Stored<()> {
    sqlx::query(
        "INSERT INTO signing_keys (kid, purpose, public_key, sealed_private_key, created_at,
             signs_from, retires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&key.kid)
    .bind(purpose)
    .bind(&key.public_key)
    .bind(&key.sealed_private_key)
    .bind(key.created_at)
    .bind(key.signs_from)
    .bind(key.retires_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes the very first key of a purpose. Of several processes that start at once, one does:
/// whoever moves the registry's counter from its first value.
pub async fn claim_first(conn: &mut Conn) -> Stored<bool> {
    let done =
        sqlx::query("UPDATE registry SET version = 2 WHERE id = 'signing_keys' AND version = 1")
            .execute(conn)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets every key that is in use retire at `at`.
pub async fn retire_all_in_use(conn: &mut Conn, purpose: &str, at: Millis) -> Stored<u64> {
    let done = sqlx::query(
        "UPDATE signing_keys SET retires_at = $1 WHERE purpose = $2 AND retires_at IS NULL",
    )
    .bind(at)
    .bind(purpose)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Retires one key, or brings its retirement forward; `false` when there is no such key.
pub async fn retire(conn: &mut Conn, kid: &str, at: Millis) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE signing_keys SET retires_at = $1
         WHERE kid = $2 AND (retires_at IS NULL OR retires_at > $1)",
    )
    .bind(at)
    .bind(kid)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes a private key sealed anew; `false` when it was sealed anew by somebody else meanwhile.
pub async fn reseal(conn: &mut Conn, kid: &str, old: &str, new: &str) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE signing_keys SET sealed_private_key = $1 WHERE kid = $2 AND sealed_private_key = $3",
    )
    .bind(new)
    .bind(kid)
    .bind(old)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps the set as it is until the transaction ends, without counting it as changed.
pub async fn lock(tx: &mut Tx) -> Stored<()> {
    sqlx::query("UPDATE registry SET version = version WHERE id = 'signing_keys'")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Counts the set as changed, and the registry with it: whoever asks for apps hears of it.
pub async fn bump(tx: &mut Tx) -> Stored<()> {
    sqlx::query("UPDATE registry SET version = version + 1 WHERE id = 'signing_keys'")
        .execute(&mut **tx)
        .await?;
    apps::changed(tx).await
}

/// The set's version.
pub async fn version(conn: &mut Conn) -> Stored<i64> {
    let (version,): (i64,) =
        sqlx::query_as("SELECT version FROM registry WHERE id = 'signing_keys'")
            .fetch_one(conn)
            .await?;
    Ok(version)
}
