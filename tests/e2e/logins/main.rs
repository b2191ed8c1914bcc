//! Log-ins and sessions: SECURITY-CASES groups L and S.

mod alike;
mod cookies;
mod ending;
mod faults;
mod first_start;
mod fixation;
mod forms;
mod limits;
mod names;
mod password_change;
mod passwords;
mod prompts;
mod scene;
mod strangers;
mod throttling;
