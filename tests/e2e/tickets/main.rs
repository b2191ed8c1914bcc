//! Tickets and return URLs: SECURITY-CASES groups T and R.
//!
//! Not here, and why:
//! - T-14, pending requests: there are none; what a login needs travels in its form, which is bound
//!   to the browser (`disclosure`).
//! - T-20, other signed tokens: tickets are the only ones so far; other values of `typ` are refused.
//! - T-21: no shared secret is configured. The master key is a file.
//! - T-22, time and memory: there are no timed assertions; what is longer than a ticket is not read.
//! - T-23, the SDK: it verifies no signatures, so it has no keys to cache.
//! - R-16, in-page checks, resets, verification and upstream logins: with their pages.
//! - R-20, any port: URLs match by exact bytes, on the own machine as well.
//! - there is no development mode; plain http is for loopback alone.
//! - not built. There is no nightly look at names, and no question before a first visit.

mod age;
mod alive;
mod binding;
mod claims;
mod disabled_apps;
mod disclosure;
mod failing_store;
mod forge;
mod forgery;
mod freshness;
mod guessing;
mod lifetime;
mod matching;
mod mutation;
mod race;
mod registration;
mod replay;
mod return_urls;
mod scene;
mod spelling;
mod vectors;
