//! Opening SQLite: one writer, many readers, durable.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{
    AnyConnection, ConnectOptions, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
};

use super::{
    ACQUIRE_WITHIN, Db, Distrust, Kind, OpenError, Options, apps, commits::CommitWatch,
    grouped::GroupedWriter, in_use, pulse::Pulse, session_cache::SessionCache, wakes::Wakes,
};

pub(super) const WRITER_PRAGMAS: &[&str] = &[
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -2000",
];

const READER_PRAGMAS: &[&str] =
    &["PRAGMA busy_timeout = 5000", "PRAGMA query_only = ON", "PRAGMA cache_size = -500"];

impl Db {
    /// Opens the file, or makes it.
    pub(super) async fn open_sqlite(options: &Options) -> Result<Self, OpenError> {
        let path = sqlite_path(&options.url).ok_or(OpenError::Scheme(options.url.clone()))?;
        let unreachable =
            |source: Box<dyn std::error::Error + Send + Sync>| OpenError::Unreachable {
                url: options.url.clone(),
                source,
                help: "Check that the folder exists and that this user may write to it.",
            };
        let Some(in_use) = in_use::together(&path).map_err(|error| unreachable(error.into()))?
        else {
            return Err(OpenError::BeingRestored(path.display().to_string()));
        };
        create_private_file(&path).map_err(|error| unreachable(error.into()))?;
        let connect = connect_options(&path).map_err(|error| unreachable(error.into()))?;

        let mut writer = connect.connect().await.map_err(|error| unreachable(error.into()))?;
        for pragma in WRITER_PRAGMAS {
            set(&mut writer, pragma).await.map_err(|error| unreachable(error.into()))?;
        }
        let (version,): (String,) = sqlx::query_as("SELECT sqlite_version()")
            .fetch_one(&mut writer)
            .await
            .map_err(|error| unreachable(error.into()))?;
        if version_triple(&version) < (3, 51, 3) {
            return Err(OpenError::OldSqlite(version));
        }

        let readers = AnyPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(ACQUIRE_WITHIN)
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    for pragma in READER_PRAGMAS {
                        connection.execute(*pragma).await?;
                    }
                    Ok(())
                })
            })
            .connect_lazy_with(connect.clone());

        let cache = Arc::new(SessionCache::default());
        let watch = Arc::new(CommitWatch::new(&path));
        let wakes = Arc::new(Wakes::default());
        let writer = GroupedWriter::new(writer, connect, watch.clone(), cache.clone());
        let kind = Kind::Sqlite { writer: Arc::new(writer), watch, cache, _in_use: in_use };
        Ok(Self {
            kind,
            readers,
            wakes,
            apps: apps::Registry::default(),
            distrusted: Distrust::default(),
            pulse: Pulse::default(),
        })
    }
}

/// One spelling for all, with only the options that we chose. The file must be there.
pub(super) fn connect_options(path: &Path) -> sqlx::Result<AnyConnectOptions> {
    let url = format!("sqlite://{}?mode=rw", path.display());
    Ok(AnyConnectOptions::from_str(&url)?.disable_statement_logging())
}

/// Of two processes that open a new file at once each can hold a lock that the other one's change to
/// WAL wants. SQLite then says at once that it is busy; a moment later one of them has done it.
async fn set(writer: &mut AnyConnection, pragma: &'static str) -> sqlx::Result<()> {
    let deadline = Instant::now() + ACQUIRE_WITHIN;
    loop {
        match writer.execute(pragma).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            outcome => return outcome.map(|_| ()),
        }
    }
}

pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: u32 = 5;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    // The low byte: above it stands in which way.
    code.is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

/// The file behind a `sqlite:` URL; `None` for databases in memory, which two connections cannot
/// share.
pub fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    (!path.is_empty() && !path.contains(":memory:")).then(|| PathBuf::from(path))
}

fn create_private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(|_| ())
}

fn version_triple(version: &str) -> (u32, u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_urls() {
        assert_eq!(sqlite_path("sqlite://passport.db"), Some("passport.db".into()));
        assert_eq!(sqlite_path("sqlite:///var/lib/p.db?mode=rwc"), Some("/var/lib/p.db".into()));
        assert_eq!(sqlite_path("sqlite::memory:"), None);
        assert_eq!(version_triple("3.51.3"), (3, 51, 3));
    }
}
