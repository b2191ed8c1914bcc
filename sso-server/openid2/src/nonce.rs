//! Response nonces (section 10.1): when an answer was made, and that it was used once.

use jiff::{civil::DateTime, tz::TimeZone};
use sha2::{Digest, Sha256};

use crate::{names::UnixSeconds, url::WebUrl};

/// Characters of a nonce.
pub const MAX_NONCE: usize = 255;

/// Why a nonce does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// Not `YYYY-MM-DDThh:mm:ssZ` and printable ASCII.
    #[error("the nonce is malformed")]
    Malformed,
    /// Older than the login it should answer.
    #[error("the nonce is too old")]
    Stale,
    /// Not yet.
    #[error("the nonce is from the future")]
    Future,
}

/// Checks the form of a nonce and that its time lies between two moments, both included. Both
/// sides are needed: a nonce of the year 2099 would have to be remembered until then.
pub fn check(nonce: &str, from: UnixSeconds, until: UnixSeconds) -> Result<(), NonceError> {
    let at = made_at(nonce).ok_or(NonceError::Malformed)?;
    match at {
        _ if at < from => Err(NonceError::Stale),
        _ if at > until => Err(NonceError::Future),
        _ => Ok(()),
    }
}

pub(crate) fn made_at(nonce: &str) -> Option<UnixSeconds> {
    let printable = nonce.bytes().all(|b| (33..=126).contains(&b));
    if nonce.len() > MAX_NONCE || !printable {
        return None;
    }
    let time = nonce.get(..20)?.as_bytes();
    let shaped = time.iter().zip(b"dddd-dd-ddTdd:dd:ddZ").all(|(is, should)| match should {
        b'd' => is.is_ascii_digit(),
        mark => is == mark,
    });
    if !shaped {
        return None;
    }
    let number = |from: usize, to: usize| nonce[from..to].parse::<i16>().ok();
    let small = |from: usize| nonce[from..from + 2].parse::<i8>().ok();
    let time =
        DateTime::new(number(0, 4)?, small(5)?, small(8)?, small(11)?, small(14)?, small(17)?, 0);
    Some(time.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

/// What is to be remembered of an assertion so that it works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonceToSpend {
    /// SHA-256 of the provider and its nonce. Two providers may choose the same nonce.
    pub hash: [u8; 32],
    /// Until then it must be remembered; after, the nonce itself is too old.
    pub keep_until: UnixSeconds,
}

impl NonceToSpend {
    pub(crate) fn new(op_endpoint: &WebUrl, nonce: &str, keep_until: UnixSeconds) -> Self {
        let mut hash = Sha256::new();
        hash.update(op_endpoint.as_str());
        hash.update([0]);
        hash.update(nonce);
        Self { hash: hash.finalize().into(), keep_until }
    }
}

/// What spending the nonce came to: whether the one statement that inserts it did insert it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was not there.
    First,
    /// It was there: somebody plays an old answer.
    Again,
}
