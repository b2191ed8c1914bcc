//! Lengths of time, as people write them.

use std::{fmt, time::Duration};

use client_sdk::wire::Seconds;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::domain::{Millis, SECOND};

/// A length of time: `"30d"`, `"12h"`, `"90s"`, or a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub(super) Millis);

impl Period {
    /// Of so many seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * SECOND)
    }

    /// In milliseconds.
    pub const fn millis(self) -> Millis {
        self.0
    }

    /// In whole seconds.
    pub const fn as_seconds(self) -> Seconds {
        self.0 / SECOND
    }

    /// As the standard library has it.
    pub fn duration(self) -> Duration {
        Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.duration()))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Period;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a length of time such as \"30d\", \"12h\", \"90s\" or a number of seconds",
                )
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Period, E> {
                match seconds.checked_mul(SECOND) {
                    Some(millis) if seconds >= 0 => Ok(Period(millis)),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(seconds), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Period, E> {
                self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                if let Ok(seconds) = text.parse() {
                    return self.visit_i64(seconds);
                }
                humantime::parse_duration(text)
                    .ok()
                    .and_then(|length| i64::try_from(length.as_millis()).ok())
                    .map(Period)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
