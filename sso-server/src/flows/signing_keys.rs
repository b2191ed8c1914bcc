//! Keys that sign tickets: the first one, rotation, retirement.

use crate::{
    app::App,
    domain::{
        Millis,
        audit::{Act, Entry},
    },
    random::Random,
    store::{
        Db, StoreError, Stored,
        apps::Snapshot,
        audit, meta,
        signing_keys::{self, KeyRow},
    },
    tokens::{
        keyring::{Keyring, KeyringError, PUBLISHED_BEFORE, PURPOSE, new_key},
        master_key::MasterKey,
        secrets::{FACT, Secrets},
    },
};

/// Why the keys are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// They do not open, or none signs.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the keys; on the very first start makes one.
pub async fn open(
    db: &Db,
    master: &MasterKey,
    random: &Random,
    now: Millis,
) -> Result<Keyring, KeysError> {
    let keyring = Keyring::default();
    look(&keyring, db, master).await?;
    if keyring.version() <= 1 {
        let mut tx = db.write().await?;
        // Of several processes one makes the key; the others wait for its commit and read it.
        if signing_keys::claim_first(&mut tx).await? {
            // It signs at once: nobody keeps older ones. Already before now, as the clocks of those
            // who start beside us may be behind ours.
            let first = new_key(master, random, now, now - PUBLISHED_BEFORE);
            signing_keys::insert(&mut tx, PURPOSE, &first).await?;
        }
        tx.commit().await?;
        look(&keyring, db, master).await?;
    }
    keyring.signing(now)?;
    Ok(keyring)
}

/// Takes over what changed in the database.
pub async fn look(keyring: &Keyring, db: &Db, master: &MasterKey) -> Result<(), KeysError> {
    let (version, rows) = {
        let mut connection = db.read().await?;
        let version = signing_keys::version(&mut connection).await?;
        if version == keyring.version() {
            return Ok(());
        }
        (version, signing_keys::all(&mut connection, PURPOSE).await?)
    };
    keyring.take_over(version, rows, master)?;
    Ok(())
}

/// Takes over what changed since `registry` was read: a retired key opens nothing from the moment of
/// its retirement, on every node. Keys that cannot be had are no answer.
pub async fn keep_up(app: &App, registry: &Snapshot) -> Stored<()> {
    if app.keyring.version() == registry.keys_version() {
        return Ok(());
    }
    match look(&app.keyring, &app.db, &app.master).await {
        Ok(()) => Ok(()),
        Err(KeysError::Store(error)) => Err(error),
        Err(KeysError::Keyring(error)) => {
            tracing::error!(%error, "cannot take over the signing keys");
            Err(StoreError::Unavailable("the signing keys cannot be taken over"))
        }
    }
}

/// Makes a new key and lets the ones in use retire `overlap` after it starts to sign. Answers the
/// new key's name.
pub async fn rotate(app: &App, overlap: Millis) -> Stored<String> {
    let now = app.clock.now();
    let signs_from = now + PUBLISHED_BEFORE;
    let mut tx = app.db.write().await?;
    // Raising the version first locks it: two rotations at once come one after the other.
    signing_keys::bump(&mut tx).await?;
    // If the master key was replaced since this process read it, a key sealed under it would open for
    // nobody once the old one is gone.
    let sealed = meta::get(&mut tx, FACT).await?.unwrap_or_default();
    if Secrets::open(&sealed, &app.master).is_err() {
        return Err(StoreError::Unavailable(
            "the master key was replaced meanwhile; run this again with the new one",
        ));
    }
    signing_keys::retire_all_in_use(&mut tx, PURPOSE, signs_from + overlap).await?;
    let key = new_key(&app.master, &app.random, now, signs_from);
    signing_keys::insert(&mut tx, PURPOSE, &key).await?;
    let entry = Entry::new(now, Act::KeyRotated).fact("made", key.kid.as_str());
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(key.kid)
}

/// Why a key cannot be retired.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// Nothing would sign.
    #[error("no other key signs yet: run `sso-server key rotate` and wait half a minute first")]
    NoOther,
    /// There is none of that name, or it has retired already.
    #[error("no key of this name is in use")]
    Unknown,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Retires a key now: what it signed is refused from this moment on.
pub async fn retire(app: &App, kid: &str) -> Result<(), RetireError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    signing_keys::bump(&mut tx).await?;
    let keys = signing_keys::all(&mut tx, PURPOSE).await?;
    let in_use = |key: &&KeyRow| key.retires_at.is_none_or(|end| now < end);
    if !keys.iter().filter(in_use).any(|key| key.kid == kid) {
        return Err(RetireError::Unknown);
    }
    if !keys.iter().filter(in_use).any(|key| key.kid != kid && key.signs_from <= now) {
        return Err(RetireError::NoOther);
    }
    signing_keys::retire(&mut tx, kid, now).await?;
    let entry = Entry::new(now, Act::KeyRotated).fact("retired", kid);
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(())
}

/// All keys, for a listing.
pub async fn list(app: &App) -> Stored<Vec<KeyRow>> {
    signing_keys::all(&mut *app.db.read().await?, PURPOSE).await
}
