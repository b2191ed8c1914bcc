//! The console, its API and the audit log's chain. SECURITY-CASES groups D and H.

mod api;
mod chain;
mod console;
mod doctor;
mod in_page;
mod running;
mod scene;
mod seen;
