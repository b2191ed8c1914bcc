//! `sessions`: Passport's own login state, a row a browser or device.

mod listing;
mod look_up;

use std::sync::LazyLock;

use client_sdk::wire::Cause;

pub(super) use self::look_up::Lookups;
pub use self::{
    listing::{ListedSession, apps_of_one, live, live_of_user},
    look_up::{Found, find_live},
};
use super::{Conn, Stored, Tx, padded::Padded, session_cache::Change};
use crate::domain::{
    Millis,
    device::{Device, DeviceClass},
    id::{IdentityId, LogoutId, SessionId, UserId},
    session_caps::Held,
    token::Digest,
};

/// A session to be.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Its name.
    pub id: &'a SessionId,
    /// Digest of what the browser gets.
    pub digest: &'a Digest,
    /// Whose.
    pub user: &'a UserId,
    /// Factors (RFC 8176).
    pub amr: &'a [&'a str],
    /// The identity that was proven, if it was one.
    pub identity: Option<&'a IdentityId>,
    /// Whether the cookie outlives the browser.
    pub kept: bool,
    /// Where.
    pub device: &'a Device,
    /// From where.
    pub address: &'a str,
    /// When the person proved who they are.
    pub auth_time: Millis,
    /// Begins here.
    pub now: Millis,
    /// Idle from here on.
    pub idle_until: Millis,
    /// Over from here on.
    pub expires_at: Millis,
}

/// Writes a new session. Called by `flows::issue_session` alone (SECURITY-CASES INV-10).
pub async fn insert(tx: &mut Tx, new: NewSession<'_>) -> Stored<()> {
    sqlx::query(
        "INSERT INTO sessions (id, digest, user_id, auth_time, amr, kept_since, device, device_class,
             address, state, created_at, last_seen_at, idle_until, expires_at, identity_id)
         VALUES ($1, $2, $3, $12, $5, $6, $7, $8, $9, '{}', $4, $4, $10, $11, $13)",
    )
    .bind(new.id.as_str())
    .bind(new.digest.as_str())
    .bind(new.user.as_str())
    .bind(new.now)
    .bind(new.amr.join(" "))
    .bind(new.kept.then_some(new.now))
    .bind(&new.device.label)
    .bind(new.device.class.as_str())
    .bind(new.address)
    .bind(new.idle_until)
    .bind(new.expires_at)
    .bind(new.auth_time)
    .bind(new.identity.map(IdentityId::as_str))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A session proven again.
#[derive(Debug)]
pub struct Renewal<'a> {
    /// Which.
    pub id: &'a SessionId,
    /// Digest of the new cookie; the old one is void from this commit on.
    pub digest: &'a Digest,
    /// Factors of this proof.
    pub amr: &'a [&'a str],
    /// The identity that was proven this time, if it was one: the session rests on that now.
    pub identity: Option<&'a IdentityId>,
    /// Whether the cookie outlives the browser.
    pub kept: bool,
    /// When the person proved it.
    pub auth_time: Millis,
    /// Renewed at.
    pub now: Millis,
    /// Idle from here on.
    pub idle_until: Millis,
}

/// Gives a live session a new cookie and a new time of proof (SECURITY-CASES S-05). `false` when it
/// has ended meanwhile.
pub async fn renew(tx: &mut Tx, old: &Digest, renewal: Renewal<'_>) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE sessions SET digest = $1, auth_time = $8, amr = $3, kept_since = $4,
             last_seen_at = $2, idle_until = $5, identity_id = $9
         WHERE id = $6 AND digest = $7 AND ended_at IS NULL",
    )
    .bind(renewal.digest.as_str())
    .bind(renewal.now)
    .bind(renewal.amr.join(" "))
    .bind(renewal.kept.then_some(renewal.now))
    .bind(renewal.idle_until)
    .bind(renewal.id.as_str())
    .bind(old.as_str())
    .bind(renewal.auth_time)
    .bind(renewal.identity.map(IdentityId::as_str))
    .execute(&mut **tx)
    .await?;
    tx.changes(Change::Session(old.as_str().to_owned()));
    Ok(done.rows_affected() == 1)
}

/// A session that another browser holds from now on.
#[derive(Clone, Debug)]
pub struct HandedOver {
    /// Its name.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Whether the cookie outlives the browser.
    pub kept: bool,
    /// Over from here on.
    pub expires_at: Millis,
}

/// Gives a live session of an enabled account a new cookie, and nothing else: neither proof nor sign
/// of life. Of two who hold the same `old`, one gets it (SECURITY-CASES S-05); `None` when there is no
/// such session any more.
pub async fn hand_over(
    tx: &mut Tx,
    old: &Digest,
    new: &Digest,
    now: Millis,
) -> Stored<Option<HandedOver>> {
    let row: Option<(String, String, Option<i64>, i64)> = sqlx::query_as(
        "UPDATE sessions SET digest = $1
         WHERE digest = $2 AND ended_at IS NULL AND idle_until > $3 AND expires_at > $3
             AND EXISTS (SELECT 1 FROM users u WHERE u.id = sessions.user_id AND u.disabled_at IS NULL)
         RETURNING id, user_id, kept_since, expires_at",
    )
    .bind(new.as_str())
    .bind(old.as_str())
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    tx.changes(Change::Session(old.as_str().to_owned()));
    Ok(row.map(|(id, user, kept, expires_at)| HandedOver {
        id: id.into(),
        user: user.into(),
        kept: kept.is_some(),
        expires_at,
    }))
}

/// Reads a list written with blanks between, as `amr`.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Writes down a sign of life, at most once a minute however many nodes try.
pub async fn touch(
    conn: &mut Conn,
    id: &SessionId,
    now: Millis,
    idle_until: Millis,
    unless_seen_since: Millis,
) -> Stored<()> {
    sqlx::query(
        "UPDATE sessions SET last_seen_at = $1, idle_until = $2
         WHERE id = $3 AND ended_at IS NULL AND last_seen_at <= $4",
    )
    .bind(now)
    .bind(idle_until)
    .bind(id.as_str())
    .bind(unless_seen_since)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes the small state of the page flow. The condition keeps a slow request from writing into a
/// session that was ended under it, and an update never makes a row (SECURITY-CASES S-09).
pub async fn put_state(tx: &mut Tx, digest: &Digest, state: &str) -> Stored<bool> {
    let done = sqlx::query("UPDATE sessions SET state = $1 WHERE digest = $2 AND ended_at IS NULL")
        .bind(state)
        .bind(digest.as_str())
        .execute(&mut **tx)
        .await?;
    tx.changes(Change::Session(digest.as_str().to_owned()));
    Ok(done.rows_affected() == 1)
}

/// A session that this transaction ended.
#[derive(Clone, Debug)]
pub struct EndedSession {
    /// Its name.
    pub id: SessionId,
    /// Whose it was.
    pub user: UserId,
}

/// Ends those of at most [`super::MOST`] sessions that have not ended yet. Called by `flows::end_session`
/// alone.
///
/// `only_over`: ends only what is over at `now`, so that a sign of life that comes in between is
/// not overruled.
pub async fn end(
    tx: &mut Tx,
    ids: &[SessionId],
    cause: Cause,
    logout: &LogoutId,
    only_over: bool,
    now: Millis,
) -> Stored<Vec<EndedSession>> {
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::list(
            "UPDATE sessions SET ended_at = $1, end_cause = $2, logout_id = $3
             WHERE ended_at IS NULL AND idle_until <= $4 AND id IN (",
            4,
            ") RETURNING id, user_id, digest",
        )
    });
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, padded) = SQL.fit(tx, ids);
    let mut query = sqlx::query_as::<_, (String, String, String)>(sql)
        .bind(now)
        .bind(cause.as_str())
        .bind(logout.as_str())
        .bind(if only_over { now } else { Millis::MAX });
    for id in padded {
        query = query.bind(id.as_str());
    }
    let rows = query.fetch_all(&mut **tx).await?;
    Ok(rows
        .into_iter()
        .map(|(id, user, digest)| {
            tx.changes(Change::Session(digest));
            EndedSession { id: id.into(), user: user.into() }
        })
        .collect())
}

/// Sessions whose time is up and that nobody has ended yet, and by which limit.
pub async fn over(conn: &mut Conn, now: Millis, limit: i64) -> Stored<Vec<(SessionId, Cause)>> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT id, expires_at FROM sessions WHERE ended_at IS NULL AND idle_until <= $1
         ORDER BY id LIMIT $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    let cause = |expires_at| if expires_at <= now { Cause::Expired } else { Cause::Idle };
    Ok(rows.into_iter().map(|(id, expires_at)| (id.into(), cause(expires_at))).collect())
}

/// Which of a set of sessions a logout of many reaches next.
#[derive(Clone, Copy, Debug)]
pub struct Portion<'a> {
    /// Only those behind this id: what lies before was done, and is not looked through again.
    pub after: &'a str,
    /// Only those on this class of device; all if `None`.
    pub device_class: Option<&'a str>,
    /// Only those begun up to here: whoever logs in after the order was given stays.
    pub begun_until: Millis,
    /// At most so many.
    pub limit: i64,
}

/// Sessions that have not ended yet, in the order in which they are to be locked.
pub async fn portion(conn: &mut Conn, portion: Portion<'_>) -> Stored<Vec<SessionId>> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT id FROM sessions
         WHERE ended_at IS NULL AND created_at <= $1 AND ($2 = '' OR device_class = $2) AND id > $3
         ORDER BY id LIMIT $4",
    )
    .bind(portion.begun_until)
    .bind(portion.device_class.unwrap_or_default())
    .bind(portion.after)
    .bind(portion.limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// How many [`portion`]s would still find, all together.
pub async fn count_begun_until(
    conn: &mut Conn,
    device_class: Option<&str>,
    begun_until: Millis,
) -> Stored<i64> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM sessions
         WHERE ended_at IS NULL AND created_at <= $1 AND ($2 = '' OR device_class = $2)",
    )
    .bind(begun_until)
    .bind(device_class.unwrap_or_default())
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Forgets sessions that ended before `ended_before` and whose app sessions are forgotten; at most
/// `limit` of them.
pub async fn prune(conn: &mut Conn, ended_before: Millis, limit: i64) -> Stored<u64> {
    let done = sqlx::query(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions s WHERE s.ended_at IS NOT NULL AND s.ended_at < $1
                 AND NOT EXISTS (SELECT 1 FROM app_sessions a WHERE a.session_id = s.id)
             LIMIT $2)",
    )
    .bind(ended_before)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// A person's sessions that are neither ended nor over, for counting them. The caller holds the
/// person's row, so of several logins at once each sees the ones before it.
pub async fn held_by(tx: &mut Tx, user: &UserId, now: Millis) -> Stored<Vec<Held>> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT id, device_class, created_at FROM sessions
         WHERE user_id = $1 AND ended_at IS NULL AND idle_until > $2",
    )
    .bind(user.as_str())
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, class, created_at)| Held {
            id: id.into(),
            class: DeviceClass::parse(&class).unwrap_or(DeviceClass::Native),
            created_at,
        })
        .collect())
}

/// By which logout a session ended; `Some(None)` while it has not, `None` when there is none of this
/// name (any more).
pub async fn ended_by(conn: &mut Conn, id: &SessionId) -> Stored<Option<Option<LogoutId>>> {
    let row: Option<(Option<String>,)> =
        sqlx::query_as("SELECT logout_id FROM sessions WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(|(logout,)| logout.map(LogoutId::from)))
}

/// Names of a person's sessions that were proven by this identity and have not ended, in the order in
/// which they are to be locked.
pub async fn unended_by_identity(
    conn: &mut Conn,
    user: &UserId,
    identity: &IdentityId,
) -> Stored<Vec<SessionId>> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND identity_id = $2
         ORDER BY id",
    )
    .bind(user.as_str())
    .bind(identity.as_str())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// Names of a person's sessions that have not ended, in the order in which they are to be locked.
pub async fn unended_of_user(conn: &mut Conn, user: &UserId) -> Stored<Vec<SessionId>> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL ORDER BY id",
    )
    .bind(user.as_str())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}
