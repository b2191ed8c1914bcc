//! Keys and what is made with them: the master key, secrets sealed under it, the keys that sign
//! tickets, tickets themselves.

pub mod association_key;
pub mod crypto;
pub mod events_secret;
pub mod keyring;
pub mod master_key;
mod own_signatures;
pub mod secrets;
pub mod ticket;
pub mod twin;
