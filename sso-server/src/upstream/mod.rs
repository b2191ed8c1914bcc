//! The world outside, as Passport asks it. [`transport`] is the only way out.

pub mod address;
pub mod transport;
