//! `admin_tokens`: programs that administer Passport.

use super::{Conn, Stored, Tx, sessions::words};
use crate::domain::{Millis, admin::Scope, token::Digest};

/// A token as lists show it; never the token itself.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// The name by which the audit log calls it.
    pub name: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// Made at.
    pub created_at: Millis,
    /// Void from here on.
    pub expires_at: Option<Millis>,
    /// Last used, to the minute.
    pub last_used_at: Option<Millis>,
    /// Revoked at.
    pub revoked_at: Option<Millis>,
}

/// A token to be.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Digest of its text.
    pub digest: &'a Digest,
    /// What it is good for.
    pub scopes: &'a [Scope],
    /// Made at.
    pub now: Millis,
    /// Void from here on.
    pub expires_at: Option<Millis>,
}

/// Writes a token. A name that was given before, also to a revoked one, is a conflict.
pub async fn insert(tx: &mut Tx, new: NewToken<'_>) -> Stored<()> {
    let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
    sqlx::query(
        "INSERT INTO admin_tokens (id, name, digest, scopes, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.id)
    .bind(new.name)
    .bind(new.digest.as_str())
    .bind(scopes.join(" "))
    .bind(new.now)
    .bind(new.expires_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

type Columns = (String, String, String, i64, Option<i64>, Option<i64>, Option<i64>);

fn from_row(row: Columns) -> TokenRow {
    let (id, name, scopes, created_at, expires_at, last_used_at, revoked_at) = row;
    // A word of another version grants nothing here.
    let scopes = words(&scopes).iter().filter_map(|word| Scope::parse(word)).collect();
    TokenRow { id, name, scopes, created_at, expires_at, last_used_at, revoked_at }
}

/// The token with this digest, if it is good now. Looked up with each call: a revoked one is out at
/// once, on every node.
pub async fn find_good(conn: &mut Conn, digest: &Digest, now: Millis) -> Stored<Option<TokenRow>> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT id, name, scopes, created_at, expires_at, last_used_at, revoked_at
         FROM admin_tokens
         WHERE digest = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
    )
    .bind(digest.as_str())
    .bind(now)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(from_row))
}

/// Notes a use, at most once a minute however many nodes try.
pub async fn touch(conn: &mut Conn, id: &str, now: Millis, unless_since: Millis) -> Stored<()> {
    sqlx::query(
        "UPDATE admin_tokens SET last_used_at = $1
         WHERE id = $2 AND (last_used_at IS NULL OR last_used_at <= $3)",
    )
    .bind(now)
    .bind(id)
    .bind(unless_since)
    .execute(conn)
    .await?;
    Ok(())
}

/// Revokes a token; `false` when none of this name is good.
pub async fn revoke(tx: &mut Tx, name: &str, now: Millis) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE admin_tokens SET revoked_at = $1 WHERE name = $2 AND revoked_at IS NULL",
    )
    .bind(now)
    .bind(name)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// All of them, by name.
pub async fn list(conn: &mut Conn) -> Stored<Vec<TokenRow>> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT id, name, scopes, created_at, expires_at, last_used_at, revoked_at
         FROM admin_tokens ORDER BY name",
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(from_row).collect())
}
