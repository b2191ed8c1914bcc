//! The store, function by function, on both databases, and what is kept secret in it.
//!
//! Not here, and why:
//! - K-01, K-11 for TOTP secrets, upstream tokens and sealed state cookies: no such rows yet; the one
//!   sealing function is tested on the rows that there are.
//! - K-04 "both keys valid meanwhile": all is sealed anew in one transaction, so there is no meanwhile.
//! - K-06, K-07: `deny.toml` and the types decide (no RSA; `Digest` compares in constant time).
//! - K-08 failure of the system's generator: the process aborts; nothing is left to ask.
//! - K-10 pepper: Passport has none; the costs are the login tests' subject.
//! - Q-05 "commit unknown" for a redemption and Q-06 over HTTP: the ticket tests'.
//! - Q-10 kill -9 in a migration step, Q-14, Q-16: need a process of their own; the crash tests'.
//! - there is one version yet.: set by the operator's roles and by one clock.
//! - the restore tests'.

mod app_instances;
mod app_sessions;
mod apps;
mod audit;
mod crash_image;
mod events;
mod freshness;
mod housekeeping;
mod identities;
mod meta;
mod migrations;
mod one_time_links;
mod openid;
mod redemptions;
mod scene;
mod sealed;
mod sessions;
mod signing_keys;
mod throttles;
mod upstream;
mod users;
mod writer;
