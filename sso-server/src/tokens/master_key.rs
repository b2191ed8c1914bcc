//! The master key: 256 bits in a file of their own, under which everything in the database is sealed
//! that must be read back. Who has the database without this file has no usable secret.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::random::Random;

const NONCE: usize = 12;
/// Names the algorithm and layout, so that there can be another one day.
const PREFIX: &str = "v1.";

/// The key itself.
pub struct MasterKey {
    key: LessSafeKey,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read.
    #[error(
        "cannot read the master key file {path}: {source}. It must be readable by the user that runs Passport"
    )]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be made.
    #[error(
        "cannot create the master key file {path}: {source}. Create the folder, or set master_key.file"
    )]
    Uncreatable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others can read it.
    #[error(
        "the master key file {path} can be read by others (mode {mode:03o}): run chmod 600 {path}"
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is empty, short, or not one of ours.
    #[error(
        "the master key file {0} does not hold a key: 43 characters of base64url (32 random bytes) are expected"
    )]
    Malformed(PathBuf),
}

/// A sealed value does not open: it was changed, moved to another row, or sealed under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open under this master key")]
pub struct Unsealable;

impl MasterKey {
    /// Reads the key; on the very first start makes one, readable by its owner only.
    pub fn load_or_create(path: &Path, random: &Random) -> Result<Self, MasterKeyError> {
        match Self::load(path) {
            Err(MasterKeyError::Unreadable { source, .. })
                if source.kind() == ErrorKind::NotFound =>
            {
                create(path, random)?;
                Self::load(path)
            }
            result => result,
        }
    }

    /// Reads the key.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let unreadable = |source| MasterKeyError::Unreadable { path: path.to_owned(), source };
        let file = OpenOptions::new().read(true).open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(1024).read_to_string(&mut text).map_err(unreadable)?;
        let malformed = || MasterKeyError::Malformed(path.to_owned());
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| malformed())?);
        // A key of one repeated byte is nobody's random key (SECURITY-CASES T-21).
        if bytes.len() != 32 || bytes.windows(2).all(|pair| pair[0] == pair[1]) {
            return Err(malformed());
        }
        Self::from_bytes(&bytes).ok_or_else(malformed)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, bytes).ok()?;
        Some(Self { key: LessSafeKey::new(key) })
    }

    /// Seals `secret` for one place, named by `place` (`table|row`): elsewhere it does not open
    /// (SECURITY-CASES K-01). AES-256-GCM-SIV (RFC 8452) with a random nonce: even a repeated nonce
    /// would show no more than that two secrets are equal.
    pub fn seal(&self, secret: &[u8], place: &str, random: &Random) -> String {
        let nonce: [u8; NONCE] = random.bytes();
        let mut sealed = Zeroizing::new(secret.to_vec());
        #[expect(clippy::expect_used, reason = "fails for inputs of more than 2^36 bytes only")]
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut *sealed,
            )
            .expect("a short secret can be sealed");
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens what was sealed for `place`.
    pub fn open(&self, sealed: &str, place: &str) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let text = sealed.strip_prefix(PREFIX).ok_or(Unsealable)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Unsealable)?;
        let (nonce, rest) = bytes.split_at_checked(NONCE).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut rest = Zeroizing::new(rest.to_vec());
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut rest)
            .map_err(|_| Unsealable)?;
        Ok(Zeroizing::new(opened.to_vec()))
    }
}

fn create(path: &Path, random: &Random) -> Result<(), MasterKeyError> {
    let uncreatable = |source| MasterKeyError::Uncreatable { path: path.to_owned(), source };
    let bytes = Zeroizing::new(random.bytes::<32>());
    let text = Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(*bytes)));
    // Written whole under another name first: another process never reads half a key, and of two
    // that start together the second finds the first one's. A name of its own each time: a process in
    // a container has the same id after every crash, and would find its own draft in its way.
    let name = URL_SAFE_NO_PAD.encode(random.bytes::<12>());
    let draft = path.with_extension(format!("draft-{name}"));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(uncreatable)?;
    let linked = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&draft, path));
    let _ = std::fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(uncreatable(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn key() -> MasterKey {
        MasterKey::from_bytes(&Random::system().bytes::<32>()).unwrap()
    }

    // SECURITY-CASES K-01: a blob moved to another row does not open.
    #[test]
    fn a_sealed_secret_opens_in_its_place_only() {
        let (key, random) = (key(), Random::system());
        let sealed = key.seal(b"secret", "signing_keys|a", &random);
        assert_eq!(key.open(&sealed, "signing_keys|a").unwrap().as_slice(), b"secret");
        assert!(key.open(&sealed, "signing_keys|b").is_err());
        assert!(super::tests::key().open(&sealed, "signing_keys|a").is_err(), "another key");
    }

    // SECURITY-CASES K-02: nothing repeats, nothing can be cut or changed.
    #[test]
    fn sealing_is_random_and_whole() {
        let (key, random) = (key(), Random::system());
        let all: HashSet<String> = (0..10_000).map(|_| key.seal(b"same", "p", &random)).collect();
        assert_eq!(all.len(), 10_000);
        let sealed = key.seal(b"secret", "p", &random);
        for end in 0..sealed.len() {
            assert!(key.open(&sealed[..end], "p").is_err(), "cut at {end}");
        }
        for at in PREFIX.len()..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(key.open(&String::from_utf8(bytes).unwrap(), "p").is_err(), "changed at {at}");
        }
    }
}
