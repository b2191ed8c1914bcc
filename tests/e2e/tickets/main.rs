//! Tickets and return URLs: SECURITY-CASES groups T and R.

mod age;
mod binding;
mod disabled_apps;
mod forge;
mod forgery;
mod replay;
mod scene;
mod spelling;
