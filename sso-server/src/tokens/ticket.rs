//! Tickets as text: a compact JWS (RFC 7515) of `typ` `passport-ticket+jwt`.

use client_sdk::wire::{TICKET_TYPE, TicketClaims};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};

use super::keyring::{Keyring, KeyringError};
use crate::domain::{Millis, SECOND, seconds, ticket::LIFETIME_MAX_SECONDS};

/// The longest text that is looked at; ours have about 600 characters.
const MAX_BYTES: usize = 2_048;
/// A ticket from further in the future is not from our clock.
const CLOCK_SKEW: Millis = 60 * SECOND;

/// Signs a ticket.
pub fn sign(keyring: &Keyring, claims: &TicketClaims, now: Millis) -> Result<String, KeyringError> {
    let key = keyring.signing(now)?;
    let header = header(key.kid.clone());
    encode(&header, claims, &key.encoding).map_err(|_| KeyringError::Unusable(key.kid.clone()))
}

/// The header of a ticket: these three members and no other.
fn header(kid: String) -> Header {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TICKET_TYPE.to_owned());
    header.kid = Some(kid);
    header
}

/// Outcome of reading a text that should be a ticket.
#[derive(Debug)]
pub enum Read {
    /// One of ours; whether it still holds is for `domain::ticket::check`.
    Genuine(Box<TicketClaims>),
    /// It names a key that is not at hand. Look for it once, then it is not genuine.
    UnknownKey,
    /// Not one of ours.
    NotGenuine,
}

/// Reads a ticket. Cheap checks first; the key comes from our own map by `kid`, its algorithm is
/// fixed, and a header that says anything else, be it of its own key (`jwk`, `jku`, `x5u`, `x5c`)
/// or of extensions to be understood (`crit`), makes it refused (RFC 7515 section 4.1.11, RFC 8725
/// sections 3.1, 3.10, 3.11; SECURITY-CASES T-11, T-15 to T-22).
pub fn read(keyring: &Keyring, text: &str, issuer: &str, now: Millis) -> Read {
    let charset = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if text.len() > MAX_BYTES || !text.bytes().all(charset) {
        return Read::NotGenuine;
    }
    let Ok(shown) = decode_header(text) else { return Read::NotGenuine };
    let Some(kid) = shown.kid.clone() else { return Read::NotGenuine };
    if shown != header(kid.clone()) {
        return Read::NotGenuine;
    }
    let Some(key) = keyring.verifying(&kid, now) else { return Read::UnknownKey };

    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[issuer]);
    // Without this a missing claim passes, issuer and audience set or not.
    validation.set_required_spec_claims(&["aud", "exp", "iss", "sub"]);
    // Audience and time are judged by `domain::ticket::check`, with our clock.
    validation.validate_aud = false;
    validation.validate_exp = false;
    let Ok(token) = decode::<TicketClaims>(text, &key.decoding, &validation) else {
        return Read::NotGenuine;
    };
    let claims = token.claims;
    let plausible = claims.iat <= seconds(now + CLOCK_SKEW)
        && claims.exp > claims.iat
        && claims.exp.saturating_sub(claims.iat) <= LIFETIME_MAX_SECONDS
        && !claims.jti.is_empty();
    if plausible { Read::Genuine(Box::new(claims)) } else { Read::NotGenuine }
}
