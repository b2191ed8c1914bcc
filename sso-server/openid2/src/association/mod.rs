//! Associations: a key shared with a provider, with which it signs (section 8).
//!
//! Making one costs a request to the provider and two modular exponentiations, so it is made beside
//! the logins and kept: see [`associate`]. A login without one works too, at the price of one
//! request at its end.

pub mod associate;
pub mod dh;

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    names::{UnixSeconds, Version},
    url::WebUrl,
};

/// Characters of a handle.
pub const MAX_HANDLE: usize = 255;

/// How a provider signs (`assoc_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AssocType {
    /// The only one of version 1.
    #[serde(rename = "HMAC-SHA1")]
    HmacSha1,
    /// The better one.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
}

impl AssocType {
    /// The word of the standard.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC-SHA1",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::HmacSha1, Self::HmacSha256].into_iter().find(|one| one.as_str() == word)
    }

    /// Bytes of the key, and of a signature.
    pub const fn key_len(self) -> usize {
        match self {
            Self::HmacSha1 => 20,
            Self::HmacSha256 => 32,
        }
    }

    pub(crate) fn hash(self, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::HmacSha1 => Sha1::digest(bytes).to_vec(),
            Self::HmacSha256 => Sha256::digest(bytes).to_vec(),
        })
    }
}

/// The key. Shows nothing of itself.
#[derive(Clone)]
pub struct MacKey(Zeroizing<Vec<u8>>);

impl MacKey {
    /// `None` if it has the wrong length, or is nothing but zeros: what some providers send when
    /// they mean no key.
    pub fn new(bytes: &[u8], kind: AssocType) -> Option<Self> {
        let fits = bytes.len() == kind.key_len() && bytes.iter().any(|b| *b != 0);
        fits.then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// To be stored, encrypted.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for MacKey {
    fn eq(&self, other: &Self) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }
}

impl Eq for MacKey {}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}

/// One association. Its key in a store is (`op_endpoint`, `handle`), never the handle alone: the
/// handle is the provider's choice, and a bad provider would choose a good one's
/// (SECURITY-CASES O-02; CVE-2014-1475).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// Whose it is.
    pub op_endpoint: WebUrl,
    /// Its name, chosen by the provider.
    pub handle: String,
    /// For which version it was made.
    pub version: Version,
    /// How it signs.
    pub kind: AssocType,
    /// The key.
    pub key: MacKey,
    /// When it was made.
    pub issued_at: UnixSeconds,
    /// From then on it does not count.
    pub expires_at: UnixSeconds,
}

impl Association {
    /// Whether it counts.
    pub fn is_live(&self, now: UnixSeconds) -> bool {
        now < self.expires_at
    }

    /// Whether a login that starts now may use it: it should still count when the person is back.
    pub fn serves_new_logins(&self, now: UnixSeconds) -> bool {
        now + 15 * 60 < self.expires_at
    }

    /// Whether a new one should be got while this one still counts: in the last hour or fifth of its
    /// life, whichever is longer, but not in its first half. One that lives for less than ten
    /// minutes is not renewed: such a provider is asked about each answer instead.
    pub fn wants_renewal(&self, now: UnixSeconds) -> bool {
        let life = self.expires_at - self.issued_at;
        let left = self.expires_at - now;
        life >= 600 && left < (life / 5).max(3600).min(life / 2)
    }

    /// The signature of a text (section 6.2).
    pub fn sign(&self, text: &str) -> Vec<u8> {
        match self.kind {
            AssocType::HmacSha1 => mac::<Hmac<Sha1>>(self.key.expose(), text),
            AssocType::HmacSha256 => mac::<Hmac<Sha256>>(self.key.expose(), text),
        }
    }

    /// Whether `signature` is the one of `text`. Compares the decoded bytes, in a time that says
    /// nothing about how many of them are right.
    pub fn verifies(&self, text: &str, signature: &str) -> bool {
        // Some providers forget to escape `+`, which then arrives as a blank.
        let Ok(given) = STANDARD.decode(signature.replace(' ', "+")) else {
            return false;
        };
        bool::from(self.sign(text).ct_eq(&given))
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of any length, so there is always one.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Whether a handle is 1 to 255 visible ASCII characters (section 8.2.1).
pub(crate) fn handle_fits(handle: &str) -> bool {
    (1..=MAX_HANDLE).contains(&handle.len()) && handle.bytes().all(|b| (33..=126).contains(&b))
}
