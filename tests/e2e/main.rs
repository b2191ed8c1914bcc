//! Stories from end to end, each on a Passport of its own.

mod app_logout;
mod commands;
mod configuration;
mod deadlocks;
mod migrated_elsewhere;
mod replaced_master_key;
mod running;
mod scene;
mod settings;
mod spine;
