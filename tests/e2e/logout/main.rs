//! Logout that can be proven: every cause, every app, every instance. SECURITY-CASES groups B and W.

mod expiry;
mod limits;
mod many;
mod pages;
mod proof;
mod secure;
