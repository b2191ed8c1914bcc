//! Passwords as people type them: bounded, normalised, never printed.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Nothing longer is hashed, or even looked at (SECURITY-CASES L-12, Django CVE-2013-1443).
pub const MAX_BYTES: usize = 1024;

/// A typed password, in the one form in which it is hashed: NFC, untruncated. NFC and not NFKC:
/// it joins what keyboards spell differently and folds nothing that a person meant to differ
/// (RFC 8265 section 4.2, OpaqueString).
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a typed password cannot be anybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing was typed.
    #[error("a password cannot be empty")]
    Empty,
    /// More than [`MAX_BYTES`].
    #[error("a password has at most {MAX_BYTES} bytes")]
    TooLong,
    /// Control characters, or marks that reorder text.
    #[error("a password cannot contain control characters")]
    Characters,
    /// Fewer characters than the configured minimum.
    #[error("a password needs at least {0} characters")]
    TooShort(usize),
    /// It is the person's own name or address.
    #[error("a password cannot be your name or your address")]
    Personal,
}

impl Password {
    /// Reads what was typed into a login form.
    pub fn typed(text: &str) -> Result<Self, PasswordError> {
        if text.is_empty() {
            return Err(PasswordError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        if text.chars().any(|c| c.is_control() || is_bidi_control(c)) {
            return Err(PasswordError::Characters);
        }
        Ok(Self(Zeroizing::new(text.nfc().collect())))
    }

    /// Reads what was chosen as a new password. No composition rules, no rotation (NIST SP
    /// 800-63B-4 section 3.1.1.2): length, and not the person's own names.
    pub fn chosen(
        text: &str,
        min_length: usize,
        own_names: &[&str],
    ) -> Result<Self, PasswordError> {
        let password = Self::typed(text)?;
        if password.0.chars().count() < min_length {
            return Err(PasswordError::TooShort(min_length));
        }
        let lower = Zeroizing::new(password.0.to_lowercase());
        if own_names.iter().any(|name| name.to_lowercase() == *lower) {
            return Err(PasswordError::Personal);
        }
        Ok(password)
    }

    /// The bytes to hash.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    // SECURITY-CASES L-12.
    #[test]
    fn lengths() {
        for good in [1, 64, 128, MAX_BYTES] {
            assert!(Password::typed(&"x".repeat(good)).is_ok(), "{good} bytes");
        }
        for bad in [0, MAX_BYTES + 1, 1 << 20] {
            assert!(Password::typed(&"x".repeat(bad)).is_err(), "{bad} bytes");
        }
        let (one, two) = ("x".repeat(200), format!("{}y", "x".repeat(199)));
        assert_ne!(
            Password::typed(&one).unwrap().expose(),
            Password::typed(&two).unwrap().expose()
        );
    }

    // SECURITY-CASES L-13.
    #[test]
    fn spellings() {
        let composed = Password::typed("caf\u{e9} 🔑").unwrap();
        let decomposed = Password::typed("cafe\u{301} 🔑").unwrap();
        assert_eq!(composed.expose(), decomposed.expose());
        for bad in ["a\0b", "a\u{202e}b", "a\nb", "a\u{7f}b"] {
            assert_eq!(Password::typed(bad).unwrap_err(), PasswordError::Characters, "{bad:?}");
        }
        let bomb = format!("a{}", "\u{301}".repeat(500));
        assert!(Password::typed(&bomb).unwrap().expose().len() <= 3 * MAX_BYTES);
    }

    #[test]
    fn choosing() {
        assert!(Password::chosen("correct horse", 8, &["goal"]).is_ok());
        assert_eq!(Password::chosen("short", 8, &[]).unwrap_err(), PasswordError::TooShort(8));
        assert_eq!(
            Password::chosen("Goal.Keeper", 8, &["goal.keeper"]).unwrap_err(),
            PasswordError::Personal
        );
        assert_eq!(format!("{:?}", Password::typed("hunter22").unwrap()), "Password(…)");
    }
}
