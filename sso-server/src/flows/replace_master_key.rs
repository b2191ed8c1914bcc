//! Replacing the master key: everything sealed is sealed anew under another one.
//!
//! One transaction, so a crash leaves all of it under the old key or all of it under the new one; both
//! files exist until the operator removes the old one. Nobody is signed out: what cookies are signed
//! with is itself sealed, and stays the same.

use crate::{
    app::App,
    domain::audit::{Act, Entry},
    store::{StoreError, audit, meta, signing_keys},
    tokens::{
        keyring::{KeyringError, PURPOSE, resealed},
        master_key::MasterKey,
        secrets::{FACT, Secrets},
    },
};

/// Why the key is not replaced; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Something sealed does not open under the present key.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Somebody else replaces it at the same time.
    #[error("the sealed values changed meanwhile: is another replacement running?")]
    Concurrent,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Seals everything under `new`; answers how many values that were.
pub async fn replace_master_key(app: &App, new: &MasterKey) -> Result<usize, ReplaceError> {
    let mut tx = app.db.write().await?;
    // No key is made between here and the commit; who made one before is seen below, and who waits to
    // make one finds that its master key is the old one (`signing_keys::rotate`).
    signing_keys::lock(&mut tx).await?;
    meta::put(&mut tx, FACT, &app.secrets.sealed(new, &app.random)).await?;
    let keys = signing_keys::all(&mut tx, PURPOSE).await?;
    for key in &keys {
        let sealed = resealed(key, &app.master, new, &app.random)?;
        if !signing_keys::reseal(&mut tx, &key.kid, &key.sealed_private_key, &sealed).await? {
            return Err(ReplaceError::Concurrent);
        }
    }
    let entry = Entry::new(app.clock.now(), Act::KeyRotated).fact("replaced", "master key");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(keys.len() + 1)
}

/// Opens everything sealed; answers how many values that are.
pub async fn verify_all(app: &App) -> Result<usize, ReplaceError> {
    let mut connection = app.db.read().await?;
    let sealed = meta::get(&mut connection, FACT).await?.unwrap_or_default();
    Secrets::open(&sealed, &app.master).map_err(|_| KeyringError::Unsealable(FACT.to_owned()))?;
    let keys = signing_keys::all(&mut connection, PURPOSE).await?;
    for key in &keys {
        resealed(key, &app.master, &app.master, &app.random)?;
    }
    Ok(keys.len() + 1)
}
