//! Replacing the master key: everything sealed is sealed anew under another one.
//!
//! One transaction, so a crash leaves all of it under the old key or all of it under the new one; both
//! files exist until the operator removes the old one. Nobody is signed out: what cookies are signed
//! with is itself sealed, and stays the same.

use crate::{
    app::App,
    domain::{
        app::AppId,
        audit::{Act, Entry},
    },
    store::{StoreError, audit, meta, openid_associations, push_streams, signing_keys},
    tokens::{
        association_key, events_secret,
        keyring::{KeyringError, PURPOSE, resealed},
        master_key::{MasterKey, Unsealable},
        secrets::{FACT, Secrets},
    },
};

/// Why the key is not replaced; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Something sealed does not open under the present key.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Nor does an events secret.
    #[error("the events secret of {0} does not open under this master key")]
    EventsSecret(AppId),
    /// Nor does a key shared with an OpenID provider.
    #[error("the key shared with {0} does not open under this master key")]
    AssociationKey(String),
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
    let streams = push_streams::sealed(&mut tx).await?;
    let mut events_secrets = 0;
    for (client, sealed, previous) in &streams {
        let anew = |sealed: &String| resealed_events(sealed, client, &app.master, new, app);
        let now = anew(sealed)?;
        let before = previous.as_ref().map(anew).transpose()?;
        if !push_streams::reseal(&mut tx, client, sealed, &now, before.as_deref()).await? {
            return Err(ReplaceError::Concurrent);
        }
        events_secrets += 1 + usize::from(before.is_some());
    }
    let shared = openid_associations::all(&mut tx).await?;
    for row in &shared {
        let unsealable = |Unsealable| ReplaceError::AssociationKey(row.op_endpoint.clone());
        let key = association_key::open(row, &app.master).map_err(unsealable)?;
        let sealed = association_key::seal(row, &key, new, &app.random);
        if !openid_associations::reseal(&mut tx, row, &sealed).await? {
            return Err(ReplaceError::Concurrent);
        }
    }
    let entry = Entry::new(app.clock.now(), Act::KeyRotated).fact("replaced", "master key");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(keys.len() + 1 + events_secrets + shared.len())
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
    let streams = push_streams::sealed(&mut connection).await?;
    let mut events_secrets = 0;
    for (client, sealed, previous) in &streams {
        for sealed in [Some(sealed), previous.as_ref()].into_iter().flatten() {
            resealed_events(sealed, client, &app.master, &app.master, app)?;
            events_secrets += 1;
        }
    }
    let shared = openid_associations::all(&mut connection).await?;
    for row in &shared {
        let unsealable = |Unsealable| ReplaceError::AssociationKey(row.op_endpoint.clone());
        association_key::open(row, &app.master).map_err(unsealable)?;
    }
    Ok(keys.len() + 1 + events_secrets + shared.len())
}

fn resealed_events(
    sealed: &str,
    client: &AppId,
    old: &MasterKey,
    new: &MasterKey,
    app: &App,
) -> Result<String, ReplaceError> {
    let unsealable = |Unsealable| ReplaceError::EventsSecret(client.clone());
    events_secret::resealed(sealed, client, old, new, &app.random).map_err(unsealable)
}
