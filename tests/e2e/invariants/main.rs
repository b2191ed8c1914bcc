//! What holds on every way in, whatever fails: SECURITY-CASES groups INV, Q and K.
//!
//! Not here, and why:
//! - INV-04: there are no upstream backends yet.
//! - INV-06: apps ask for no group or scope yet.
//! - INV-08: the password is the only factor yet.

mod faults;
mod matrix;
mod scene;
