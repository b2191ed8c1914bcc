//! Signing in without leaving the page: Passport's frame and window, `sso.js` and the SDK's routes.
//! SECURITY-CASES groups J and X, and of S the cookies.
//!
//! Not here, and why:
//! - `/check` itself, and who may ask: target `check`.
//! - The frame's way to a ticket in every state of session, account and app: target `invariants`,
//!   `scene::Way::FrameCheck`.
//! - FedCM alone: target `fedcm`.
//! - X-07, pages that no other site may frame: target `pages`.

mod appearance;
mod by_the_browser;
mod firefox;
mod frame;
mod ladder;
mod other_languages;
mod popup;
mod routes;
mod scene;
mod script;
mod strangers;
mod table;
