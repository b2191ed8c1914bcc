//! Pages, headers and events as the outside sees them: SECURITY-CASES groups X, H and B.
//!
//! Not here, and why:
//! - X-03 (values in scripts and JSON islands): no page holds a script or an island; `templates`
//!   holds them to that.
//! - X-04 (pictures), X-05 (themes), X-14 (rich text): there is no way yet to give Passport any.
//! - X-09 (approve pages) and the frame of X-07: no such pages yet.
//! - JSONP (the `callback` of X-01): `/check` does not exist yet.
//! - H-05 (plain HTTP on the public port): Passport itself speaks no TLS; `headers` has its HSTS.
//! - H-10 (a handler that panics): nothing from outside makes one panic; lints forbid `unwrap`.
//! - H-13 to H-16 (the audit chain): the chain does not exist yet.
//! - B-01 to B-06, B-10, B-11, B-14, B-15, B-19, B-21: about pushed events; there is no push yet.
//! - B-12 (front-channel logout): there is none, by design.
//! - B-20 (asking for many sessions at once): apps ask for one, see `api`.

mod api;
mod canary;
mod clients;
mod methods;
mod problems;
mod templates;
