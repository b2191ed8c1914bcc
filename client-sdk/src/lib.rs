//! sdk
pub mod wire;
