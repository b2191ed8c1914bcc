//! Pages, headers and events as the outside sees them: SECURITY-CASES groups X, H and B.
