//! The tables: one file each, plain async functions over a connection. This file holds the rules of
//! the two databases, so that no other one knows which of them it talks to.
//!
//! # One SQL text for both
//! Everything goes through `sqlx::Any`. That works because the schema keeps to what both databases
//! share; a test holds the migrations to it.
//! 1. Columns are TEXT or BIGINT; times are Unix milliseconds; a yes/no fact is a nullable time;
//!    bytes are base64url; lists and bags are JSON text.
//! 2. Placeholders are `$n`. No `SUM`, `LIKE`, `now()`, no `EXISTS` as a value, no ordering by a
//!    nullable column.
//! 3. Case-insensitive identity is a key column computed in Rust.
//! 4. What may happen once is one conditional `UPDATE … RETURNING` or `INSERT … ON CONFLICT DO
//!    NOTHING`: the row decides. Never read, then write.
//! 5. Whoever writes opens a [`Tx`]; what changes a fact that a cache holds takes `&mut Tx`, so it
//!    cannot forget to say so.
//!
//! # SQLite
//! One connection writes, and groups the jobs of concurrent callers into one durable transaction
//! ([`grouped`]); others read beside it. `synchronous=FULL`: an acknowledged write survives a power
//! cut. Several processes may share the file: [`commits`] notices their commits.
//!
//! # PostgreSQL
//! Nodes keep nothing that another node lacks. READ COMMITTED with row locks: whoever adds a child
//! (a session to a user, an app session to a session) first updates the parent's row, so that
//! ending the parent waits for it and then sees it. `LISTEN`/`NOTIFY` wakes waiting polls.

pub mod activations;
pub mod admin_tokens;
pub mod app_instances;
pub mod app_sessions;
pub mod apps;
pub mod audit;
pub mod audit_chain;
pub mod batches;
mod commits;
pub mod confirmations;
pub mod copies;
pub mod establish_links;
pub mod events;
mod grouped;
pub mod identities;
mod in_use;
pub mod logouts;
pub mod meta;
mod migrate;
pub mod one_time_links;
pub mod openid_associations;
pub mod openid_nonces;
pub mod openid_wanted;
mod padded;
pub mod pending_logins;
pub mod pending_upstream_logins;
mod postgres;
pub mod proven_identities;
mod pulse;
pub mod push_streams;
pub mod redemptions;
pub mod restores;
mod session_cache;
pub mod sessions;
pub mod signing_keys;
mod sqlite;
pub mod throttles;
pub mod users;
mod wakes;

use std::{
    fs::File,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{Any, AnyConnection, AnyPool, Transaction, pool::PoolConnection};

use self::{
    commits::CommitWatch, grouped::GroupedWriter, pulse::Pulse, session_cache::SessionCache,
    wakes::Wakes,
};
pub use self::{
    migrate::{MigrateError, is_current, migrate},
    padded::MOST,
    pulse::NOTICED_WITHIN,
    sessions::Found,
    sqlite::sqlite_path,
    wakes::{Topic, Waiter},
};

/// Until when connections are distrusted.
#[derive(Clone, Default)]
struct Distrust(Arc<Mutex<Option<Instant>>>);

impl Distrust {
    /// Longer than whatever has lost its answer with this one goes on waiting for it.
    const LASTS: Duration = Duration::from_secs(60);

    fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + Self::LASTS);
    }

    fn is_on(&self) -> bool {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

/// What every store function runs on.
pub type Conn = AnyConnection;

/// How long anybody waits for a connection or for the writer's turn.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(3);

/// The database did not do what was asked. Whoever sees this knows nothing: the answer is 503.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, failed or was out of reach.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// No turn within the deadline, or the group's commit failed.
    #[error("database: {0}")]
    Unavailable(&'static str),
    /// A stored value cannot be read back.
    #[error("database: unreadable {what}: {why}")]
    Unreadable {
        /// Which column.
        what: &'static str,
        /// What the parser said.
        why: String,
    },
}

impl StoreError {
    /// Whether a unique index refused the row.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// Whether another try may succeed: PostgreSQL chose this transaction as the victim of a
    /// deadlock or a serialization failure.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error))
            if matches!(error.code().as_deref(), Some("40001" | "40P01")))
    }
}

/// Result of a store function.
pub type Stored<T> = Result<T, StoreError>;

/// Where the database is.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://file` or `postgres://…`.
    pub url: String,
    /// Most connections of the pool (PostgreSQL), readers (SQLite).
    pub max_connections: u32,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Options({})", without_password(&self.url))
    }
}

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no supported database.
    #[error(
        "database.url `{0}` is not supported; use sqlite://path/to/passport.db or postgres://user:password@host/database"
    )]
    Scheme(String),
    /// It cannot be reached or opened.
    #[error("cannot open the database {url}: {source}\n{help}")]
    Unreachable {
        /// The URL without its password.
        url: String,
        /// What the driver says.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What to do.
        help: &'static str,
    },
    /// The SQLite library has the WAL-reset corruption bug (SECURITY-CASES Q-03).
    #[error("SQLite {0} is too old: 3.51.3 or later is needed")]
    OldSqlite(String),
    /// Somebody puts a backup in its place.
    #[error("the database {0} is being restored from a backup: try again when that is done")]
    BeingRestored(String),
}

enum Kind {
    Sqlite {
        writer: Arc<GroupedWriter>,
        watch: Arc<CommitWatch>,
        cache: Arc<SessionCache>,
        /// Keeps a restore out.
        _in_use: File,
    },
    Postgres {
        lookups: sessions::Lookups,
    },
}

/// An open database.
pub struct Db {
    kind: Kind,
    readers: AnyPool,
    wakes: Arc<Wakes>,
    apps: apps::Registry,
    distrusted: Distrust,
    pulse: Pulse,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_sqlite() { "Db(SQLite)" } else { "Db(PostgreSQL)" })
    }
}

impl Db {
    /// Opens the database; a missing SQLite file is created, readable by its owner only.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        match options.url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Self::open_sqlite(options).await,
            Some("postgres" | "postgresql") => Self::open_postgres(options).await,
            _ => Err(OpenError::Scheme(without_password(&options.url))),
        }
    }

    /// Whether this is the embedded database.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.kind, Kind::Sqlite { .. })
    }

    /// A connection to read from.
    pub async fn read(&self) -> Stored<PoolConnection<Any>> {
        Ok(self.readers.acquire().await?)
    }

    /// A transaction to write in. Nothing is kept unless [`Tx::commit`] answers `Ok`.
    pub async fn write(&self) -> Stored<Tx> {
        let inner = match &self.kind {
            Kind::Sqlite { writer, .. } => Inner::Grouped(writer.begin().await?),
            Kind::Postgres { .. } => Inner::Own(self.readers.begin().await?),
        };
        Ok(Tx { inner, wakes: self.wakes.clone(), woken: Vec::new() })
    }

    /// Waits for news of a topic; see [`Waiter`].
    pub fn waiter(&self, topic: Topic) -> Waiter {
        self.wakes.waiter(topic)
    }

    /// Sends every waiting poll home, now and from now on: the server is about to stop.
    pub fn release_waiters(&self) {
        self.wakes.close();
    }

    /// Keeps waiting polls awake to what other processes write, and knows whether the database can be
    /// heard. Runs until dropped.
    pub async fn watch_for_news(&self, url: &str) {
        match &self.kind {
            Kind::Sqlite { watch, cache, .. } => {
                wakes::watch_sqlite(&self.wakes, watch, cache).await;
            }
            Kind::Postgres { .. } => {
                let news = wakes::watch_postgres(self, &self.wakes, url);
                tokio::join!(news, pulse::watch_postgres(self, url));
            }
        }
    }

    /// An answer did not come: for a while, connections that come back to the pool are closed unless
    /// they answer within [`ACQUIRE_WITHIN`]. The pool itself would ask each of them for as long as
    /// the system believes in the connection, and have none to give meanwhile.
    pub fn distrust(&self) {
        self.distrusted.begin();
    }

    /// Closes all connections; SQLite's log is folded into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        if let Kind::Sqlite { writer, .. } = &self.kind {
            writer.close().await;
        }
    }
}

/// A transaction. Dropped without [`commit`](Self::commit), it never was.
pub struct Tx {
    inner: Inner,
    wakes: Arc<Wakes>,
    woken: Vec<Topic>,
}

enum Inner {
    Grouped(grouped::Job),
    Own(Transaction<'static, Any>),
}

impl Tx {
    /// Makes it so, durably. After an error nothing is known: the caller answers 503.
    pub async fn commit(mut self) -> Stored<()> {
        match self.inner {
            Inner::Grouped(job) => job.commit().await?,
            Inner::Own(mut transaction) => {
                self.woken.sort();
                self.woken.dedup();
                for topic in &self.woken {
                    wakes::notify(&mut transaction, topic).await?;
                }
                transaction.commit().await?;
            }
        }
        for topic in &self.woken {
            self.wakes.wake(topic);
        }
        Ok(())
    }

    /// After the commit, whoever waits for news of `topic` looks again, on every node.
    pub fn wake(&mut self, topic: Topic) {
        self.woken.push(topic);
    }

    /// A cached fact changes with this transaction.
    fn changes(&mut self, change: session_cache::Change) {
        if let Inner::Grouped(job) = &self.inner {
            job.changes(change);
        }
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        match &self.inner {
            Inner::Grouped(job) => job,
            Inner::Own(transaction) => transaction,
        }
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        match &mut self.inner {
            Inner::Grouped(job) => job,
            Inner::Own(transaction) => transaction,
        }
    }
}

/// A database URL fit to be shown. By hand and not by a parser: what does not parse is shown in an
/// error, too, and its password with it.
pub fn without_password(url: &str) -> String {
    let (before, parameter) = url.split_once("password=").unwrap_or((url, ""));
    let (scheme, rest) = before
        .split_once("://")
        .map_or(("", before), |(_, rest)| before.split_at(before.len() - rest.len()));
    // The last @: a password with one in it is a common reason why a URL does not parse.
    let mut shown = match rest.rsplit_once('@') {
        Some((who, place)) => match who.split_once(':') {
            Some((user, _)) => format!("{scheme}{user}:…@{place}"),
            None => format!("{scheme}{who}@{place}"),
        },
        None => format!("{scheme}{rest}"),
    };
    if before.len() < url.len() {
        shown.push_str("password=…");
        if let Some((_, more)) = parameter.split_once('&') {
            shown.push_str(&format!("&{more}"));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (given, shown) in [
            ("postgres://me:secret@db/x", "postgres://me:…@db/x"),
            ("postgres://me:sec@ret@db:99999/x", "postgres://me:…@db:99999/x"),
            ("postgres://me:sec/ret#@db/x?sslmode=require", "postgres://me:…@db/x?sslmode=require"),
            ("postgres://db/x?user=me&password=secret", "postgres://db/x?user=me&password=…"),
            ("postgres://db:1/x?password=se@cret&user=me", "postgres://db:1/x?password=…&user=me"),
            ("postgres://me:sec?ret@db/x", "postgres://me:…@db/x"),
            ("me:secret@db/x", "me:…@db/x"),
            ("postgres://me@db/x", "postgres://me@db/x"),
            ("sqlite://p.db", "sqlite://p.db"),
            ("", ""),
        ] {
            assert_eq!(without_password(given), shown);
        }
    }
}
