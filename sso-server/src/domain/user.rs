//! People: their names, their addresses, and what they may type to sign in.

use unicode_normalization::UnicodeNormalization;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection, confusable_detection};

/// The longest username, in characters.
pub const USERNAME_MAX: usize = 64;
/// The longest mail address, in bytes (RFC 5321 section 4.5.3.1.3).
pub const EMAIL_MAX: usize = 254;

/// A name to sign in with: letters and digits of one script family, with `.`, `_` and `-` between
/// them. It cannot look like a mail address, an OpenID or a path (SECURITY-CASES L-15), because
/// none of `@`, `:` and `/` may occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    shown: String,
    key: String,
    skeleton: String,
}

/// Why a username is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Nothing was typed.
    #[error("a username cannot be empty")]
    Empty,
    /// More than [`USERNAME_MAX`] characters.
    #[error("a username has at most {USERNAME_MAX} characters")]
    TooLong,
    /// Something else than letters, digits and inner `.`, `_`, `-`.
    #[error("a username consists of letters and digits, with single characters . _ - between them")]
    Characters,
    /// Letters of scripts that do not belong together, as in a Latin word with a Cyrillic `а`.
    #[error("a username cannot mix letters of different scripts")]
    MixedScripts,
}

impl Username {
    /// Reads a chosen name. Compatibility forms are folded (NFKC), so `ﬁ` is `fi`.
    pub fn parse(typed: &str) -> Result<Self, UsernameError> {
        if typed.is_empty() {
            return Err(UsernameError::Empty);
        }
        if typed.chars().count() > USERNAME_MAX {
            return Err(UsernameError::TooLong);
        }
        let shown: String = typed.nfkc().collect();
        let key = fold(&shown);
        if !well_formed(&shown) || !well_formed(&key) {
            return Err(UsernameError::Characters);
        }
        if !shown.check_restriction_level(RestrictionLevel::HighlyRestrictive) {
            return Err(UsernameError::MixedScripts);
        }
        let skeleton = confusable_detection::skeleton(&key).collect();
        Ok(Self { shown, key, skeleton })
    }

    /// What could be a name, made of what somebody is called elsewhere; empty when nothing can.
    pub fn suggested(from: &str) -> String {
        let separator = |c: char| c == '.' || c == '_' || c == '-';
        let apt = |c: char| if c.is_whitespace() { '.' } else { c };
        let shown: String =
            from.nfkc().map(apt).filter(|c| c.is_alphanumeric() || separator(*c)).collect();
        let shown: String = shown.trim_matches(separator).chars().take(USERNAME_MAX).collect();
        Self::parse(&shown).map(|name| name.shown).unwrap_or_default()
    }

    /// As the person wrote it.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// Equal for names that differ in case only.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Equal for names that look alike (UTS 39 section 4): `раураl` and `paypal`.
    pub fn skeleton(&self) -> &str {
        &self.skeleton
    }
}

fn well_formed(name: &str) -> bool {
    let separator = |c: char| matches!(c, '.' | '_' | '-');
    let inner = name.chars().all(|c| c.is_alphanumeric() || separator(c));
    let ends = [name.chars().next(), name.chars().next_back()];
    inner && ends.iter().all(|end| end.is_some_and(|c| !separator(c)))
}

/// Case folding by way of upper case, so that `ß`, `ſ` and `ı` meet `ss`, `s` and `i`.
fn fold(text: &str) -> String {
    text.to_lowercase().to_uppercase().to_lowercase()
}

/// The beginning of a name or address as it was typed, in the form of the key columns.
pub fn search_key(typed: &str) -> String {
    fold(&typed.trim().nfkc().collect::<String>())
}

/// A mail address: one mailbox, no comments, no quoting, no display name (SECURITY-CASES A-07).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    shown: String,
    key: String,
}

/// The address is not one plain mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a mail address of the form name@example.org")]
pub struct EmailError;

impl Email {
    /// Reads a typed address.
    pub fn parse(typed: &str) -> Result<Self, EmailError> {
        let (local, domain) = typed.rsplit_once('@').ok_or(EmailError)?;
        let plain = |c: char| c.is_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
        if typed.len() > EMAIL_MAX
            || local.is_empty()
            || local.len() > 64
            || !local.chars().all(plain)
        {
            return Err(EmailError);
        }
        // The URL standard's host parser is the strict domain parser at hand.
        let ascii = match url::Host::parse(domain) {
            Ok(url::Host::Domain(ascii)) if ascii.contains('.') && !ascii.ends_with('.') => ascii,
            _ => return Err(EmailError),
        };
        let key = format!("{}@{ascii}", fold(&local.nfkc().collect::<String>()));
        Ok(Self { shown: typed.to_owned(), key })
    }

    /// As the person wrote it; where mail is sent.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// Equal for spellings that are one mailbox to us.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// The name by which a person is shown. Not unique, and never a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nickname(String);

/// The name cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a nickname has 1 to {USERNAME_MAX} characters, none of them invisible")]
pub struct NicknameError;

impl Nickname {
    /// Reads a typed name. What is invisible or turns the direction of text could pass one person off
    /// as another, and is refused.
    pub fn parse(typed: &str) -> Result<Self, NicknameError> {
        let invisible = |c: char| {
            c.is_control()
                || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        let shown: String = typed.trim().nfc().collect();
        let fits = (1..=USERNAME_MAX).contains(&shown.chars().count());
        if !fits || shown.chars().any(invisible) {
            return Err(NicknameError);
        }
        Ok(Self(shown))
    }

    /// As the person wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What somebody typed into the name field of the login form, in the one form under which
/// attempts are counted (SECURITY-CASES L-08).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginName {
    /// Could be the username with this key.
    Username(String),
    /// Could be the mail address with this key.
    Email(String),
    /// Can be nobody's; kept so that guesses at it count too.
    Nobody(String),
}

impl LoginName {
    /// The longest text that is looked at, in bytes.
    pub const MAX: usize = 512;

    /// Reads the field; surrounding blanks do not matter.
    pub fn parse(typed: &str) -> Self {
        let typed = typed.trim();
        if let Ok(email) = Email::parse(typed) {
            return Self::Email(email.key);
        }
        match Username::parse(typed) {
            Ok(username) => Self::Username(username.key),
            Err(_) => Self::Nobody(fold(&typed.nfkc().collect::<String>())),
        }
    }

    /// The canonical text.
    pub fn canonical(&self) -> &str {
        match self {
            Self::Username(key) | Self::Email(key) | Self::Nobody(key) => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SECURITY-CASES L-14: what looks like `admin` is `admin`, or is no name at all.
    #[test]
    fn look_alikes_of_admin() {
        let admin = Username::parse("admin").unwrap();
        for same in ["ADMIN", "Admin", "ａｄｍｉｎ", "admın", "𝐚𝐝𝐦𝐢𝐧"] {
            let name = Username::parse(same).unwrap();
            assert_eq!(name.skeleton(), admin.skeleton(), "{same}");
        }
        for refused in
            ["admin\u{200b}", "аdmin", "admİn", "admin.", "admin ", " admin", "ad\u{202e}min"]
        {
            assert!(Username::parse(refused).is_err(), "{refused:?}");
        }
        assert_eq!(Username::parse("oﬃce").unwrap().key(), "office");
        assert_ne!(Username::parse("root").unwrap().skeleton(), admin.skeleton());
        // A whole name in one other script stays possible, and meets its Latin look-alike.
        assert_eq!(
            Username::parse("сосо").unwrap().skeleton(),
            Username::parse("coco").unwrap().skeleton()
        );
    }

    #[test]
    fn names_of_the_world() {
        for name in ["goal", "Мария", "王小明", "jean-luc", "o.brien", "x_1", "高桥ケン", "ß"]
        {
            assert!(Username::parse(name).is_ok(), "{name}");
        }
    }

    // SECURITY-CASES L-15: names, addresses and OpenIDs live in separate spaces.
    #[test]
    fn a_username_is_never_an_address() {
        for refused in
            ["a@b.example", "https://me.example/", "me/you", "a:b", "", "a b", "a\0b", "a\nb"]
        {
            assert!(Username::parse(refused).is_err(), "{refused:?}");
        }
        assert!(Username::parse(&"x".repeat(65)).is_err());
    }

    #[test]
    fn addresses() {
        assert_eq!(Email::parse("Ann@Example.ORG").unwrap().key(), "ann@example.org");
        assert_eq!(Email::parse("ann@bücher.example").unwrap().key(), "ann@xn--bcher-kva.example");
        for refused in [
            "ann",
            "@b.example",
            "a@",
            "a@b@c.example",
            "a b@c.example",
            "a,b@c.example",
            "\"a\"@c.example",
            "Ann <a@c.example>",
            "a@c.example\n",
            "a@localhost",
            "a@127.0.0.1",
            "a@c.example.",
        ] {
            assert!(Email::parse(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn one_person_one_counter() {
        let name = LoginName::parse("goal");
        for same in ["GOAL", " goal ", "ｇｏａｌ"] {
            assert_eq!(LoginName::parse(same), name);
        }
        assert_eq!(LoginName::parse("Goal@Example.org"), LoginName::parse("goal@example.ORG"));
        assert!(matches!(LoginName::parse("no such name"), LoginName::Nobody(_)));
    }
}
