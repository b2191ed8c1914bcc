//! What Passport knows and decides, without asking anybody: no async, no SQL, no HTTP, no clock.

pub mod admin;
pub mod app;
pub mod audit;
pub mod confirmation;
pub mod device;
pub mod events_url;
pub mod front_logout;
pub mod id;
pub mod identity;
pub mod password;
pub mod push;
pub mod push_step;
pub mod reach;
pub mod return_url;
pub mod session;
pub mod session_caps;
pub mod throttle;
pub mod ticket;
pub mod token;
pub mod user;

/// Unix time in milliseconds, the one unit of time inside Passport and in its tables. On the wire
/// it is whole seconds (`client_sdk::wire::Seconds`).
pub type Millis = i64;

/// A second, in [`Millis`].
pub const SECOND: Millis = 1_000;
/// A minute, in [`Millis`].
pub const MINUTE: Millis = 60 * SECOND;
/// An hour, in [`Millis`].
pub const HOUR: Millis = 60 * MINUTE;
/// A day, in [`Millis`].
pub const DAY: Millis = 24 * HOUR;

/// Rounds down to the wire's seconds, so that a promised end is never later than the real one.
pub const fn seconds(at: Millis) -> client_sdk::wire::Seconds {
    at.div_euclid(SECOND)
}
