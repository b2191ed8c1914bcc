//! The harness: Passport, its people, apps and browsers, in the domain's words.
//!
//! Each [`Passport`] has its own database, clock, folder and port, so tests run in any order and
//! number. Helpers go through public doors: pages, API, command line, flows. [`on_both`] runs a test
//! on SQLite and on PostgreSQL.

pub mod app;
pub mod browser;
pub mod cable;
pub mod chromium;
pub mod database;
pub mod driver;
pub mod family;
pub mod faults;
pub mod fedcm;
pub mod firefox;
pub mod load;
pub mod page;
pub mod passport;
pub mod private_postgres;
pub mod process;
pub mod provider;
pub mod raw;
pub mod receiver;
pub mod site;

pub use self::{
    app::TestApp,
    browser::{Answer, Browser, Form},
    cable::Cable,
    database::{Database, on_both},
    passport::{PASSWORD, Passport},
    private_postgres::PrivatePostgres,
    process::Node,
    provider::Provider,
    receiver::{Play, Receiver},
};

/// The moment at which a test's clock stands first: 2026-11-22 12:00:00 UTC.
pub const NOON: i64 = 1_795_348_800_000;
/// A second, a minute, an hour, a day, in the clock's milliseconds.
pub const SECOND: i64 = 1_000;
/// A minute.
pub const MINUTE: i64 = 60 * SECOND;
/// An hour.
pub const HOUR: i64 = 60 * MINUTE;
/// A day.
pub const DAY: i64 = 24 * HOUR;
