//! Two sample sites. They differ in name, colour and words, and share this code, as the sites of a
//! real family would share theirs.
//!
//! `bin/aw.rs` and `bin/bw.rs` run one each; `bin/family.rs` runs both together with Passport.

pub mod pages;
pub mod run;
pub mod site;
