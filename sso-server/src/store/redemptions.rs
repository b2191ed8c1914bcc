//! Spending tickets: `spent_tickets` decides, `app_sessions` records.
//!
//! All functions take up to [`MOST`](super::padded::MOST) at once, because redemptions that arrive
//! together are written together: a statement costs the way to the database and back whether it
//! carries one row or thirty-two.

use std::{collections::HashMap, sync::LazyLock};

use client_sdk::wire::ActivationState;
use sqlx::Row;

use super::{Conn, Stored, Tx, activations, padded::Padded, sessions::words};
use crate::domain::{
    Millis,
    app::AppId,
    id::{AppSessionId, SessionId, UserId, earliest_text},
    session::{Limits, TOUCH_EVERY},
    token::Digest,
};

/// Most redemptions of one transaction.
pub const MOST: usize = super::padded::MOST;

/// A ticket about to be spent.
#[derive(Clone, Debug)]
pub struct Spend {
    /// The ticket's `jti`.
    pub jti: String,
    /// Who showed it.
    pub app: AppId,
    /// Digest of the `Idempotency-Key`, when one came along.
    pub idempotency: Option<Digest>,
    /// The app session it is to open; `None` burns it.
    pub opens: Option<AppSessionId>,
}

/// Spends tickets; answers the `jti`s that were unspent until now. Of parallel callers, in this
/// process or another, exactly one is answered each (SECURITY-CASES T-06).
pub async fn spend(tx: &mut Tx, tickets: &[Spend], now: Millis) -> Stored<Vec<String>> {
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::rows(
            "INSERT INTO spent_tickets (jti, app_id, idempotency_digest, app_session_id, spent_at)
             VALUES ",
            5,
            " ON CONFLICT (jti) DO NOTHING RETURNING jti",
        )
    });
    let (sql, rows) = SQL.fit(tx, tickets);
    let mut query = sqlx::query_as::<_, (String,)>(sql);
    for ticket in rows {
        query = query
            .bind(&ticket.jti)
            .bind(ticket.app.as_str())
            .bind(ticket.idempotency.as_ref().map(Digest::as_str))
            .bind(ticket.opens.as_ref().map(AppSessionId::as_str))
            .bind(now);
    }
    let spent = query.fetch_all(&mut **tx).await?;
    Ok(spent.into_iter().map(|(jti,)| jti).collect())
}

/// How a spent ticket was spent.
#[derive(Clone, Debug)]
pub struct Spent {
    /// By which app.
    pub app: AppId,
    /// Under which idempotency key.
    pub idempotency: Option<Digest>,
    /// The app session it opened.
    pub opened: Option<AppSessionId>,
}

/// Looks up a spent ticket.
pub async fn find(conn: &mut Conn, jti: &str) -> Stored<Option<Spent>> {
    let row: Option<(String, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT app_id, idempotency_digest, app_session_id FROM spent_tickets WHERE jti = $1",
    )
    .bind(jti)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(app, idempotency, opened)| Spent {
        app: AppId::stored(app),
        idempotency: idempotency.map(Digest::stored),
        opened: opened.map(Into::into),
    }))
}

/// The person and the session behind a ticket, at the moment of redemption.
#[derive(Clone, Debug)]
pub struct Entrant {
    /// The session.
    pub session: SessionId,
    /// The person.
    pub user: UserId,
    /// When they last proved who they are.
    pub auth_time: Millis,
    /// How.
    pub amr: Vec<String>,
    /// The end of the session.
    pub session_expires_at: Millis,
    /// Where it began.
    pub address: String,
    /// Set while the account is disabled.
    pub disabled_at: Option<Millis>,
    /// What the app is told of them.
    pub profile: Profile,
    /// The version of the app registry, which does not change before the transaction ends.
    pub registry_version: i64,
    /// When the database was last put back from a backup; 0 when it never was.
    pub restored_at: Millis,
    /// Standing at the apps entered so far.
    pub activations: HashMap<String, (ActivationState, Millis)>,
}

/// A person's data as stored.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The name they sign in with.
    pub username: String,
    /// The name to show.
    pub nickname: Option<String>,
    /// Their address.
    pub email: Option<String>,
    /// Proven since.
    pub email_verified_at: Option<Millis>,
    /// Preferred language.
    pub locale: Option<String>,
    /// Their picture.
    pub avatar_url: Option<String>,
    /// Further fields, JSON object.
    pub profile: String,
    /// Apps entered.
    pub app_flag: i64,
    /// Apps active at.
    pub ac_flag: i64,
}

/// The live sessions among `sessions`, with their people. Their rows are locked until the
/// transaction ends: whoever ends one of them meanwhile waits, and then sees the app session that
/// is recorded here (SECURITY-CASES B-09). It is a sign of life, too.
pub async fn lock_entrants(
    tx: &mut Tx,
    sessions: &[SessionId],
    limits: &Limits,
    now: Millis,
) -> Stored<HashMap<String, Entrant>> {
    const SELECT: &str = "SELECT id, user_id, auth_time, amr, expires_at, address, last_seen_at
         FROM sessions
         WHERE ended_at IS NULL AND expires_at > $1 AND idle_until > $1 AND id IN (";
    // In one order, so that two nodes cannot wait for each other.
    static SQL: LazyLock<Padded> =
        LazyLock::new(|| Padded::locking_list(SELECT, 1, "ORDER BY id FOR NO KEY UPDATE"));
    let mut sorted: Vec<&SessionId> = sessions.iter().collect();
    sorted.sort();
    sorted.dedup();
    if sorted.is_empty() {
        return Ok(HashMap::new());
    }
    let (sql, ids) = SQL.fit(tx, &sorted);
    let mut query = sqlx::query(sql).bind(now);
    for id in ids {
        query = query.bind(id.as_str());
    }
    let mut entrants = HashMap::with_capacity(sorted.len());
    let mut unseen = Vec::new();
    for row in query.fetch_all(&mut **tx).await? {
        let id: String = row.try_get(0)?;
        if row.try_get::<Millis, _>(6)? <= now - TOUCH_EVERY {
            unseen.push(id.as_str().into());
        }
        let entrant = Entrant {
            session: id.as_str().into(),
            user: row.try_get::<String, _>(1)?.into(),
            auth_time: row.try_get(2)?,
            amr: words(&row.try_get::<String, _>(3)?),
            session_expires_at: row.try_get(4)?,
            address: row.try_get(5)?,
            disabled_at: None,
            profile: Profile::default(),
            registry_version: 0,
            restored_at: 0,
            activations: HashMap::new(),
        };
        entrants.insert(id, entrant);
    }
    touch(tx, &unseen, limits, now).await?;
    fill_in_people(tx, &mut entrants).await?;
    Ok(entrants)
}

/// Notes signs of life as `sessions::touch` does: both times or none, since the first says whether
/// the second was moved. Not for sessions that were seen within the minute, so that most redemptions
/// do not write to `sessions` at all.
async fn touch(tx: &mut Tx, unseen: &[SessionId], limits: &Limits, now: Millis) -> Stored<()> {
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::list(
            "UPDATE sessions
             SET last_seen_at = $1,
                 idle_until = CASE WHEN kept_since IS NULL AND $2 < expires_at THEN $2
                                   WHEN kept_since IS NOT NULL AND $3 < expires_at THEN $3
                                   ELSE expires_at END
             WHERE last_seen_at <= $4 AND id IN (",
            4,
            ")",
        )
    });
    if unseen.is_empty() {
        return Ok(());
    }
    let (sql, ids) = SQL.fit(tx, unseen);
    let mut query = sqlx::query(sql)
        .bind(now)
        .bind(now + limits.idle_limit(false))
        .bind(now + limits.idle_limit(true))
        .bind(now - TOUCH_EVERY);
    for id in ids {
        query = query.bind(id.as_str());
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Who they are, and where they stand. One statement: a row for each app that a person has entered,
/// or one without. And the version of the registry, locked: whoever disables an app changes it first,
/// so they wait for what is recorded here, and then end it (SECURITY-CASES INV-05).
async fn fill_in_people(tx: &mut Tx, entrants: &mut HashMap<String, Entrant>) -> Stored<()> {
    const SELECT: &str = "SELECT u.id, u.disabled_at, u.username, u.nickname, u.email,
            u.email_verified_at, u.locale, u.avatar_url, u.profile, u.app_flag, u.ac_flag, a.app_id,
            a.state, a.since, r.version, e.version
         FROM users u JOIN registry r ON r.id = 'apps' JOIN registry e ON e.id = 'restored'
         LEFT JOIN activations a ON a.user_id = u.id
         WHERE u.id IN (";
    static SQL: LazyLock<Padded> =
        LazyLock::new(|| Padded::locking_list(SELECT, 0, "FOR SHARE OF r"));
    let users: Vec<UserId> = entrants.values().map(|entrant| entrant.user.clone()).collect();
    if users.is_empty() {
        return Ok(());
    }
    let (sql, ids) = SQL.fit(tx, &users);
    let mut query = sqlx::query(sql);
    for id in ids {
        query = query.bind(id.as_str());
    }
    for row in query.fetch_all(&mut **tx).await? {
        let user: String = row.try_get(0)?;
        let activation: Option<String> = row.try_get(11)?;
        for entrant in entrants.values_mut().filter(|entrant| entrant.user.as_str() == user) {
            if entrant.profile.username.is_empty() {
                entrant.disabled_at = row.try_get(1)?;
                entrant.registry_version = row.try_get(14)?;
                entrant.restored_at = row.try_get(15)?;
                entrant.profile = Profile {
                    username: row.try_get(2)?,
                    nickname: row.try_get(3)?,
                    email: row.try_get(4)?,
                    email_verified_at: row.try_get(5)?,
                    locale: row.try_get(6)?,
                    avatar_url: row.try_get(7)?,
                    profile: row.try_get(8)?,
                    app_flag: row.try_get(9)?,
                    ac_flag: row.try_get(10)?,
                };
            }
            if let Some(app) = &activation {
                let state = activations::state(row.try_get(12)?)?;
                entrant.activations.insert(app.clone(), (state, row.try_get(13)?));
            }
        }
    }
    Ok(())
}

/// An app session to be recorded.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Its name.
    pub id: AppSessionId,
    /// The session behind it.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// Where.
    pub app: AppId,
    /// Over at the latest.
    pub expires_at: Millis,
}

/// Records app sessions.
pub async fn record(tx: &mut Tx, admissions: &[Admission], now: Millis) -> Stored<()> {
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::rows(
            "INSERT INTO app_sessions (id, session_id, user_id, app_id, created_at, expires_at)
             VALUES ",
            6,
            " ON CONFLICT (id) DO NOTHING",
        )
    });
    let (sql, rows) = SQL.fit(tx, admissions);
    let mut query = sqlx::query(sql);
    for admission in rows {
        query = query
            .bind(admission.id.as_str())
            .bind(admission.session.as_str())
            .bind(admission.user.as_str())
            .bind(admission.app.as_str())
            .bind(now)
            .bind(admission.expires_at);
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Forgets tickets that were issued before a time by which they have long expired; answers how
/// many. A `jti` begins with the time of its issue, so its own index finds them.
pub async fn prune(conn: &mut Conn, issued_before: Millis) -> Stored<u64> {
    let done = sqlx::query("DELETE FROM spent_tickets WHERE jti < $1")
        .bind(earliest_text(issued_before))
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
