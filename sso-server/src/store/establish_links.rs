//! `establish_links`: sessions that an app's server began, on their way to a browser.

use super::{Conn, Stored, Tx};
use crate::domain::{Millis, app::AppId, id::UserId, token::Digest};

/// A link that is still good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EstablishLink {
    /// Which session, by its digest.
    pub session: Digest,
    /// Whose.
    pub user: UserId,
    /// The app that began it: its pages, and nobody else's, may use the link without a question.
    pub app: AppId,
}

/// Writes a link.
pub async fn insert(
    tx: &mut Tx,
    digest: &Digest,
    link: &EstablishLink,
    now: Millis,
    expires_at: Millis,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO establish_links (digest, session_digest, user_id, app_id, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(digest.as_str())
    .bind(link.session.as_str())
    .bind(link.user.as_str())
    .bind(link.app.as_str())
    .bind(now)
    .bind(expires_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

type Row = (String, String, String);

fn read((session, user, app): Row) -> EstablishLink {
    EstablishLink { session: Digest::stored(session), user: user.into(), app: AppId::stored(app) }
}

/// Looks at a link without using it up.
pub async fn peek(conn: &mut Conn, digest: &Digest, now: Millis) -> Stored<Option<EstablishLink>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT session_digest, user_id, app_id FROM establish_links
         WHERE digest = $1 AND used_at IS NULL AND expires_at > $2",
    )
    .bind(digest.as_str())
    .bind(now)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(read))
}

/// Uses a link up. Of parallel callers one gets it (SECURITY-CASES L-21).
pub async fn take(tx: &mut Tx, digest: &Digest, now: Millis) -> Stored<Option<EstablishLink>> {
    let row: Option<Row> = sqlx::query_as(
        "UPDATE establish_links SET used_at = $2
         WHERE digest = $1 AND used_at IS NULL AND expires_at > $2
         RETURNING session_digest, user_id, app_id",
    )
    .bind(digest.as_str())
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(read))
}

/// Voids all of them.
pub async fn void_all(tx: &mut Tx, now: Millis) -> Stored<()> {
    sqlx::query("UPDATE establish_links SET used_at = $1 WHERE used_at IS NULL")
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Forgets those that have expired.
pub async fn prune(conn: &mut Conn, expired_before: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM establish_links WHERE expires_at < $1")
        .bind(expired_before)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
