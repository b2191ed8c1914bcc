//! Identifiers: text, typed by what they name, never secret.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Builder;

use super::Millis;
use crate::random::Random;

/// The identifier of a `K`. Two kinds cannot be mixed up.
pub struct Id<K> {
    text: String,
    kind: PhantomData<fn() -> K>,
}

/// Names a user.
#[derive(Debug)]
pub enum User {}
/// Names a session at Passport.
#[derive(Debug)]
pub enum Session {}
/// Names an app's session.
#[derive(Debug)]
pub enum AppSession {}

/// Names a logout: whatever ended sessions in one act.
#[derive(Debug)]
pub enum Logout {}

/// Names an identity: something proven at another place.
#[derive(Debug)]
pub enum Identity {}

/// Identifier of an identity: a digest of its key.
pub type IdentityId = Id<Identity>;
/// Identifier of a user; never reused.
pub type UserId = Id<User>;
/// Identifier of a session.
pub type SessionId = Id<Session>;
/// Identifier of an app session.
pub type AppSessionId = Id<AppSession>;
/// Identifier of a logout.
pub type LogoutId = Id<Logout>;

impl<K> Id<K> {
    /// A new identifier: UUID version 7 (RFC 9562 section 5.7), so that new rows go to the end of
    /// an index. It names, it does not prove: whatever must be unguessable is a
    /// [`Token`](super::token::Token).
    pub fn fresh(now: Millis, random: &Random) -> Self {
        Self::from(fresh_text(now, random))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The text of a new identifier of no particular kind.
pub fn fresh_text(now: Millis, random: &Random) -> String {
    let moment = u64::try_from(now).unwrap_or(0);
    Builder::from_unix_timestamp_millis(moment, &random.bytes()).into_uuid().to_string()
}

/// The lower bound of all identifiers made at `at` or later: they begin with their time.
pub fn earliest_text(at: Millis) -> String {
    let moment = u64::try_from(at).unwrap_or(0);
    Builder::from_unix_timestamp_millis(moment, &[0; 10]).into_uuid().to_string()
}

impl<K> From<String> for Id<K> {
    fn from(text: String) -> Self {
        Self { text, kind: PhantomData }
    }
}

impl<K> From<&str> for Id<K> {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl<K> From<Id<K>> for String {
    fn from(id: Id<K>) -> Self {
        id.text
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), kind: PhantomData }
    }
}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
