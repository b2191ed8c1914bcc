//! The installation secret: read at every start, made at the first.

use crate::{
    random::Random,
    store::{Db, StoreError, meta},
    tokens::{
        master_key::{MasterKey, Unsealable},
        secrets::{FACT, Secrets},
    },
};

/// Why the installation secret is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// Sealed under another key.
    #[error(
        "this database was set up with another master key than the one in the key file \
         (master_key.file). Put the original file back; nothing was changed"
    )]
    WrongMasterKey,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Unsealable> for InstallationError {
    fn from(_: Unsealable) -> Self {
        Self::WrongMasterKey
    }
}

/// Opens the secret. Of several processes that start at once on a new database the first to commit
/// decides.
pub async fn open(
    db: &Db,
    master: &MasterKey,
    random: &Random,
) -> Result<Secrets, InstallationError> {
    let stored = meta::get(&mut *db.read().await?, FACT).await?;
    let sealed = match stored {
        Some(sealed) => sealed,
        None => {
            let mut tx = db.write().await?;
            let fresh = Secrets::fresh_sealed(master, random);
            let sealed = meta::put_first(&mut tx, FACT, &fresh).await?;
            tx.commit().await?;
            sealed
        }
    };
    Ok(Secrets::open(&sealed, master)?)
}
