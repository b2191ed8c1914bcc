//! The cryptography behind `jsonwebtoken`: Ed25519 from aws-lc-rs, with parsed keys kept.
//!
//! `jsonwebtoken` parses the private key anew for every token: 15.2 us instead of the 8.4 us that
//! signing takes. Its provider is replaceable, so ours remembers the few keys it has seen. It knows
//! EdDSA and nothing else, so no algorithm can be confused with it (SECURITY-CASES T-15, T-16). And
//! it does not verify what it has just signed ([`OwnSignatures`]).

use std::sync::{Arc, LazyLock, Once, RwLock};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
};
use signature::{Signer, Verifier};

use super::own_signatures::OwnSignatures;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Chooses the cryptography of this process, for tokens and for TLS. Call it before anything else;
/// calling it again does nothing.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error means that a program around us has chosen already.
        let _ = PROVIDER.install_default();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

/// Keys seen, by their encoding. There are as many as unretired signing keys, two or three.
struct Parsed<K>(RwLock<Vec<(Vec<u8>, Arc<K>)>>);

/// More than this many keys are never in use at once; beyond it the list starts anew.
const MOST_KEYS: usize = 16;

impl<K> Parsed<K> {
    const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    fn get(&self, encoded: &[u8], parse: impl FnOnce() -> Option<K>) -> Option<Arc<K>> {
        let known = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((_, key)) = known.iter().find(|(bytes, _)| bytes == encoded) {
            return Some(key.clone());
        }
        drop(known);
        let key = Arc::new(parse()?);
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if known.len() >= MOST_KEYS {
            known.clear();
        }
        known.push((encoded.to_vec(), key.clone()));
        Some(key)
    }
}

static SIGNING: LazyLock<Parsed<Ed25519KeyPair>> = LazyLock::new(Parsed::new);
static VERIFYING: LazyLock<Parsed<ParsedPublicKey>> = LazyLock::new(Parsed::new);
static OWN: LazyLock<OwnSignatures> = LazyLock::new(OwnSignatures::new);

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let bytes = key.as_bytes();
    SIGNING
        .get(bytes, || Ed25519KeyPair::from_pkcs8(bytes).ok())
        .map(|key| Box::new(EdSigner(key)) as Box<dyn JwtSigner>)
        .ok_or_else(|| ErrorKind::InvalidEddsaKey.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let bytes = key.try_get_as_bytes()?;
    VERIFYING
        .get(bytes, || ParsedPublicKey::new(&ED25519, bytes).ok())
        .map(|key| Box::new(EdVerifier(key)) as Box<dyn JwtVerifier>)
        .ok_or_else(|| ErrorKind::InvalidEddsaKey.into())
}

struct EdSigner(Arc<Ed25519KeyPair>);

impl Signer<Vec<u8>> for EdSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let signature = self.0.sign(message).as_ref().to_vec();
        OWN.remember(self.0.public_key().as_ref(), &signature, message);
        Ok(signature)
    }
}

impl JwtSigner for EdSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct EdVerifier(Arc<ParsedPublicKey>);

impl Verifier<Vec<u8>> for EdVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        if OWN.remembers((*self.0).as_ref(), signature, message) {
            return Ok(());
        }
        self.0.verify_sig(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for EdVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}
