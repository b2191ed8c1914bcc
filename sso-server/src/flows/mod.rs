//! What Passport does, one use case a file: plain `async fn name(app, input) -> Result<Output, …>`.
//! A transaction begins and ends here. No HTTP.
//!
//! One function issues sessions ([`issue_session`]), one issues tickets ([`issue_ticket`]), one ends
//! sessions ([`end_session`]). The checks live inside them, so no way in can forget one.

pub mod admin_tokens;
pub mod app_sessions;
pub mod apps;
pub mod audit_log;
pub mod choose_session;
pub mod end_session;
pub mod expire_sessions;
pub mod find_people;
pub mod follow_events;
pub mod force_logout;
pub mod housekeeping;
pub mod installation;
pub mod issue_session;
pub mod issue_ticket;
pub mod log_in;
pub mod log_out_many;
pub mod one_time_link;
pub mod prove_logout;
pub mod redeem_ticket;
pub mod replace_master_key;
pub mod signing_keys;
pub mod users;
