//! The API for programs: JSON in and out, problems by RFC 9457, apps known by HTTP Basic.

pub mod admin;
pub mod app_sessions;
pub mod client;
pub mod error;
pub mod events;
pub mod health;
pub mod logins;
pub mod tickets;
pub mod well_known;
