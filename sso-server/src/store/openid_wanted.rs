//! `openid_wanted_associations`: providers with which a key should be shared, and when to try.

use super::{Conn, Stored, Tx};
use crate::domain::{Millis, token::Digest};

/// Most providers that are wanted at a time; beyond, a new one is not taken up, and its people log in
/// without a key.
pub const MOST: i64 = 1_000;

/// One that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub op_endpoint: String,
    /// The protocol's version.
    pub version: String,
    /// How often it was tried in vain.
    pub tries: i64,
    /// Whether the operator has named it.
    pub configured: bool,
    /// When somebody last logged in there.
    pub last_wanted_at: Millis,
}

fn id(op_endpoint: &str, version: &str) -> Digest {
    Digest::of(format!("{}:{op_endpoint}|{version}", op_endpoint.len()).as_bytes())
}

/// Notes that a key with this provider would be of use. One that is wanted already keeps its turn:
/// more logins do not make a provider that fails be asked more often. `known` says that there is a
/// key already; then nothing is to be done before it is renewed.
pub async fn want(
    tx: &mut Tx,
    op_endpoint: &str,
    version: &str,
    known: bool,
    configured: bool,
    now: Millis,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO openid_wanted_associations (id, op_endpoint, version, configured_since,
             first_wanted_at, last_wanted_at, tries, next_try_at, leased_until)
         SELECT $1, $2, $3, $4, $5, $5, 0, $6, 0
         WHERE (SELECT COUNT(*) FROM openid_wanted_associations) < $7
         ON CONFLICT (id) DO UPDATE SET
             last_wanted_at = $5,
             configured_since = COALESCE(openid_wanted_associations.configured_since, $4),
             next_try_at = COALESCE(openid_wanted_associations.next_try_at, $6)",
    )
    .bind(id(op_endpoint, version).as_str())
    .bind(op_endpoint)
    .bind(version)
    .bind(configured.then_some(now))
    .bind(now)
    .bind((!known).then_some(now))
    .bind(MOST)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What may be tried now, the longest waiting first.
pub async fn due(conn: &mut Conn, now: Millis, limit: i64) -> Stored<Vec<Wanted>> {
    let rows: Vec<(String, String, i64, Option<i64>, i64)> = sqlx::query_as(
        "SELECT op_endpoint, version, tries, configured_since, last_wanted_at
         FROM openid_wanted_associations
         WHERE next_try_at <= $1 AND leased_until <= $1
         ORDER BY first_wanted_at, id LIMIT $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(read).collect())
}

fn read(
    (op_endpoint, version, tries, configured, last_wanted_at): (
        String,
        String,
        i64,
        Option<i64>,
        i64,
    ),
) -> Wanted {
    Wanted { op_endpoint, version, tries, configured: configured.is_some(), last_wanted_at }
}

/// Takes one for this node until then; `false` when another one has it. A node that dies with it
/// lets go of it by that.
pub async fn lease(tx: &mut Tx, wanted: &Wanted, now: Millis, until: Millis) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE openid_wanted_associations SET leased_until = $1
         WHERE id = $2 AND leased_until <= $3 AND next_try_at <= $3",
    )
    .bind(until)
    .bind(id(&wanted.op_endpoint, &wanted.version).as_str())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a lease: `next_try_at` is when to try again, after so many tries in vain.
pub async fn settle(
    tx: &mut Tx,
    wanted: &Wanted,
    tries: i64,
    next_try_at: Option<Millis>,
) -> Stored<()> {
    sqlx::query(
        "UPDATE openid_wanted_associations SET leased_until = 0, tries = $1, next_try_at = $2
         WHERE id = $3",
    )
    .bind(tries)
    .bind(next_try_at)
    .bind(id(&wanted.op_endpoint, &wanted.version).as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets one.
pub async fn remove(tx: &mut Tx, wanted: &Wanted) -> Stored<()> {
    sqlx::query("DELETE FROM openid_wanted_associations WHERE id = $1")
        .bind(id(&wanted.op_endpoint, &wanted.version).as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Forgets those where nobody has logged in for long, but not what is configured.
pub async fn prune(conn: &mut Conn, unwanted_since: Millis) -> Stored<u64> {
    let done = sqlx::query(
        "DELETE FROM openid_wanted_associations
         WHERE configured_since IS NULL AND last_wanted_at < $1",
    )
    .bind(unwanted_since)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// From now on none is configured.
pub async fn unconfigure_all(tx: &mut Tx) -> Stored<()> {
    sqlx::query("UPDATE openid_wanted_associations SET configured_since = NULL")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The key that was to be renewed later is dead: now, unless the provider is failing.
pub async fn hurry(tx: &mut Tx, op_endpoint: &str, version: &str, now: Millis) -> Stored<()> {
    sqlx::query(
        "UPDATE openid_wanted_associations SET next_try_at = $1 WHERE id = $2 AND tries = 0",
    )
    .bind(now)
    .bind(id(op_endpoint, version).as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
