//! Log-ins and sessions: SECURITY-CASES groups L and S.
