//! Log-ins and sessions: SECURITY-CASES groups L and S.

mod alike;
mod cookies;
mod first_start;
mod fixation;
mod forms;
mod names;
mod password_change;
mod passwords;
mod prompts;
mod scene;
mod throttling;
