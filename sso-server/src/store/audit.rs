//! `audit`: append-only. Written in the transaction that does what it says.

use std::sync::LazyLock;

use super::{
    Conn, Stored,
    padded::{MOST, Padded},
};
use crate::{
    domain::{
        Millis,
        app::AppId,
        audit::Entry,
        id::{SessionId, UserId, fresh_text},
    },
    random::Random,
};

/// Appends lines.
pub async fn append(conn: &mut Conn, entries: &[Entry], random: &Random) -> Stored<()> {
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::rows(
            "INSERT INTO audit (id, at, kind, user_id, session_id, app_id, address, detail) VALUES ",
            0,
            8,
            " ON CONFLICT (id) DO NOTHING",
        )
    });
    let named: Vec<(String, String, &Entry)> = entries
        .iter()
        .map(|entry| (fresh_text(entry.at, random), entry.detail.to_string(), entry))
        .collect();
    for chunk in named.chunks(MOST) {
        let (sql, rows) = SQL.fit(chunk);
        let mut query = sqlx::query(sql);
        for (id, detail, entry) in rows {
            query = query
                .bind(id)
                .bind(entry.at)
                .bind(entry.act.as_str())
                .bind(entry.user.as_ref().map(UserId::as_str))
                .bind(entry.session.as_ref().map(SessionId::as_str))
                .bind(entry.app.as_ref().map(AppId::as_str))
                .bind(entry.address.as_deref())
                .bind(detail);
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

/// A line as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Millis,
    /// What.
    pub kind: String,
    /// Whom it concerns.
    pub user: Option<String>,
    /// Which session.
    pub session: Option<String>,
    /// Which app.
    pub app: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// Further facts, JSON.
    pub detail: String,
}

/// The latest lines, latest first: ids begin with their time.
pub async fn latest(conn: &mut Conn, limit: i64) -> Stored<Vec<Line>> {
    type Columns =
        (i64, String, Option<String>, Option<String>, Option<String>, Option<String>, String);
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT at, kind, user_id, session_id, app_id, address, detail FROM audit
         ORDER BY id DESC LIMIT $1",
    )
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(at, kind, user, session, app, address, detail)| Line {
            at,
            kind,
            user,
            session,
            app,
            address,
            detail,
        })
        .collect())
}
