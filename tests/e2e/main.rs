//! Stories from end to end, each on a Passport of its own.

mod spine;
