//! Events pushed to apps: delivered at least once, in order, signed; and nobody is held up by an app
//! that does not answer. SECURITY-CASES groups B, F and W.

mod delivery;
mod doctor;
mod killed;
mod scene;
mod sdk;
mod streams;
mod troubles;
