//! `one_time_links`: links that work once.

use super::{Conn, Stored, Tx};
use crate::domain::{Millis, id::UserId, token::Digest};

/// What a link is for. A link of one purpose does nothing for another (SECURITY-CASES T-08).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Make the first admin.
    FirstAdmin,
    /// Choose the password of an account.
    ChoosePassword,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::FirstAdmin => "first_admin",
            Self::ChoosePassword => "choose_password",
        }
    }
}

/// A link that is still good.
#[derive(Clone, Debug)]
pub struct OneTimeLink {
    /// What for.
    pub purpose: Purpose,
    /// Whose password.
    pub user: Option<UserId>,
}

/// Writes a link.
pub async fn insert(
    conn: &mut Conn,
    digest: &Digest,
    purpose: Purpose,
    user: Option<&UserId>,
    now: Millis,
    expires_at: Millis,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO one_time_links (digest, purpose, user_id, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(digest.as_str())
    .bind(purpose.as_str())
    .bind(user.map(UserId::as_str))
    .bind(now)
    .bind(expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

fn read(purpose: &str, user: Option<String>) -> Option<OneTimeLink> {
    let purpose = [Purpose::FirstAdmin, Purpose::ChoosePassword]
        .into_iter()
        .find(|known| known.as_str() == purpose)?;
    Some(OneTimeLink { purpose, user: user.map(Into::into) })
}

/// Looks at a link without using it up (a mail scanner may open it, SECURITY-CASES P-05).
pub async fn peek(conn: &mut Conn, digest: &Digest, now: Millis) -> Stored<Option<OneTimeLink>> {
    let row: Option<(String, Option<String>)> = sqlx::query_as(
        "SELECT purpose, user_id FROM one_time_links
         WHERE digest = $1 AND used_at IS NULL AND expires_at > $2",
    )
    .bind(digest.as_str())
    .bind(now)
    .fetch_optional(conn)
    .await?;
    Ok(row.and_then(|(purpose, user)| read(&purpose, user)))
}

/// Uses a link up. Of parallel callers one gets it (SECURITY-CASES L-21).
pub async fn consume(tx: &mut Tx, digest: &Digest, now: Millis) -> Stored<Option<OneTimeLink>> {
    let row: Option<(String, Option<String>)> = sqlx::query_as(
        "UPDATE one_time_links SET used_at = $2
         WHERE digest = $1 AND used_at IS NULL AND expires_at > $2
         RETURNING purpose, user_id",
    )
    .bind(digest.as_str())
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.and_then(|(purpose, user)| read(&purpose, user)))
}

/// Voids all links of a purpose.
pub async fn void(conn: &mut Conn, purpose: Purpose, now: Millis) -> Stored<()> {
    sqlx::query("UPDATE one_time_links SET used_at = $1 WHERE purpose = $2 AND used_at IS NULL")
        .bind(now)
        .bind(purpose.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// Voids all links, of every purpose; answers how many there were.
pub async fn void_all(tx: &mut Tx, now: Millis) -> Stored<u64> {
    let done = sqlx::query("UPDATE one_time_links SET used_at = $1 WHERE used_at IS NULL")
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}

/// Voids all links of an account. Whoever changes the account too does this first, as using a link
/// does: of two that meet, one waits, and neither waits for the other.
pub async fn void_of_user(conn: &mut Conn, user: &UserId, now: Millis) -> Stored<()> {
    sqlx::query("UPDATE one_time_links SET used_at = $1 WHERE user_id = $2 AND used_at IS NULL")
        .bind(now)
        .bind(user.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets links that are long over.
pub async fn prune(conn: &mut Conn, expired_before: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM one_time_links WHERE expires_at < $1")
        .bind(expired_before)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
