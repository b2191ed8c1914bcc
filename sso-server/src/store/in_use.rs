//! Who has an SQLite file open: a lock file beside it, which everybody holds together and a restore
//! holds alone. SQLite's own locks cannot tell: they belong to the file that is being replaced.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
};

/// `passport.db` and `-in-use`.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// Holds the database together with others, for as long as the file lives. `None` while somebody
/// has it alone.
pub(super) fn together(database: &Path) -> io::Result<Option<File>> {
    hold(database, File::try_lock_shared)
}

/// Holds the database alone. `None` while anybody else has it.
pub(super) fn alone(database: &Path) -> io::Result<Option<File>> {
    hold(database, File::try_lock)
}

/// What root makes beside the database of somebody else is theirs, as SQLite does with its own
/// files: otherwise a command run as root would keep the server out. Others may not, and need not.
pub(super) fn same_owner(path: &Path, like: &Path) {
    if let (Ok(ours), Ok(theirs)) = (fs::metadata(path), fs::metadata(like))
        && (ours.uid(), ours.gid()) != (theirs.uid(), theirs.gid())
    {
        let _ = chown(path, Some(theirs.uid()), Some(theirs.gid()));
    }
}

fn hold(
    database: &Path,
    lock: impl Fn(&File) -> Result<(), TryLockError>,
) -> io::Result<Option<File>> {
    let path = beside(database, "-in-use");
    let file = File::options().create(true).append(true).mode(0o600).open(&path)?;
    same_owner(&path, database);
    match lock(&file) {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        // A file system without locks: nobody can tell, and serving goes on.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            Ok(Some(file))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}
