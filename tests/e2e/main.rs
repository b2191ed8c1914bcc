//! Stories from end to end, each on a Passport of its own.

mod app_registration;
mod commands;
mod configuration;
mod running;
mod scene;
mod spine;
