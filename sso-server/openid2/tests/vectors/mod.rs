//! Every vector of `vectors/`. What is deliberately read otherwise stands in a table with the
//! reason, and a test sees that the table is true.

mod associations;
mod discovery;
mod html;
mod identifiers;
mod messages;
mod openid4java;
mod realms;
mod transcripts;
mod xri;
