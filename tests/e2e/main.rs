//! Stories from end to end, each on a Passport of its own.
//!
//! Not here, and why:
//! - Y-08, Y-10: the SDK reads no identity headers and has no rules for skipping.
//! - Y-11: target `push`. Y-12: it verifies pushes by a secret of its own, so it keeps no keys.
//! - Y-13: whether a ticket is in time is decided by Passport.
//! - Y-14: the kit for apps is a later step; `sdk/hostile.rs` has its first replies.
//! - `session end --wait`: target `logout`. `backup`, `restore`: commands of later steps.
//! - The program `family`: its three ports are fixed; `harness/family.rs` runs the same parts on free ones.

mod app_instances;
mod app_logout;
mod app_registration;
mod appearance;
mod browsing;
mod commands;
mod configuration;
mod deadlocks;
mod demo;
mod displaced;
mod docs;
mod live_sessions;
mod migrated_elsewhere;
mod operators;
mod page_languages;
mod password_links;
mod replaced_master_key;
mod running;
mod scene;
mod sdk;
mod settings;
mod signs_of_life;
mod spine;
mod tabs;
