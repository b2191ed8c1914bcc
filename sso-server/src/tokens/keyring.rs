//! The keys that sign and verify tickets, as every node has them at hand.
//!
//! A key is published before it signs and verifies after it has stopped signing, so a rotation is
//! never noticed. All nodes look for changes every few seconds; a ticket that names an unknown key
//! makes a node look at once, but not more often than once a second, however many such tickets
//! come (SECURITY-CASES T-17).

use std::{
    collections::HashMap,
    sync::{
        Arc, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use zeroize::Zeroizing;

use super::master_key::{MasterKey, Unsealable};
use crate::{
    domain::{MINUTE, Millis, SECOND, token::Digest},
    random::Random,
    store::signing_keys::KeyRow,
};

/// Tickets have keys of their own: one purpose a key (SECURITY-CASES K-05).
pub const PURPOSE: &str = "ticket";
/// How long a new key is published before it signs: longer than nodes take to notice it.
pub const PUBLISHED_BEFORE: Millis = 30 * SECOND;
/// How long a key verifies after it has stopped signing, by default: longer than any ticket lives
/// and than anybody may cache the key set.
pub const OVERLAP: Millis = 15 * MINUTE;
/// How often a node looks for changes.
pub const LOOK_EVERY: Millis = 5 * SECOND;

/// A key at hand.
pub struct SigningKey {
    /// Its name.
    pub kid: String,
    /// Raw public key, base64url: `x` of its JWK (RFC 8037).
    pub public: String,
    /// Signs from here on.
    pub signs_from: Millis,
    /// Verifies until here.
    pub retires_at: Option<Millis>,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

impl SigningKey {
    fn verifies_at(&self, now: Millis) -> bool {
        self.retires_at.is_none_or(|end| now < end)
    }
}

/// Why the keys are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Sealed under another master key.
    #[error("signing key {0} does not open under this master key")]
    Unsealable(String),
    /// Not an Ed25519 key.
    #[error("signing key {0} is not usable")]
    Unusable(String),
    /// No key signs at this time.
    #[error("no signing key is in use: run `sso-server key rotate`")]
    NoneInUse,
}

/// The keys of this node.
#[derive(Debug, Default)]
pub struct Keyring {
    keys: RwLock<Arc<Keys>>,
    looked_at: AtomicI64,
}

#[derive(Debug, Default)]
struct Keys {
    version: i64,
    by_kid: HashMap<String, Arc<SigningKey>>,
}

impl Keyring {
    /// The version of the set at hand; 0 before the first.
    pub fn version(&self) -> i64 {
        self.at_hand().version
    }

    /// Takes over the keys of a version.
    pub fn take_over(
        &self,
        version: i64,
        rows: Vec<KeyRow>,
        master: &MasterKey,
    ) -> Result<(), KeyringError> {
        let by_kid = rows
            .into_iter()
            .map(|row| open(row, master).map(|key| (key.kid.clone(), Arc::new(key))))
            .collect::<Result<_, _>>()?;
        let keys = Arc::new(Keys { version, by_kid });
        *self.keys.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = keys;
        Ok(())
    }

    fn at_hand(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// The key that signs now: the youngest of those in use.
    pub fn signing(&self, now: Millis) -> Result<Arc<SigningKey>, KeyringError> {
        let keys = self.at_hand();
        let in_use =
            keys.by_kid.values().filter(|key| key.verifies_at(now) && key.signs_from <= now);
        in_use
            .max_by(|one, other| (one.signs_from, &one.kid).cmp(&(other.signs_from, &other.kid)))
            .cloned()
            .ok_or(KeyringError::NoneInUse)
    }

    /// The key of this name, if it still verifies. `kid` is looked up in this map and used for
    /// nothing else.
    pub fn verifying(&self, kid: &str, now: Millis) -> Option<Arc<SigningKey>> {
        self.at_hand().by_kid.get(kid).filter(|key| key.verifies_at(now)).cloned()
    }

    /// Whether to look in the database for a key that is not at hand: one caller a second.
    pub fn may_look(&self, now: Millis) -> bool {
        let last = self.looked_at.load(Ordering::Relaxed);
        (now - last).abs() >= SECOND
            && self
                .looked_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The public keys, as JWK set (RFC 7517 section 5, RFC 8037 section 2).
    pub fn jwks(&self, now: Millis) -> serde_json::Value {
        let keys = self.at_hand();
        let mut listed: Vec<_> = keys.by_kid.values().filter(|key| key.verifies_at(now)).collect();
        listed
            .sort_by(|one, other| (one.signs_from, &one.kid).cmp(&(other.signs_from, &other.kid)));
        let listed: Vec<_> = listed
            .into_iter()
            .map(|key| {
                serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                    "kid": key.kid, "x": key.public,
                })
            })
            .collect();
        serde_json::json!({ "keys": listed })
    }
}

fn open(row: KeyRow, master: &MasterKey) -> Result<SigningKey, KeyringError> {
    let pkcs8 = master
        .open(&row.sealed_private_key, &place(&row.kid))
        .map_err(|Unsealable| KeyringError::Unsealable(row.kid.clone()))?;
    let decoding = DecodingKey::from_ed_components(&row.public_key)
        .map_err(|_| KeyringError::Unusable(row.kid.clone()))?;
    Ok(SigningKey {
        encoding: EncodingKey::from_ed_der(&pkcs8),
        decoding,
        kid: row.kid,
        public: row.public_key,
        signs_from: row.signs_from,
        retires_at: row.retires_at,
    })
}

fn place(kid: &str) -> String {
    format!("signing_keys|{kid}")
}

/// A stored key's private half, sealed under another master key.
pub fn resealed(
    row: &KeyRow,
    old: &MasterKey,
    new: &MasterKey,
    random: &Random,
) -> Result<String, KeyringError> {
    let pkcs8 = old
        .open(&row.sealed_private_key, &place(&row.kid))
        .map_err(|Unsealable| KeyringError::Unsealable(row.kid.clone()))?;
    Ok(new.seal(&pkcs8, &place(&row.kid), random))
}

/// A new key, sealed.
#[expect(
    clippy::expect_used,
    reason = "a seed of 32 bytes is an Ed25519 key (RFC 8032 section 5.1.5)"
)]
pub fn new_key(master: &MasterKey, random: &Random, now: Millis, signs_from: Millis) -> KeyRow {
    let seed = Zeroizing::new(random.bytes::<32>());
    let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).expect("a seed of 32 bytes");
    let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let pkcs8 = pair.to_pkcs8v1().expect("an Ed25519 key has an encoding");
    // The name follows from the key, so a key has one name and a name one key.
    let kid = Digest::of(public.as_bytes()).as_str()[..16].to_owned();
    let sealed_private_key = master.seal(pkcs8.as_ref(), &place(&kid), random);
    KeyRow {
        kid,
        public_key: public,
        sealed_private_key,
        created_at: now,
        signs_from,
        retires_at: None,
    }
}
