//! What README promises of a logout, against what really happens to programs and wires: connections
//! that are cut, processes and databases that are killed, apps that were away, two nodes. Each
//! program is a process of its own. SECURITY-CASES groups B and W.
//!
//! Short by default; `PASSPORT_KILLS=100` makes the loops long.

mod books;
mod cut;
mod killed_app;
mod killed_database;
mod killed_passport;
mod late;
mod nodes;
mod partition;
mod returned;
mod scene;
mod steps;
