//! Log-ins and sessions: SECURITY-CASES groups L and S.

mod cookies;
#[expect(dead_code)]
mod scene;
