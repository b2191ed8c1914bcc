//! What is signed (section 10.1), and whether the signature is good (section 6).

use crate::{association::Association, message::Fields, names::Version};

/// Must be signed, always.
const ALWAYS_2: [&str; 4] = ["op_endpoint", "return_to", "response_nonce", "assoc_handle"];
/// Must be signed if they are there.
const IF_THERE_2: [&str; 2] = ["claimed_id", "identity"];
/// Must be signed in version 1.
const ALWAYS_1: [&str; 2] = ["identity", "return_to"];

/// Why a list of signed fields does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// It names a field twice, none, or one that is not there.
    #[error("the list of signed fields is malformed")]
    Malformed,
    /// A field that matters is not in it.
    #[error("{0} is not signed")]
    Unsigned(&'static str),
}

/// The names in `openid.signed`, when they are enough (SECURITY-CASES O-03).
pub fn signed_names(version: Version, fields: &Fields) -> Result<Vec<&str>, SignedError> {
    let listed = fields.get("signed").unwrap_or_default();
    let mut names: Vec<&str> = Vec::new();
    for name in listed.split(',') {
        if name.is_empty() || fields.get(name).is_none() || names.contains(&name) {
            return Err(SignedError::Malformed);
        }
        names.push(name);
    }
    let (always, if_there): (&[&'static str], &[&'static str]) = match version {
        Version::V2 => (&ALWAYS_2, &IF_THERE_2),
        Version::V1 => (&ALWAYS_1, &[]),
    };
    let there = if_there.iter().filter(|name| fields.get(name).is_some());
    for name in always.iter().chain(there) {
        if !names.contains(name) {
            return Err(SignedError::Unsigned(name));
        }
    }
    Ok(names)
}

/// Whether `openid.sig` is the signature of the named fields, in their order.
pub(super) fn is_good(association: &Association, fields: &Fields, names: &[&str]) -> bool {
    let text = fields.to_key_values(names.iter().copied());
    match (text, fields.get("sig")) {
        (Some(text), Some(signature)) => association.verifies(&text, signature),
        _ => false,
    }
}
