//! Stories from end to end, each on a Passport of its own.

mod appearance;
mod browsing;
mod commands;
mod configuration;
mod demo;
mod docs;
mod family;
mod running;
mod scene;
mod sdk;
mod spine;
