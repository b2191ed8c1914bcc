//! Signatures that this process has made a while ago, so that it need not verify them.
//!
//! A ticket is mostly redeemed at the node that issued it, within a second. To verify what one has
//! just signed is a third of what the redemption costs (28 of 120 us), and says nothing that was not
//! known. What is remembered is the SHA-256 of key, signature and message together: whoever shows a
//! text of the same digest shows the same text (collision resistance, FIPS 180-4), whose signature
//! holds for ever. Whether that key is still accepted, and the ticket still valid, is asked elsewhere
//! and every time. Anything that is not remembered is verified.

use std::sync::Mutex;

use sha2::{Digest, Sha256};

/// As many as are remembered, if no two want the same place: half a megabyte.
const PLACES: usize = 16 * 1024;
/// Locks, so that threads hardly meet.
const SHELVES: usize = 64;

type Fingerprint = [u8; 32];

pub(super) struct OwnSignatures(Vec<Mutex<Vec<Fingerprint>>>);

impl OwnSignatures {
    pub(super) fn new() -> Self {
        // Zeroed pages, which take no memory before they are written to.
        let shelf = || Mutex::new(vec![[0; 32]; PLACES / SHELVES]);
        Self((0..SHELVES).map(|_| shelf()).collect())
    }

    /// A later one of the same place is remembered instead.
    pub(super) fn remember(&self, public_key: &[u8], signature: &[u8], message: &[u8]) {
        let fingerprint = fingerprint(public_key, signature, message);
        self.at(&fingerprint, |place| *place = fingerprint);
    }

    pub(super) fn remembers(&self, public_key: &[u8], signature: &[u8], message: &[u8]) -> bool {
        let fingerprint = fingerprint(public_key, signature, message);
        self.at(&fingerprint, |place| *place == fingerprint)
    }

    fn at<T>(&self, fingerprint: &Fingerprint, look: impl FnOnce(&mut Fingerprint) -> T) -> T {
        let shelf = usize::from(fingerprint[0]) % SHELVES;
        let number = usize::from(u16::from_le_bytes([fingerprint[1], fingerprint[2]]));
        let mut shelf = self.0[shelf].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let place = number % shelf.len();
        look(&mut shelf[place])
    }
}

/// With their lengths, so that the three cannot run into each other.
fn fingerprint(public_key: &[u8], signature: &[u8], message: &[u8]) -> Fingerprint {
    let mut hash = Sha256::new();
    for part in [public_key, signature] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(message);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_three_are_remembered() {
        let own = OwnSignatures::new();
        own.remember(b"key", b"signature", b"message");
        assert!(own.remembers(b"key", b"signature", b"message"));
        for (key, signature, message) in [
            (&b"kez"[..], &b"signature"[..], &b"message"[..]),
            (b"key", b"signaturf", b"message"),
            (b"key", b"signature", b"messagf"),
            (b"keys", b"ignature", b"message"),
            (b"key", b"signaturem", b"essage"),
            (b"", b"", b""),
        ] {
            assert!(!own.remembers(key, signature, message));
        }
    }

    #[test]
    fn the_latest_are_remembered_and_no_more() {
        let own = OwnSignatures::new();
        let message = |number: usize| number.to_string().into_bytes();
        for number in 0..4 * PLACES {
            own.remember(b"key", b"signature", &message(number));
        }
        let remembered = |number: &usize| own.remembers(b"key", b"signature", &message(*number));
        let held = (0..4 * PLACES).filter(remembered).count();
        assert!(held <= PLACES && held > PLACES / 2, "{held}");
        assert!(remembered(&(4 * PLACES - 1)));
    }
}
