//! What Passport does, one use case a file: plain `async fn name(app, input) -> Result<Output, …>`.
//! A transaction begins and ends here. No HTTP.
//!
//! One function issues sessions ([`issue_session`]), one issues tickets ([`issue_ticket`]), one ends
//! sessions ([`end_session`]). The checks live inside them, so no way in can forget one.

pub mod add_identity;
pub mod admin_tokens;
pub mod app_sessions;
pub mod apps;
pub mod audit_log;
pub mod check_login;
pub mod choose_session;
pub mod doctor;
pub mod end_session;
pub mod establish_session;
pub mod expire_sessions;
pub mod find_people;
pub mod follow_events;
pub mod force_logout;
pub mod housekeeping;
pub mod installation;
pub mod issue_session;
pub mod issue_ticket;
pub mod log_in;
pub mod log_in_by_app;
pub mod log_in_by_identity;
pub mod log_out_many;
pub mod one_time_link;
pub mod openid;
pub mod page_checks;
pub mod prove_logout;
pub mod push;
pub mod push_streams;
pub mod redeem_ticket;
pub mod refused_tickets;
pub mod register;
pub mod remove_identity;
pub mod replace_master_key;
mod replace_password;
pub mod restore;
pub mod secure_account;
pub mod signing_keys;
pub mod users;

/// Most tries of a transaction that PostgreSQL picks as the victim of a deadlock.
const TRIES: usize = 8;

/// Tries again after a deadlock. The first redemption of a person at an app locks the session before
/// the person; whoever disables or deletes a person, or changes their password, locks the person
/// first, so that no login slips in beside. Either may be the one that PostgreSQL sends back.
async fn past_deadlocks<T, E, F: Future<Output = Result<T, E>>>(
    is_victim: impl Fn(&E) -> bool,
    act: impl Fn() -> F,
) -> Result<T, E> {
    let mut tries = 1;
    loop {
        match act().await {
            Err(error) if tries < TRIES && is_victim(&error) => {
                tracing::warn!("a transaction was chosen as the victim of a deadlock; once more");
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}
