//! `audit`: append-only. Written in the transaction that does what it says, and chained a few seconds
//! later ([`crate::flows::audit_log`]).

use std::sync::LazyLock;

use sqlx::{Row, any::AnyRow};

use super::{
    Conn, StoreError, Stored, Tx,
    padded::{MOST, Padded},
};
use crate::{
    domain::{
        Millis,
        app::AppId,
        audit::{Entry, link},
        id::{SessionId, UserId, earliest_text, fresh_text},
        token::Digest,
    },
    random::Random,
};

/// Appends lines.
pub async fn append(conn: &mut Conn, entries: &[Entry], random: &Random) -> Stored<()> {
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::rows(
            "INSERT INTO audit (id, at, kind, user_id, session_id, app_id, address, detail) VALUES ",
            8,
            " ON CONFLICT (id) DO NOTHING",
        )
    });
    let named: Vec<(String, String, &Entry)> = entries
        .iter()
        .map(|entry| (fresh_text(entry.at, random), entry.detail.to_string(), entry))
        .collect();
    for chunk in named.chunks(MOST) {
        let (sql, rows) = SQL.fit(conn, chunk);
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
    /// Its id, which begins with its time.
    pub id: String,
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
    /// Its number in the chain and its link, once it is sealed.
    pub sealed: Option<(i64, String)>,
}

impl Line {
    /// Its link as number `seq`, behind the link `previous`.
    pub fn link(&self, previous: &str, seq: i64) -> Digest {
        let at = self.at.to_string();
        let content = [
            Some(self.id.as_str()),
            Some(at.as_str()),
            Some(self.kind.as_str()),
            self.user.as_deref(),
            self.session.as_deref(),
            self.app.as_deref(),
            self.address.as_deref(),
            Some(self.detail.as_str()),
        ];
        link(previous, seq, &content)
    }
}

const COLUMNS: &str =
    "SELECT id, at, kind, user_id, session_id, app_id, address, detail, seq, hash FROM audit";

fn from_row(row: &AnyRow) -> Result<Line, sqlx::Error> {
    let seq: Option<i64> = row.try_get(8)?;
    let hash: Option<String> = row.try_get(9)?;
    Ok(Line {
        id: row.try_get(0)?,
        at: row.try_get(1)?,
        kind: row.try_get(2)?,
        user: row.try_get(3)?,
        session: row.try_get(4)?,
        app: row.try_get(5)?,
        address: row.try_get(6)?,
        detail: row.try_get(7)?,
        sealed: seq.map(|seq| (seq, hash.unwrap_or_default())),
    })
}

/// Which lines.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this kind only.
    pub kind: Option<String>,
    /// About this person only.
    pub user: Option<String>,
    /// About this app only.
    pub app: Option<String>,
    /// Not older.
    pub since: Option<Millis>,
    /// Older.
    pub until: Option<Millis>,
    /// Only those before the line of this id.
    pub before: Option<String>,
}

/// Behind every id: they are hexadecimal digits and `-`.
const LAST: &str = "g";

/// Lines that a filter lets through, latest first: ids begin with their time.
pub async fn page(conn: &mut Conn, filter: &Filter, limit: i64) -> Stored<Vec<Line>> {
    // One text for each choice of columns, so that each finds its index.
    static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let text = |choice: usize| {
            let mut sql = format!("{COLUMNS} WHERE id >= $1 AND id < $2 AND id < $3");
            let mut number = 3;
            for (bit, column) in ["kind", "user_id", "app_id"].into_iter().enumerate() {
                if choice >> bit & 1 == 1 {
                    number += 1;
                    sql.push_str(&format!(" AND {column} = ${number}"));
                }
            }
            format!("{sql} ORDER BY id DESC LIMIT ${}", number + 1)
        };
        (0..8).map(text).collect()
    });
    let wanted = [&filter.kind, &filter.user, &filter.app];
    let choice = wanted
        .iter()
        .enumerate()
        .fold(0, |choice, (bit, column)| choice | usize::from(column.is_some()) << bit);
    let mut query = sqlx::query(TEXTS[choice].as_str())
        .bind(filter.since.map(earliest_text).unwrap_or_default())
        .bind(filter.until.map_or_else(|| LAST.to_owned(), earliest_text))
        .bind(filter.before.as_deref().unwrap_or(LAST));
    for column in wanted.into_iter().flatten() {
        query = query.bind(column.as_str());
    }
    let rows = query.bind(limit).fetch_all(conn).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// The latest lines, latest first.
pub async fn latest(conn: &mut Conn, limit: i64) -> Stored<Vec<Line>> {
    page(conn, &Filter::default(), limit).await
}

/// Lines of the chain behind number `after`, in order.
pub async fn chained(conn: &mut Conn, after: i64, limit: i64) -> Stored<Vec<Line>> {
    static SQL: LazyLock<String> =
        LazyLock::new(|| format!("{COLUMNS} WHERE seq > $1 ORDER BY seq LIMIT $2"));
    let rows = sqlx::query(SQL.as_str()).bind(after).bind(limit).fetch_all(conn).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// Whether there are lines from before `until` that are in no chain yet.
pub async fn any_unsealed(conn: &mut Conn, until: Millis) -> Stored<bool> {
    let found: Option<(String,)> =
        sqlx::query_as("SELECT id FROM audit WHERE seq IS NULL AND id < $1 LIMIT 1")
            .bind(earliest_text(until))
            .fetch_optional(conn)
            .await?;
    Ok(found.is_some())
}

/// Lines from before `until` that are in no chain yet, oldest first.
///
/// They come as one value. Every redemption leaves a line, and as rows of their own, which SQLite's
/// thread hands over one by one, they took half of the sealer's time (22 us a line, 11 so).
pub async fn unsealed(conn: &mut Conn, until: Millis, limit: i64) -> Stored<Vec<Line>> {
    type Columns = (
        String,
        Millis,
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
        String,
    );
    const SQLITE: &str = "SELECT json_group_array(json_array(
            id, at, kind, user_id, session_id, app_id, address, detail))
         FROM (SELECT * FROM audit WHERE seq IS NULL AND id < $1 ORDER BY id LIMIT $2)";
    const POSTGRES: &str = "SELECT COALESCE(json_agg(json_build_array(
            id, at, kind, user_id, session_id, app_id, address, detail) ORDER BY id), '[]')::TEXT
         FROM (SELECT * FROM audit WHERE seq IS NULL AND id < $1 ORDER BY id LIMIT $2) AS lines";
    let sql = if conn.backend_name() == "SQLite" { SQLITE } else { POSTGRES };
    let (lines,): (String,) =
        sqlx::query_as(sql).bind(earliest_text(until)).bind(limit).fetch_one(conn).await?;
    let lines: Vec<Columns> = serde_json::from_str(&lines)
        .map_err(|error| StoreError::Unreadable { what: "audit", why: error.to_string() })?;
    Ok(lines
        .into_iter()
        .map(|(id, at, kind, user, session, app, address, detail)| Line {
            id,
            at,
            kind,
            user,
            session,
            app,
            address,
            detail,
            sealed: None,
        })
        .collect())
}

/// How many lines are in no chain yet.
pub async fn count_unsealed(conn: &mut Conn) -> Stored<i64> {
    let (count,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM audit WHERE seq IS NULL").fetch_one(conn).await?;
    Ok(count)
}

/// Writes the places and links of lines that had none: the one change that a line ever sees. The
/// caller holds the chain.
pub async fn seal(tx: &mut Tx, links: &[(String, i64, Digest)]) -> Stored<()> {
    // Both databases call the columns of a list of values so.
    static SQL: LazyLock<Padded> = LazyLock::new(|| {
        Padded::rows(
            "UPDATE audit SET seq = links.column2, hash = links.column3 FROM (VALUES ",
            3,
            ") AS links WHERE audit.id = links.column1 AND audit.seq IS NULL",
        )
    });
    for chunk in links.chunks(MOST) {
        let (sql, rows) = SQL.fit(tx, chunk);
        let mut query = sqlx::query(sql);
        for (id, seq, hash) in rows {
            query = query.bind(id).bind(*seq).bind(hash.as_str());
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}
