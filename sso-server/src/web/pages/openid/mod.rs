//! Logging in with an OpenID: from the box to the provider, and back.
//!
//! ```text
//! POST /login/openid       the form; answers a page that says who is asked, and goes on by itself
//! GET  /login/openid?go=…  asks, and redirects to the provider
//! GET  /complete/openid    what the provider answers
//! ```

pub mod complete;
pub mod start;
pub mod wish;
