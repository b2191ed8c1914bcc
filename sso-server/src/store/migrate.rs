//! Bringing the tables up to date. Migrations only add, so a program of the version before runs on
//! the tables of the version after.

use std::{fs::File, path::Path, sync::LazyLock};

use rust_embed::RustEmbed;
use sqlx::{
    Connection, Executor, SqlSafeStr,
    migrate::{MigrateError as SqlxError, Migration, MigrationType, Migrator},
};

use super::{Db, Kind, StoreError, sqlite_path};

/// The files, in the program. (`sqlx::migrate!` would need sqlx's macros, which compile both
/// drivers and SQLite a second time.)
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../migrations"]
#[include = "*.sql"]
struct Files;

/// `0001_spine.sql` is version 1, "spine".
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let migrations = Files::iter().filter_map(|name| {
        let (version, description) = name.strip_suffix(".sql")?.split_once('_')?;
        let sql: &'static str =
            String::from_utf8(Files::get(&name)?.data.into_owned()).ok()?.leak();
        Some(Migration::new(
            version.parse().ok()?,
            description.replace('_', " ").into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        ))
    });
    Migrator::with_migrations(migrations.collect())
});

/// Why the tables cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A later program has been here.
    #[error(
        "the database is newer than this program: it holds migration {0}, which this version does \
         not know. Start the newer version of Passport, or restore a backup made before the upgrade"
    )]
    Newer(i64),
    /// Somebody edited an applied migration.
    #[error(
        "migration {0} in the database is not the one that this program has: the file was changed \
         after it was applied"
    )]
    Changed(i64),
    /// It failed; nothing of the failed step remains.
    #[error("a migration failed: {0}")]
    Failed(#[source] SqlxError),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lock file beside an SQLite database cannot be made.
    #[error("cannot lock {path}: {source}")]
    Lock {
        /// The lock file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl From<SqlxError> for MigrateError {
    fn from(error: SqlxError) -> Self {
        match error {
            SqlxError::VersionMissing(version) => Self::Newer(version),
            SqlxError::VersionMismatch(version) => Self::Changed(version),
            other => Self::Failed(other),
        }
    }
}

/// Applies what is missing. Of several processes one works and the others wait: PostgreSQL by
/// sqlx's advisory lock, SQLite by a lock file, as it has no such thing.
pub async fn migrate(db: &Db, url: &str) -> Result<(), MigrateError> {
    let _lock = match sqlite_path(url) {
        Some(path) => Some(lock_beside(&path).await?),
        None => None,
    };
    if let Kind::Sqlite { .. } = &db.kind {
        // The pool's connections only read; this one may write.
        let mut connection = db.read().await?;
        connection.execute("PRAGMA query_only = OFF").await.map_err(StoreError::from)?;
        let applied = MIGRATIONS.run(&mut *connection).await;
        connection.execute("PRAGMA query_only = ON").await.map_err(StoreError::from)?;
        applied?;
    } else {
        // A long step, and waiting for another node's, are no faults here, so the deadlines of
        // requests do not count. The connection is not given back: sqlx's lock goes with it, which
        // after a failure would stay.
        let mut connection = db.read().await?.detach();
        let patient = "SET statement_timeout = 0; SET lock_timeout = 0";
        connection.execute(patient).await.map_err(StoreError::from)?;
        let applied = MIGRATIONS.run(&mut connection).await;
        let _ = connection.close().await;
        applied?;
    }
    db.watch_commits().await?;
    Ok(())
}

/// Whether the tables are exactly those of this program; an error when they are a later one's.
pub async fn is_current(db: &Db) -> Result<bool, MigrateError> {
    let mut connection = db.read().await?;
    let applied: Result<Vec<(i64,)>, _> =
        sqlx::query_as("SELECT version FROM _sqlx_migrations ORDER BY version")
            .fetch_all(&mut *connection)
            .await;
    let Ok(applied) = applied else { return Ok(false) };
    let known: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    if let Some((version,)) = applied.iter().find(|(version,)| !known.contains(version)) {
        return Err(MigrateError::Newer(*version));
    }
    Ok(applied.into_iter().map(|(version,)| version).eq(known))
}

/// Whether this program has the migration.
pub(super) fn is_known(version: i64) -> bool {
    MIGRATIONS.iter().any(|migration| migration.version == version)
}

async fn lock_beside(database: &Path) -> Result<File, MigrateError> {
    let mut path = database.as_os_str().to_owned();
    path.push("-migrating");
    let shown = path.to_string_lossy().into_owned();
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).append(true).open(path)?;
        file.lock()?;
        Ok(file)
    });
    locked
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|source| MigrateError::Lock { path: shown, source })
}

impl Db {
    /// Now that the tables exist, made here or by somebody else: see that the commit watch counts as
    /// expected. Until then nothing is kept at hand.
    pub async fn watch_commits(&self) -> Result<(), StoreError> {
        let Kind::Sqlite { watch, .. } = &self.kind else { return Ok(()) };
        watch.attach();
        watch.rely(true);
        // Taken under the write lock, so that another process' commit is not mistaken for ours.
        let mut first = self.write().await?;
        let before = watch.counter();
        super::meta::put(&mut first, "last_start", "").await?;
        first.commit().await?;
        let second = self.write().await?;
        let after = watch.counter();
        second.commit().await?;
        let as_documented = match (before, after) {
            (Some(before), Some(after)) => after.wrapping_sub(before) >= 1,
            _ => false,
        };
        watch.rely(as_documented);
        Ok(())
    }
}
