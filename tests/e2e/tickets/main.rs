//! Tickets and return URLs: SECURITY-CASES groups T and R.
