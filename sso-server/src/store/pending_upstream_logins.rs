//! `pending_upstream_logins`: somebody was sent away to log in elsewhere.

use super::{Conn, Stored, Tx};
use crate::domain::{
    Millis,
    id::{SessionId, UserId},
    token::Digest,
};

/// A login under way elsewhere.
#[derive(Clone, Debug)]
pub struct PendingUpstreamLogin {
    /// By which way.
    pub backend: &'static str,
    /// The account that the identity shall be added to, and the session that asks for it.
    pub adds_to: Option<(UserId, SessionId)>,
    /// What the protocol's driver remembers, as JSON.
    pub state: String,
    /// What the page does, as JSON.
    pub context: String,
}

/// Writes one down. `browser` is the digest of the cookie that must come back with it.
pub async fn insert(
    tx: &mut Tx,
    digest: &Digest,
    browser: &Digest,
    pending: &PendingUpstreamLogin,
    now: Millis,
    expires_at: Millis,
) -> Stored<()> {
    let (user, session) = pending.adds_to.as_ref().map(|(u, s)| (u.as_str(), s.as_str())).unzip();
    sqlx::query(
        "INSERT INTO pending_upstream_logins (digest, backend, browser_digest, user_id, session_id,
             state, context, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(digest.as_str())
    .bind(pending.backend)
    .bind(browser.as_str())
    .bind(user)
    .bind(session)
    .bind(&pending.state)
    .bind(&pending.context)
    .bind(now)
    .bind(expires_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Uses one up: of any number of answers, and on however many nodes, one finds it. Another browser's
/// does not, and uses nothing up (SECURITY-CASES U-01).
pub async fn take(
    tx: &mut Tx,
    backend: &'static str,
    digest: &Digest,
    browser: &Digest,
    now: Millis,
) -> Stored<Option<PendingUpstreamLogin>> {
    let row: Option<(Option<String>, Option<String>, String, String)> = sqlx::query_as(
        "UPDATE pending_upstream_logins SET used_at = $1
         WHERE digest = $2 AND browser_digest = $3 AND backend = $4 AND used_at IS NULL
             AND expires_at > $1
         RETURNING user_id, session_id, state, context",
    )
    .bind(now)
    .bind(digest.as_str())
    .bind(browser.as_str())
    .bind(backend)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|(user, session, state, context)| PendingUpstreamLogin {
        backend,
        adds_to: user.zip(session).map(|(user, session)| (user.into(), session.into())),
        state,
        context,
    }))
}

/// Voids all of them.
pub async fn void_all(tx: &mut Tx, now: Millis) -> Stored<()> {
    sqlx::query("UPDATE pending_upstream_logins SET used_at = $1 WHERE used_at IS NULL")
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Forgets those that have expired.
pub async fn prune(conn: &mut Conn, expired_before: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM pending_upstream_logins WHERE expires_at < $1")
        .bind(expired_before)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
