//! Passport's server: the central sign-in of a family of sites.
//!
//! # Reading order
//! 1. [`domain`]: what Passport knows and decides. Pure.
//! 2. [`store`]: the tables, one file each, one SQL text for SQLite and PostgreSQL.
//! 3. [`tokens`]: the master key, the signing keys, tickets as text.
//! 4. [`upstream`]: the way out to other servers.
//! 5. [`flows`]: what Passport does, one use case a file. Transactions begin and end here.
//! 6. [`web`]: routes; pages for people, an API for programs.
//! 7. [`cli`]: the command line. [`config`]: what can be set. [`app`]: all of it put together.
//!
//! [`clock`] and [`random`] are the only places that ask the system for time and chance;
//! [`hashing`] is the pool in which passwords are hashed; [`metrics`] are the figures for whoever
//! watches.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod flows;
pub mod hashing;
pub mod metrics;
pub mod random;
pub mod store;
pub mod tokens;
pub mod upstream;
pub mod web;
