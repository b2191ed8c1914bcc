//! Identities: what somebody has proven to be theirs at another place.

use serde::{Deserialize, Serialize};

use super::{Millis, id::IdentityId, token::Digest};

/// Longest subject, in bytes: a URL with a fragment. What is longer is nobody.
pub const SUBJECT_MAX: usize = 4_096;

/// Somebody at another place. The key is backend and subject, byte for byte (SECURITY-CASES A-06):
/// never what is shown, never a mail address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Which way in: `openid`.
    pub backend: String,
    /// Who, in the words of that place.
    pub subject: String,
    /// For people. Never compared.
    pub shown: String,
    /// Who vouches for it: a host, for people.
    pub provider: String,
}

impl Identity {
    /// The key, of one length.
    pub fn id(&self) -> IdentityId {
        let Self { backend, subject, .. } = self;
        let text = format!("{}:{backend}|{}:{subject}", backend.len(), subject.len());
        Digest::of(text.as_bytes()).as_str().into()
    }
}

/// What a session rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A password was compared, which had been set then.
    Password {
        /// One that was set anew since makes this void.
        set_at: Millis,
    },
    /// An identity was proven. It must still be this account's.
    Identity(IdentityId),
}

impl Proof {
    /// How somebody has proven who they are (RFC 8176, and a word of our own).
    pub const fn amr(&self) -> &'static [&'static str] {
        match self {
            Self::Password { .. } => &["pwd"],
            Self::Identity(_) => &["openid"],
        }
    }

    /// The identity that was proven, if it was one.
    pub const fn identity(&self) -> Option<&IdentityId> {
        match self {
            Self::Password { .. } => None,
            Self::Identity(id) => Some(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SECURITY-CASES A-06, O-11: byte for byte.
    #[test]
    fn what_differs_is_another_identity() {
        let id = |backend: &str, subject: &str| {
            let (backend, subject) = (backend.to_owned(), subject.to_owned());
            Identity { backend, subject, shown: String::new(), provider: String::new() }.id()
        };
        let one = id("openid", "https://alice.example/");
        assert_eq!(one, id("openid", "https://alice.example/"));
        for (backend, subject) in [
            ("openid", "http://alice.example/"),
            ("openid", "https://alice.example"),
            ("openid", "https://alice.example/#gen2"),
            ("openid", "https://ALICE.example/"),
            ("openidh", "ttps://alice.example/"),
            ("oidc", "https://alice.example/"),
        ] {
            assert_ne!(one, id(backend, subject), "{backend} {subject}");
        }
        assert_eq!(one.as_str().len(), 43);
    }
}
