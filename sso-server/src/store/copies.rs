//! Copies of an SQLite database as a whole: making one beside a running server, looking whether one
//! is ours, and putting one in the place of another.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sqlx::{AnyConnection, ConnectOptions, Connection, Executor, any::AnyConnectOptions};

use super::{
    Db, StoreError, audit_chain,
    in_use::{self, beside},
    meta, migrate,
    sqlite::{connect_options, is_busy},
};
use crate::domain::Millis;

/// What an SQLite file begins with (<https://sqlite.org/fileformat.html>, section 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The fact in `meta` that makes a copy a backup: when it was made.
const MADE_AT: &str = "backup_made_at";
/// What SQLite and we put beside a database.
const COMPANIONS: [&str; 5] = ["-wal", "-shm", "-journal", "-migrating", "-in-use"];

/// Why there is no copy, or none that may be used.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It would overwrite something.
    #[error("{0} exists already, and is not overwritten")]
    Exists(String),
    /// Somebody has the database open.
    #[error(
        "the database {0} is in use: stop the server, and every other command on it, then try again"
    )]
    InUse(String),
    /// It is not one of Passport's databases, or is damaged.
    #[error("{path} is no backup of Passport's: {why}")]
    NotOurs {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A later program made it.
    #[error(
        "{path} is newer than this program: it holds migration {version}, which this version does not \
         know. Restore it with the newer version of Passport"
    )]
    Newer {
        /// The file.
        path: String,
        /// The migration.
        version: i64,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> CopyError {
    let path = path.display().to_string();
    move |source| match source.kind() {
        ErrorKind::AlreadyExists => CopyError::Exists(path.clone()),
        _ => CopyError::File { path: path.clone(), source },
    }
}

/// A file on its way; unless it has been moved to where it belongs, it is removed with all that came
/// to stand beside it.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
}

impl Draft {
    /// An empty file that only its owner may read, beside `target`.
    fn beside(target: &Path, suffix: &str) -> Result<Self, CopyError> {
        let path = beside(target, suffix);
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600).open(&path).map_err(at(&path))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        for suffix in COMPANIONS {
            let _ = fs::remove_file(beside(&self.path, suffix));
        }
    }
}

async fn connect(path: &Path) -> Result<AnyConnection, sqlx::Error> {
    let options: AnyConnectOptions = connect_options(path)?;
    options.connect().await
}

/// Copies the database as of one moment into the new file `target`, while others write. It is there
/// whole and durably, or not at all. Answers its size in bytes.
pub async fn back_up(db: &Db, target: &Path, now: Millis) -> Result<u64, CopyError> {
    if fs::symlink_metadata(target).is_ok() {
        return Err(CopyError::Exists(target.display().to_string()));
    }
    let draft = Draft::beside(target, &format!(".partial-{}", std::process::id()))?;
    let path = std::path::absolute(draft.path()).map_err(at(draft.path()))?;
    // One read transaction, and no log beside the result (STACK: a copied file and its log make a
    // malformed database). It goes into the empty file, whose mode is ours.
    let mut connection = db.read().await?;
    connection.execute("PRAGMA query_only = OFF").await?;
    let into = path.to_string_lossy().into_owned();
    let copied = sqlx::query("VACUUM INTO $1").bind(into).execute(&mut *connection).await;
    connection.execute("PRAGMA query_only = ON").await?;
    drop(connection);
    copied?;

    let mut copy = connect(&path).await?;
    meta::put(&mut copy, MADE_AT, &now.to_string()).await?;
    copy.close().await?;
    examine(&path, target).await?;
    let file = File::open(&path).map_err(at(&path))?;
    file.sync_all().map_err(at(&path))?;
    let size = file.metadata().map_err(at(&path))?.len();
    // A link, unlike a rename, overwrites nothing that came to be meanwhile.
    fs::hard_link(&path, target).map_err(at(target))?;
    drop(draft);
    sync_folder_of(target)?;
    Ok(size)
}

fn not_ours(path: &Path, why: impl Into<String>) -> CopyError {
    CopyError::NotOurs { path: path.display().to_string(), why: why.into() }
}

/// Whether the file at `path` is whole and ours; `shown` is what people know it by.
async fn examine(path: &Path, shown: &Path) -> Result<Option<Millis>, CopyError> {
    let damaged = |error: sqlx::Error| not_ours(shown, error.to_string());
    let mut connection = connect(path).await.map_err(damaged)?;
    let found = look(&mut connection, shown).await;
    connection.close().await.map_err(damaged)?;
    found
}

async fn look(connection: &mut AnyConnection, shown: &Path) -> Result<Option<Millis>, CopyError> {
    let damaged = |error: sqlx::Error| not_ours(shown, error.to_string());
    let (whole,): (String,) = sqlx::query_as("PRAGMA integrity_check(1)")
        .fetch_one(&mut *connection)
        .await
        .map_err(damaged)?;
    if whole != "ok" {
        return Err(not_ours(shown, format!("it is damaged: {whole}")));
    }
    // We have no triggers and no views: somebody else's would run with our statements.
    let (tables, foreign): (i64, i64) = sqlx::query_as(
        "SELECT COUNT(CASE WHEN name IN ('_sqlx_migrations', 'meta', 'registry', 'sessions')
                           THEN 1 END),
                COUNT(CASE WHEN type IN ('trigger', 'view') THEN 1 END)
         FROM sqlite_master",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(damaged)?;
    if (tables, foreign) != (4, 0) {
        return Err(not_ours(shown, "it has other tables"));
    }
    let applied: Vec<(i64,)> =
        sqlx::query_as("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
            .fetch_all(&mut *connection)
            .await
            .map_err(damaged)?;
    if let Some((version,)) = applied.into_iter().find(|(version,)| !migrate::is_known(*version)) {
        return Err(CopyError::Newer { path: shown.display().to_string(), version });
    }
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_optional(&mut *connection).await?;
    if dangling.is_some() {
        return Err(not_ours(shown, "it is damaged: rows refer to others that are not there"));
    }
    let made_at = meta::get(connection, MADE_AT).await?;
    Ok(made_at.and_then(|made_at| made_at.parse().ok()))
}

/// A database that nobody else has open, or comes to open, while this lives.
#[derive(Debug)]
pub struct Alone {
    path: PathBuf,
    _lock: File,
}

impl Alone {
    /// Takes the database at `path`, which need not be there.
    pub fn take(path: &Path) -> Result<Self, CopyError> {
        match in_use::alone(path).map_err(at(path))? {
            Some(lock) => Ok(Self { path: path.to_owned(), _lock: lock }),
            None => Err(CopyError::InUse(path.display().to_string())),
        }
    }

    /// Copies a backup to beside the database, and looks whether it is whole, ours, and not too new.
    /// Answers the copy, and when the backup was made, if it says so.
    pub async fn draft_of(&self, backup: &Path) -> Result<(Draft, Option<Millis>), CopyError> {
        let mut from = File::open(backup).map_err(at(backup))?;
        if !from.metadata().map_err(at(backup))?.is_file() {
            return Err(not_ours(backup, "not a file"));
        }
        let log = beside(backup, "-wal");
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            return Err(not_ours(
                backup,
                "a part of it stands in the -wal file beside it; it was in use",
            ));
        }
        let mut magic = Vec::new();
        from.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(at(backup))?;
        if magic != MAGIC {
            return Err(not_ours(backup, "not an SQLite database"));
        }
        // Nobody else restores now: what stands there was left by a restore that was killed.
        drop(Draft { path: beside(&self.path, ".restoring") });
        let draft = Draft::beside(&self.path, ".restoring")?;
        let mut to = File::options().write(true).open(draft.path()).map_err(at(draft.path()))?;
        let copied = tokio::task::spawn_blocking(move || {
            use io::Seek;
            from.rewind()?;
            io::copy(&mut from, &mut to)
        });
        copied
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(at(draft.path()))?;
        let made_at = examine(draft.path(), backup).await?;
        // It is no backup any more, but a database that lives on.
        let mut copy = connect(draft.path()).await?;
        meta::remove(&mut copy, MADE_AT).await?;
        copy.close().await?;
        Ok((draft, made_at))
    }

    /// The last link of the database's audit log, `number:link`, if it can be read.
    pub async fn last_link(&self) -> Option<String> {
        if !self.path.exists() {
            return None;
        }
        let mut connection = connect(&self.path).await.ok()?;
        let head = audit_chain::head(&mut connection).await;
        let _ = connection.close().await;
        let head = head.ok()?.filter(|head| head.seq > 0)?;
        Some(format!("{}:{}", head.seq, head.hash))
    }

    /// Folds the database's log into its file, so that the file alone is all of it; and asks SQLite
    /// whether anybody has it open who does not know our lock. A damaged database, perhaps the
    /// reason for all this, stays as it is.
    async fn fold(&self) -> Result<(), CopyError> {
        if !self.path.exists() {
            return Ok(());
        }
        let Ok(mut connection) = connect(&self.path).await else { return Ok(()) };
        // Refused by SQLite while another connection has the file open.
        let folded: Result<(String,), sqlx::Error> =
            sqlx::query_as("PRAGMA journal_mode = DELETE").fetch_one(&mut connection).await;
        let _ = connection.close().await;
        match folded {
            Ok((mode,)) if mode.eq_ignore_ascii_case("wal") => Err(self.in_use()),
            Err(error) if is_busy(&error) => Err(self.in_use()),
            _ => Ok(()),
        }
    }

    fn in_use(&self) -> CopyError {
        CopyError::InUse(self.path.display().to_string())
    }

    /// Puts `draft`, which nobody has open any more, in the database's place, and keeps what was
    /// there as `aside`. At every moment there is a database under its name: the old one, or the
    /// new one.
    pub async fn replace_with(&self, draft: Draft, aside: &Path) -> Result<(), CopyError> {
        let log = beside(draft.path(), "-wal");
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            return Err(not_ours(draft.path(), "its log could not be folded into it"));
        }
        let file = File::open(draft.path()).map_err(at(draft.path()))?;
        file.sync_all().map_err(at(draft.path()))?;
        self.fold().await?;
        if self.path.exists() {
            in_use::same_owner(draft.path(), &self.path);
            fs::hard_link(&self.path, aside).map_err(at(aside))?;
        }
        // What is left of an unfolded log belongs to the old file; beside the new one it would be
        // read into it.
        let log = beside(&self.path, "-wal");
        if log.exists() {
            fs::rename(&log, beside(aside, "-wal")).map_err(at(&log))?;
        }
        for suffix in ["-shm", "-journal"] {
            let _ = fs::remove_file(beside(&self.path, suffix));
        }
        fs::rename(draft.path(), &self.path).map_err(at(&self.path))?;
        sync_folder_of(&self.path)
    }
}

/// Makes names in the folder durable.
fn sync_folder_of(path: &Path) -> Result<(), CopyError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}
