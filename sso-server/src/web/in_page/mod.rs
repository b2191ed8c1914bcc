//! What scripts in apps' pages ask, from another site than ours: who asks ([`asker`]), in which shape
//! the answer goes out ([`answer`], [`callback`]), and the question itself ([`check`]).

pub mod answer;
pub mod asker;
pub mod callback;
pub mod check;
pub mod establish;
