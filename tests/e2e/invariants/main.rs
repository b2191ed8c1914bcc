//! What holds on every way in, whatever fails: SECURITY-CASES groups INV, Q and K.
