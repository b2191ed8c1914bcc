//! The world outside, as Passport asks it. [`transport`] is the only way out.

pub mod address;
pub mod openid;
pub mod profile;
pub mod transport;
