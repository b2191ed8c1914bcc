//! Stories from end to end, each on a Passport of its own.

mod app_instances;
mod app_registration;
mod live_sessions;
mod methods;
mod operators;
mod page_languages;
mod password_links;
mod signs_of_life;
mod spine;
