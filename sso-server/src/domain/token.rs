//! Secrets of our own making, and the digests under which they are stored.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::random::Random;

/// 256 random bits that prove something: a session cookie, an app secret, a one-time link.
/// Its text is 43 characters of base64url. It never prints itself.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// A new one.
    pub fn fresh(random: &Random) -> Self {
        let bytes = Zeroizing::new(random.bytes::<32>());
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
    }

    /// Reads one that came from outside: exactly 43 characters of base64url, so that nothing
    /// longer, shorter or differently spelt ever reaches a look-up (SECURITY-CASES T-07, T-11).
    pub fn parse(text: &str) -> Option<Self> {
        is_base64url(text, 43).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The text to hand out. Only ever to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the database keeps: enough to recognise the token, useless to forge it. A plain
    /// SHA-256 suffices because the token has 256 bits of entropy.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 as 43 characters of base64url.
#[derive(Clone, Eq)]
pub struct Digest(String);

impl Digest {
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(&Sha256::digest(bytes))
    }

    /// Of a hash that was computed piece by piece.
    pub fn from_hash(hash: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(hash))
    }

    /// As read from a column or a claim.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Constant time: equality of digests decides over secrets.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// Whether `text` is `length` characters of unpadded base64url (RFC 4648 section 5).
pub fn is_base64url(text: &str, length: usize) -> bool {
    text.len() == length
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_different_and_silent() {
        let random = Random::system();
        let (one, two) = (Token::fresh(&random), Token::fresh(&random));
        assert_eq!(one.expose().len(), 43);
        assert_ne!(one.expose(), two.expose());
        assert_eq!(format!("{one:?} {:?}", one.digest()), "Token(…) Digest(…)");
        assert_eq!(Token::parse(one.expose()).unwrap().digest(), one.digest());
    }

    #[test]
    fn only_the_whole_spelling_is_a_token() {
        let token = Token::fresh(&Random::system());
        let text = token.expose();
        for wrong in
            [&text[1..], &text[..42], &format!("{text}="), &format!("{}+", &text[..42]), ""]
        {
            assert!(Token::parse(wrong).is_none(), "{wrong:?} must not parse");
        }
    }
}
