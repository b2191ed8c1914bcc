//! Logins and sessions: SECURITY-CASES groups L and S.
//!
//! Not here, and why:
//! - L-02 as a comparison of times: the pool counts the blocks that it fills, and those are compared
//!   (`alike.rs`). Times would depend on the neighbours of the machine.
//! - L-01 "federated only", L-17 and L-18 for upstream logins: there are no backends yet.
//! - L-08 phone numbers: nobody signs in with one. Dotted and plus forms are other mailboxes to us.
//! - L-11 passkeys, S-05 step-up and impersonation, S-13 second factors: there are none yet.
//! - L-14 renaming, L-24 "set password" on the account page: nobody can do so yet.
//! - S-02 "no session when two cookies of that name arrive": such a request is refused as a whole.
//! - S-14 over HTTP/2: the server speaks HTTP/1.1; proxies in front multiplex onto it.
//! - S-15 stateless tokens: a ticket is the only one, and its redemption asks the database.

mod alike;
mod cookies;
mod ending;
mod faults;
mod first_start;
mod fixation;
mod forms;
mod limits;
mod names;
mod networks;
mod password_change;
mod passwords;
mod prompts;
mod scene;
mod strangers;
mod throttling;
