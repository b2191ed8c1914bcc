//! Tickets and return URLs: SECURITY-CASES groups T and R.

mod alive;
mod binding;
mod disclosure;
mod forge;
mod forgery;
mod freshness;
mod guessing;
mod lifetime;
mod race;
mod replay;
mod return_urls;
mod scene;
mod spelling;
