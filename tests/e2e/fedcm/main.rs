//! Sign-in by the browser itself (FedCM): each endpoint by the requests that Chromium 148 sends and by
//! those that it does not, and Chromium itself. SECURITY-CASES groups J and S, and of X what belongs to it.
//!
//! Not here, and why:
//! - INV, for accounts and assertion: target `invariants`, `scene::Way`.
//! - What the twin is like and how long it is good: target `check`, `cookies.rs`.
//! - `params` that make no sense: beside their reader, in `web/fedcm/assertion.rs`; here only that it is asked.

mod accounts;
mod assertion;
mod browser;
mod description;
mod disconnect;
mod login_status;
mod scene;
mod strangers;
