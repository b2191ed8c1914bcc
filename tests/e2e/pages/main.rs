//! Pages, headers and events as the outside sees them: SECURITY-CASES groups X, H and B.
//!
//! Not here, and why:
//! - X-03 (values in scripts and JSON islands): no page holds a script or an island; `templates`
//!   holds them to that.
//! - X-04 (pictures), X-05 (themes), X-14 (rich text): there is no way yet to give Passport any.
//! - X-09 (approve pages): see target `by_app`. The frame of X-07: see target `in_page`.
//! - JSONP (the `callback` of X-01): see target `check`.
//! - H-05 (plain HTTP on the public port): Passport itself speaks no TLS; `headers` has its HSTS.
//! - H-10 (a handler that panics): nothing from outside makes one panic; lints forbid `unwrap`.
//! - A bare LF at the end of a header line (H-12): the HTTP library reads it as a line's end, which
//!   RFC 9112 section 2.2 allows; inside chunks it is refused, see `smuggling`.
//! - H-13, H-15, H-16 (the audit chain): see target `admin`. H-14 is with the invariants.
//! - B-01 to B-06, B-10, B-11, B-14, B-15, B-19, B-21: about pushed events, see target `push`.
//! - B-12 (front-channel logout): see target `by_app`.
//! - B-20 (asking for many sessions at once): apps ask for one, see `api`.

mod api;
mod canary;
mod clients;
mod ends;
mod events;
mod headers;
mod logs;
mod methods;
mod polls;
mod problems;
mod races;
mod scene;
mod smuggling;
mod streams;
mod templates;
