//! Log-ins and sessions: SECURITY-CASES groups L and S.

mod alike;
mod cookies;
#[expect(dead_code)]
mod scene;
mod throttling;
