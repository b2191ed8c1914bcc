//! What holds on every way in, whatever fails: SECURITY-CASES groups INV, Q and K.
//!
//! Not here, and why:
//! - INV-04: there are no upstream backends yet.
//! - INV-06: apps ask for no group or scope yet.
//! - INV-08: the password is the only factor yet.

mod barriers;
mod broken_tables;
mod faults;
mod ledger;
mod matrix;
mod nodes;
mod processes;
mod races;
mod scene;
mod shutdown;
mod sources;
