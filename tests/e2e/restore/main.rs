//! Backup and restore: a copy made beside a working server, what comes back with it, and what must
//! not (SECURITY-CASES Q-15, W-14, H-13).

mod followers;
mod load;
mod refusals;
mod scene;
mod voided;
