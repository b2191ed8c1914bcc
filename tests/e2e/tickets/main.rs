//! Tickets and return URLs: SECURITY-CASES groups T and R.

mod binding;
mod forge;
mod forgery;
mod replay;
mod scene;
mod spelling;
