//! `openid_associations`: keys shared with providers, sealed under the master key.
//!
//! A row is found by endpoint and handle together, never by the handle alone: a bad provider would
//! choose a good one's (SECURITY-CASES O-02).

use super::{Conn, Stored, Tx};
use client_sdk::wire::Seconds;

use crate::domain::token::Digest;

/// Most keys of one provider that are kept; answers under way may still name the older ones.
const OF_ONE: i64 = 5;

/// After so many bad signatures in a row a key is forgotten (OPENID A14).
const BAD_IN_A_ROW: i64 = 2;

/// A stored key.
#[derive(Clone, Debug)]
pub struct AssociationRow {
    /// Whose.
    pub op_endpoint: String,
    /// Its name, chosen by the provider.
    pub handle: String,
    /// The protocol's version.
    pub version: String,
    /// How it signs.
    pub kind: String,
    /// The key, sealed.
    pub sealed_key: String,
    /// Made at.
    pub issued_at: Seconds,
    /// It does not count any more from here on.
    pub expires_at: Seconds,
}

/// The row's name.
pub fn id(op_endpoint: &str, handle: &str) -> Digest {
    Digest::of(format!("{}:{op_endpoint}|{handle}", op_endpoint.len()).as_bytes())
}

/// Writes one. The same handle from the same provider replaces that row and no other one.
pub async fn put(tx: &mut Tx, row: &AssociationRow) -> Stored<()> {
    sqlx::query(
        "INSERT INTO openid_associations (id, op_endpoint, handle, version, kind, sealed_key,
             issued_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO UPDATE SET version = excluded.version, kind = excluded.kind,
             sealed_key = excluded.sealed_key, issued_at = excluded.issued_at,
             expires_at = excluded.expires_at, bad_signatures = 0",
    )
    .bind(id(&row.op_endpoint, &row.handle).as_str())
    .bind(&row.op_endpoint)
    .bind(&row.handle)
    .bind(&row.version)
    .bind(&row.kind)
    .bind(&row.sealed_key)
    .bind(row.issued_at)
    .bind(row.expires_at)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "DELETE FROM openid_associations WHERE op_endpoint = $1 AND id NOT IN
             (SELECT id FROM openid_associations WHERE op_endpoint = $1
              ORDER BY issued_at DESC, id LIMIT $2)",
    )
    .bind(&row.op_endpoint)
    .bind(OF_ONE)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

type Row = (String, String, String, String, String, i64, i64);

fn read(
    (op_endpoint, handle, version, kind, sealed_key, issued_at, expires_at): Row,
) -> AssociationRow {
    AssociationRow { op_endpoint, handle, version, kind, sealed_key, issued_at, expires_at }
}

/// The one that lasts longest, for a login that begins.
pub async fn longest_lasting(
    conn: &mut Conn,
    op_endpoint: &str,
    version: &str,
) -> Stored<Option<AssociationRow>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT op_endpoint, handle, version, kind, sealed_key, issued_at, expires_at
         FROM openid_associations WHERE op_endpoint = $1 AND version = $2
         ORDER BY expires_at DESC LIMIT 1",
    )
    .bind(op_endpoint)
    .bind(version)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(read))
}

/// The one that an answer names.
pub async fn find(
    conn: &mut Conn,
    op_endpoint: &str,
    handle: &str,
) -> Stored<Option<AssociationRow>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT op_endpoint, handle, version, kind, sealed_key, issued_at, expires_at
         FROM openid_associations WHERE id = $1",
    )
    .bind(id(op_endpoint, handle).as_str())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(read))
}

/// Forgets one that its provider has declared dead.
pub async fn remove(tx: &mut Tx, op_endpoint: &str, handle: &str) -> Stored<bool> {
    let done = sqlx::query("DELETE FROM openid_associations WHERE id = $1")
        .bind(id(op_endpoint, handle).as_str())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that an answer under this key was signed by another one, and forgets the key with the second
/// in a row, unless it was made after `made_before`; `true` when it was forgotten.
pub async fn note_bad_signature(
    tx: &mut Tx,
    op_endpoint: &str,
    handle: &str,
    made_before: Seconds,
) -> Stored<bool> {
    let id = id(op_endpoint, handle);
    sqlx::query("UPDATE openid_associations SET bad_signatures = bad_signatures + 1 WHERE id = $1")
        .bind(id.as_str())
        .execute(&mut **tx)
        .await?;
    let done = sqlx::query(
        "DELETE FROM openid_associations
         WHERE id = $1 AND bad_signatures >= $2 AND issued_at <= $3",
    )
    .bind(id.as_str())
    .bind(BAD_IN_A_ROW)
    .bind(made_before)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a key has signed well.
pub async fn note_good_signature(tx: &mut Tx, op_endpoint: &str, handle: &str) -> Stored<()> {
    sqlx::query(
        "UPDATE openid_associations SET bad_signatures = 0 WHERE id = $1 AND bad_signatures > 0",
    )
    .bind(id(op_endpoint, handle).as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// All of them, to be sealed anew.
pub async fn all(conn: &mut Conn) -> Stored<Vec<AssociationRow>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT op_endpoint, handle, version, kind, sealed_key, issued_at, expires_at
         FROM openid_associations ORDER BY id",
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(read).collect())
}

/// Writes a key sealed anew; `false` when it was replaced meanwhile.
pub async fn reseal(tx: &mut Tx, row: &AssociationRow, sealed: &str) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE openid_associations SET sealed_key = $1 WHERE id = $2 AND sealed_key = $3",
    )
    .bind(sealed)
    .bind(id(&row.op_endpoint, &row.handle).as_str())
    .bind(&row.sealed_key)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets those that do not count any more.
pub async fn prune(conn: &mut Conn, expired_before: Seconds) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM openid_associations WHERE expires_at < $1")
        .bind(expired_before)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
