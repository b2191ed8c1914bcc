//! Apps: the registered sites.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Millis,
    events_url::EventsUrl,
    return_url::{Origin, ReturnUrl},
    token::Digest,
};

/// The name of an app on the wire: `aw`. Lower-case ASCII, so that it fits into HTTP Basic, a URL
/// and a log line without quoting.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(String);

/// The text is not an app id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an app id is 1 to 64 characters of a-z, 0-9, - and _, beginning with a letter or digit, and none of user, operator and clock"
)]
pub struct AppIdError;

/// Who else ends sessions: in the audit log an app of that name would be taken for them.
const RESERVED: &[&str] = &["user", "operator", "clock"];

impl AppId {
    /// Reads an id from outside.
    pub fn parse(text: &str) -> Result<Self, AppIdError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = (1..=64).contains(&text.len())
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|b| plain(b) || b == b'-' || b == b'_')
            && !RESERVED.contains(&text);
        fits.then(|| Self(text.to_owned())).ok_or(AppIdError)
    }

    /// As read back from the database.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A registered site.
#[derive(Clone, Debug)]
pub struct App {
    /// Its id.
    pub id: AppId,
    /// Its bit in a user's `app_flag` and `ac_flag`: 0 to 62, never reused.
    pub bit: i64,
    /// The name people see.
    pub name: String,
    /// SHA-256 of its secret.
    pub secret: Digest,
    /// While the secret is being rotated: the one before, and until when it is good.
    pub previous_secret: Option<(Digest, Millis)>,
    /// Where tickets may go.
    pub return_urls: Vec<ReturnUrl>,
    /// Who may ask from inside a page.
    pub origins: Vec<Origin>,
    /// Where events are pushed.
    pub events_url: Option<EventsUrl>,
    /// Whether JSONP is allowed, and since when.
    pub jsonp_since: Option<Millis>,
    /// Whether its pages may be known by their `Referer`, and since when.
    pub old_browsers_since: Option<Millis>,
    /// Whether it may end every session of a person, and since when.
    pub may_end_user_since: Option<Millis>,
    /// Set while the app is shut off.
    pub disabled_at: Option<Millis>,
    /// Registered at.
    pub created_at: Millis,
}

impl App {
    /// The registered return URL that is `requested`, byte for byte.
    pub fn return_url(&self, requested: &str) -> Option<&ReturnUrl> {
        self.return_urls.iter().find(|registered| registered.as_str() == requested)
    }

    /// The registered origin that is `presented`, byte for byte.
    pub fn origin(&self, presented: &str) -> Option<&Origin> {
        self.origins.iter().find(|registered| registered.as_str() == presented)
    }

    /// Whether `presented` is this app's secret now. Constant time.
    pub fn accepts_secret(&self, presented: &Digest, now: Millis) -> bool {
        let current = self.secret == *presented;
        let previous = match &self.previous_secret {
            Some((digest, until)) => (digest == presented) & (now < *until),
            None => false,
        };
        current | previous
    }

    /// Its bit as a mask.
    pub const fn mask(&self) -> i64 {
        1 << self.bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["aw", "b2", "my-site_3", &"x".repeat(64)] {
            assert!(AppId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "AW", "a:b", "a b", "-a", "é", "operator", &"x".repeat(65)] {
            assert!(AppId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
