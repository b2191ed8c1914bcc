//! The secrets that sign what is pushed to apps, sealed.

use base64::{Engine, engine::general_purpose::STANDARD};
use client_sdk::webhook::{PREFIX, Secret};
use zeroize::Zeroizing;

use super::master_key::{MasterKey, Unsealable};
use crate::{domain::app::AppId, random::Random};

/// A new secret in the form that its app is shown once: 256 random bits, as the Standard Webhooks
/// specification writes them.
pub fn fresh(random: &Random) -> Zeroizing<String> {
    let bytes = Zeroizing::new(random.bytes::<32>());
    Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(*bytes)))
}

/// Seals a secret in its app's row.
pub fn seal(text: &str, app: &AppId, master: &MasterKey, random: &Random) -> String {
    master.seal(text.as_bytes(), &place(app), random)
}

/// Opens a secret, to sign with.
pub fn open(sealed: &str, app: &AppId, master: &MasterKey) -> Result<Secret, Unsealable> {
    let opened = master.open(sealed, &place(app))?;
    std::str::from_utf8(&opened).ok().and_then(|text| Secret::parse(text).ok()).ok_or(Unsealable)
}

/// The same secret sealed under another master key.
pub fn resealed(
    sealed: &str,
    app: &AppId,
    old: &MasterKey,
    new: &MasterKey,
    random: &Random,
) -> Result<String, Unsealable> {
    let opened = old.open(sealed, &place(app))?;
    Ok(new.seal(&opened, &place(app), random))
}

fn place(app: &AppId) -> String {
    format!("push_streams|{app}")
}
