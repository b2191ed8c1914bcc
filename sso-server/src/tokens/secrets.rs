//! The installation secret and what is derived from it.
//!
//! Cookie signatures, form tokens and device cookies need keys that every node shares. They come
//! from one random secret that lives in the database, sealed under the master key. So the master key
//! can be replaced without logging everybody out, and a wrong master key is noticed at start, before
//! anything is written with it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::master_key::{MasterKey, Unsealable};
use crate::random::Random;

/// Names the secret in `meta` and, with the table, its place under the seal.
pub const FACT: &str = "installation_secret";
const PLACE: &str = "meta|installation_secret";

/// Derived keys, each for one purpose.
pub struct Secrets {
    installation: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// A new secret, sealed: for the very first start.
    pub fn fresh_sealed(master: &MasterKey, random: &Random) -> String {
        let fresh = Zeroizing::new(random.bytes::<32>());
        master.seal(&*fresh, PLACE, random)
    }

    /// Opens the stored secret. A wrong master key is noticed here, before anything is written.
    pub fn open(sealed: &str, master: &MasterKey) -> Result<Self, Unsealable> {
        let opened = master.open(sealed, PLACE)?;
        let mut installation = Zeroizing::new([0; 32]);
        if opened.len() != installation.len() {
            return Err(Unsealable);
        }
        installation.copy_from_slice(&opened);
        Ok(Self { installation })
    }

    /// The same secret sealed under another master key.
    pub fn sealed(&self, master: &MasterKey, random: &Random) -> String {
        master.seal(&*self.installation, PLACE, random)
    }

    /// The bytes of the key that signs the session cookie.
    pub fn cookie_key(&self) -> Zeroizing<[u8; 64]> {
        let mut bytes = Zeroizing::new([0; 64]);
        bytes[..32].copy_from_slice(&*self.raw_mac("cookie|signing", &[]));
        bytes[32..].copy_from_slice(&*self.raw_mac("cookie|encryption", &[]));
        bytes
    }

    /// A text that only we can make, for one purpose and some parts. The parts are written with
    /// their lengths, so that no two lists of parts make the same text.
    pub fn mac(&self, purpose: &str, parts: &[&str]) -> String {
        URL_SAFE_NO_PAD.encode(*self.raw_mac(purpose, parts))
    }

    /// Whether `text` is that text. Constant time.
    pub fn verify_mac(&self, text: &str, purpose: &str, parts: &[&str]) -> bool {
        self.mac(purpose, parts).as_bytes().ct_eq(text.as_bytes()).into()
    }

    fn raw_mac(&self, purpose: &str, parts: &[&str]) -> Zeroizing<[u8; 32]> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&*self.installation).expect("a key of 32 bytes");
        for part in [purpose].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}
