//! What scripts in apps' pages ask, from another site than ours: who asks ([`asker`]), in which shape
//! the answer goes out ([`answer`], [`callback`]), the question itself ([`question`]), asked by the
//! page ([`check`]) or through a frame of ours in it ([`frame`]), and the script that asks ([`script`]).

pub mod answer;
pub mod asker;
pub mod callback;
pub mod check;
pub mod frame;
pub mod question;
pub mod script;
