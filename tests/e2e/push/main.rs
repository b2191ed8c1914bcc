//! Events pushed to apps: delivered at least once, in order, signed; and nobody is held up by an app
//! that does not answer. SECURITY-CASES groups B, F and W.
//!
//! Not here, and why:
//! - F-02 (a name that answers otherwise a moment later): what the resolver hook has checked is what is
//!   connected to, and a test would need a name server; the hook is tested in `upstream::transport`.
//! - F-04 ports: an operator registers each URL, its port included, at the command line.
//! - B-02, B-03, B-07: their tokens are not ours; a message is about one app session.
//! - B-14 "400 is final": here it is tried again like everything else, until it matters no more.
//! - B-19 the shape of SET: Standard Webhooks is the one shape.
//! - W-03 an expired certificate: one that nobody has signed takes the same way.

mod delivery;
mod doctor;
mod killed;
mod scene;
mod sdk;
mod streams;
mod troubles;
