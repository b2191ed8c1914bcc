//! What holds on every way in, whatever fails: SECURITY-CASES groups INV, Q and K.
//!
//! Not here, and why:
//! - INV-04: there are no upstream backends yet.
//! - INV-06: apps ask for no group or scope yet.
//! - INV-08: the password is the only factor yet.
//! - INV-09: login and redemption lines are looked at where they are refused (`matrix`) and after
//!   crashes (`ledger`); issuing a ticket writes nothing, by design. Lines by kind: target `logins`.
//! - Q-08 (inputs), Q-09, Q-10: targets `store` and `logins`. Q-11: there is one version.
//! - W-01 at every write or fsync: needs `strace`; the kills here come at random moments.
//! - A read-only database file: the tests may run as root, whom no permission stops; writes that
//!   fail are made by triggers instead (`broken_tables`).

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
