//! Sessions as they are shown: with the device, and the apps that were entered from there.

use std::sync::LazyLock;

use sqlx::{Row, any::AnyRow};

use super::super::{
    Conn, Stored,
    padded::{MOST, Padded},
};
use crate::domain::{
    Millis,
    id::{IdentityId, SessionId, UserId},
};

/// A session as lists show it.
#[derive(Clone, Debug)]
pub struct ListedSession {
    /// Its name.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The person's name.
    pub username: String,
    /// "Firefox on Windows".
    pub device: String,
    /// Desktop, phone or native.
    pub device_class: String,
    /// From where it began.
    pub address: String,
    /// Begun at.
    pub created_at: Millis,
    /// Last sign of life, to the minute.
    pub last_seen_at: Millis,
    /// Over at the latest.
    pub expires_at: Millis,
    /// By which identity it was proven, if by one.
    pub identity: Option<IdentityId>,
    /// Names of the apps it is signed in at.
    pub apps: Vec<String>,
}

/// Live sessions of one person, latest first.
pub async fn live_of_user(
    conn: &mut Conn,
    user: &UserId,
    now: Millis,
    limit: i64,
) -> Stored<Vec<ListedSession>> {
    let rows = sqlx::query(
        "SELECT s.id, s.user_id, u.username, s.device, s.device_class, s.address, s.created_at,
                s.last_seen_at, s.expires_at, s.identity_id
         FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.user_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND s.idle_until > $2
         ORDER BY s.last_seen_at DESC, s.id DESC LIMIT $3",
    )
    .bind(user.as_str())
    .bind(now)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    with_apps(conn, &rows, now).await
}

/// Live sessions of everybody, latest first.
pub async fn live(conn: &mut Conn, now: Millis, limit: i64) -> Stored<Vec<ListedSession>> {
    let rows = sqlx::query(
        "SELECT s.id, s.user_id, u.username, s.device, s.device_class, s.address, s.created_at,
                s.last_seen_at, s.expires_at, s.identity_id
         FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.ended_at IS NULL AND s.expires_at > $1 AND s.idle_until > $1
         ORDER BY s.last_seen_at DESC, s.id DESC LIMIT $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    with_apps(conn, &rows, now).await
}

async fn with_apps(conn: &mut Conn, rows: &[AnyRow], now: Millis) -> Stored<Vec<ListedSession>> {
    let mut sessions = rows.iter().map(listed).collect::<Result<Vec<_>, _>>()?;
    for chunk in sessions.chunks_mut(MOST) {
        let ids: Vec<SessionId> = chunk.iter().map(|session| session.id.clone()).collect();
        for (session, app) in apps_of(conn, &ids, now).await? {
            if let Some(listed) = chunk.iter_mut().find(|listed| listed.id == session) {
                listed.apps.push(app);
            }
        }
    }
    Ok(sessions)
}

fn listed(row: &AnyRow) -> Result<ListedSession, sqlx::Error> {
    Ok(ListedSession {
        id: row.try_get::<String, _>(0)?.into(),
        user: row.try_get::<String, _>(1)?.into(),
        username: row.try_get(2)?,
        device: row.try_get(3)?,
        device_class: row.try_get(4)?,
        address: row.try_get(5)?,
        created_at: row.try_get(6)?,
        last_seen_at: row.try_get(7)?,
        expires_at: row.try_get(8)?,
        identity: row.try_get::<Option<String>, _>(9)?.map(Into::into),
        apps: Vec::new(),
    })
}

/// Names of the apps that one session is signed in at.
pub async fn apps_of_one(conn: &mut Conn, id: &SessionId, now: Millis) -> Stored<Vec<String>> {
    let apps = apps_of(conn, std::slice::from_ref(id), now).await?;
    Ok(apps.into_iter().map(|(_, app)| app).collect())
}

async fn apps_of(
    conn: &mut Conn,
    sessions: &[SessionId],
    now: Millis,
) -> Stored<Vec<(SessionId, String)>> {
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::list(
            "SELECT DISTINCT x.session_id, a.name FROM app_sessions x JOIN apps a ON a.id = x.app_id
             WHERE x.ended_at IS NULL AND x.expires_at > $1 AND x.session_id IN (",
            1,
            ") ORDER BY a.name",
        )
    });
    let (sql, padded) = SQL.fit(conn, sessions);
    let mut query = sqlx::query_as::<_, (String, String)>(sql).bind(now);
    for id in padded {
        query = query.bind(id.as_str());
    }
    let rows = query.fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(session, app)| (session.into(), app)).collect())
}
