//! Signing in through an app's own form (`POST /api/v1/logins`), and how a browser then takes the
//! session; who is asked before an app gets to know them; and apps that the
//! browser tells of a logout. SECURITY-CASES L, and of S and X what
//! belongs to it.
//!
//! Not here, and why: INV, for both ways in: target `invariants`, `scene::Way`. Policies of counters:
//! `domain/throttle.rs`.

mod asked_first;
mod chromium;
mod establish;
mod front_logout;
mod logins;
mod strangers;
