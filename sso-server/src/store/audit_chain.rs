//! `audit_chain`: the last link of the audit log's chain, one row.

use super::{Conn, Stored, Tx};
use crate::domain::Millis;

/// The chain's last link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last sealed line; 0 when there is none.
    pub seq: i64,
    /// Its link.
    pub hash: String,
    /// Our stamp under both.
    pub stamp: String,
}

/// The last link.
pub async fn head(conn: &mut Conn) -> Stored<Option<Head>> {
    let row: Option<(i64, String, String)> =
        sqlx::query_as("SELECT seq, hash, stamp FROM audit_chain WHERE id = 'head'")
            .fetch_optional(conn)
            .await?;
    Ok(row.map(|(seq, hash, stamp)| Head { seq, hash, stamp }))
}

/// Claims the chain until the transaction ends, unless somebody has sealed since `unless_since`: of
/// several nodes that come at the same moment one seals. (A time that lies ahead was written by a
/// clock that was wrong, and holds nobody off.)
pub async fn claim(tx: &mut Tx, unless_since: Millis, now: Millis) -> Stored<Option<Head>> {
    let row: Option<(i64, String, String)> = sqlx::query_as(
        "UPDATE audit_chain SET sealed_at = $1
         WHERE id = 'head' AND (sealed_at <= $2 OR sealed_at > $1)
         RETURNING seq, hash, stamp",
    )
    .bind(now)
    .bind(unless_since)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|(seq, hash, stamp)| Head { seq, hash, stamp }))
}

/// Writes the new last link. The caller holds the claim.
pub async fn advance(tx: &mut Tx, head: &Head) -> Stored<()> {
    sqlx::query("UPDATE audit_chain SET seq = $1, hash = $2, stamp = $3 WHERE id = 'head'")
        .bind(head.seq)
        .bind(&head.hash)
        .bind(&head.stamp)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
