//! What admins and their programs may do, and what they have to say.

use super::token::Token;
use crate::random::Random;

/// One thing that a token for the admin API is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// See accounts and their sessions.
    UsersRead,
    /// Disable and enable accounts.
    UsersDisable,
    /// End sessions, of one or of a person.
    SessionsEnd,
    /// See apps, their sessions and listeners.
    AppsRead,
    /// See logouts, and how far each app has confirmed them.
    LogoutsRead,
    /// Log out everybody, or everybody at an app or on a class of device.
    LogoutsOrder,
    /// Read the audit log.
    AuditRead,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::UsersRead,
        Self::UsersDisable,
        Self::SessionsEnd,
        Self::AppsRead,
        Self::LogoutsRead,
        Self::LogoutsOrder,
        Self::AuditRead,
    ];

    /// The word by which it is given.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UsersRead => "users:read",
            Self::UsersDisable => "users:disable",
            Self::SessionsEnd => "sessions:end",
            Self::AppsRead => "apps:read",
            Self::LogoutsRead => "logouts:read",
            Self::LogoutsOrder => "logouts:order",
            Self::AuditRead => "audit:read",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// What a token's text begins with, so that a leaked one is recognised by whoever finds it.
const PREFIX: &str = "passport_admin_";

/// A program's proof that it may administer: 256 random bits behind a prefix.
#[derive(Clone, Debug)]
pub struct AdminToken(Token);

impl AdminToken {
    /// A new one.
    pub fn fresh(random: &Random) -> Self {
        Self(Token::fresh(random))
    }

    /// Reads one that came from outside. Without the prefix, cut, or in other letters it is none
    /// (SECURITY-CASES D-10).
    pub fn parse(text: &str) -> Option<Self> {
        text.strip_prefix(PREFIX).and_then(Token::parse).map(Self)
    }

    /// The text to hand out, once.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", self.0.expose())
    }

    /// What the database keeps.
    pub fn digest(&self) -> super::token::Digest {
        self.0.digest()
    }
}

/// A token's name cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token's name has 1 to 64 characters: small letters, digits, and - _ . between them")]
pub struct TokenNameError;

/// Reads the name of a token. It stands in the audit log, so it is plain.
pub fn token_name(text: &str) -> Result<&str, TokenNameError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let ends = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let good = (1..=64).contains(&text.len()) && text.chars().all(plain) && ends;
    if good { Ok(text) } else { Err(TokenNameError) }
}

/// Longest reason, in characters.
pub const REASON_MAX: usize = 500;

/// The reason cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reason of 1 to {REASON_MAX} characters in one line is needed")]
pub struct ReasonError;

/// Reads why somebody does what they do to others (SECURITY-CASES D-17).
pub fn reason(text: &str) -> Result<&str, ReasonError> {
    let text = text.trim();
    let good = (1..=REASON_MAX).contains(&text.chars().count());
    if good && !text.chars().any(char::is_control) { Ok(text) } else { Err(ReasonError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_scopes_are_their_own() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::parse("users:"), None);
        assert_eq!(Scope::parse("*"), None);
    }

    // SECURITY-CASES D-10.
    #[test]
    fn only_the_whole_token_is_one() {
        let token = AdminToken::fresh(&Random::system());
        let text = token.expose();
        assert_eq!(AdminToken::parse(&text).map(|same| same.digest()), Some(token.digest()));
        let bare = text.trim_start_matches(PREFIX).to_owned();
        for wrong in [&text[..text.len() - 1], &bare, &text.to_uppercase(), PREFIX, ""] {
            assert!(AdminToken::parse(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{token:?}").contains(&bare));
    }

    #[test]
    fn reasons_and_names() {
        assert_eq!(reason("  left the company "), Ok("left the company"));
        for bad in ["", "   ", "a\nb", &"x".repeat(501)] {
            assert_eq!(reason(bad), Err(ReasonError), "{bad:?}");
        }
        assert!(token_name("siem-1").is_ok());
        for bad in ["", "A", "a b", "-a", "a:b", &"x".repeat(65)] {
            assert!(token_name(bad).is_err(), "{bad:?}");
        }
    }
}
