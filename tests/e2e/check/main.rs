//! What a page of an app may ask from its own place (`GET /check`): SECURITY-CASES group J, and of S
//! and X what belongs to it.
//!
//! Not here, and why:
//! - J-01, the table of names: beside the grammar, in `web/in_page/callback.rs`; here only that it is asked.
//! - J-04, display names: there are none in an answer. What is escaped: `web/in_page/answer.rs`.
//! - J-06, browsers that could forge `Sec-Fetch-*` or `Origin`: there are none (BROWSERS: measured).
//! - J-12, the way on by a redirect and its guard against loops: with `sso.js`.
//! - J-13, what load of this does to logins: a bench, not a test.
//! - INV, for both shapes: target `invariants`, `scene::Way`.

mod asking;
mod cookies;
mod cost;
mod pages;
mod scene;
mod strangers;
