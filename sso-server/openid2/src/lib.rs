//! x
pub mod association;
pub mod discovery;
pub mod exchange;
pub mod extensions;
pub mod identifier;
pub mod message;
pub mod names;
pub mod nonce;
pub mod policy;
pub mod realm;
pub mod request;
pub mod url;
pub mod verify;
