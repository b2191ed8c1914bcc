//! The Diffie-Hellman exchange by which a MAC key reaches us (section 8.2.3, appendix B).
//!
//! The group has 1024 bits and is the same for everybody since 2005: whoever prepared for it can
//! break it at some cost. It protects against listeners where TLS is missing, nothing else; that is
//! why plain http is off by default.

use base64::{Engine, engine::general_purpose::STANDARD};
use crypto_bigint::{
    NonZero, Odd, U1024, U1280,
    modular::{FixedMontyForm, FixedMontyParams},
};
use zeroize::Zeroizing;

/// Random bytes that a private key is made of: 128 more bits than the group has, so that no key is
/// likelier than another.
pub const SECRET_BYTES: usize = 144;

/// Bytes of a public key that are decoded.
const MAX_PUBLIC: usize = 200;

/// The modulus of appendix B; the generator is 2.
const MODULUS: &str = "DCF93A0B883972EC0E19989AC5A2CE310E1D37717E8D9571BB7623731866E61E\
                       F75A2E27898B057F9891C2E27A639C3F29B60814581CD3B2CA3986D268370557\
                       7D45C2E7E52DC81C7A171876E5CEA74B1448BFDFAF18828EFD2519F14E45E382\
                       6634AF1949E5B535CC829A483B8A76223E5D490A257F05BDFF16F2FB22C583AB";

const P: U1024 = U1024::from_be_hex(MODULUS);

/// Our half of one exchange. Used once.
pub struct KeyPair {
    private: Zeroizing<U1024>,
    public: U1024,
}

impl KeyPair {
    /// Makes a key from random bytes: evenly from 2 to p-2.
    pub fn from_random(random: &[u8; SECRET_BYTES]) -> Self {
        let mut padded = Zeroizing::new([0; 160]);
        padded[160 - SECRET_BYTES..].copy_from_slice(random);
        let wide = Zeroizing::new(U1280::from_be_slice(&*padded));
        let span = P.wrapping_sub(&U1024::from(3_u8));
        let span = NonZero::new(span.resize::<{ U1280::LIMBS }>()).unwrap_or(NonZero::MAX);
        let reduced: U1024 = wide.rem(&span).resize();
        let private = Zeroizing::new(reduced.wrapping_add(&U1024::from(2_u8)));
        let public = power(&U1024::from(2_u8), &private);
        Self { private, public }
    }

    /// `openid.dh_consumer_public`.
    pub fn public(&self) -> String {
        STANDARD.encode(btwoc(&self.public.to_be_bytes()))
    }

    /// The shared secret as it is hashed: btwoc, which is shorter than the group if it begins with
    /// zeros. `None` for a key that is outside of 2..=p-2, for which the secret would be no secret.
    pub fn shared(&self, server_public: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = STANDARD.decode(server_public).ok()?;
        let theirs = from_btwoc(&bytes)?;
        let most = P.wrapping_sub(&U1024::from(2_u8));
        if theirs < U1024::from(2_u8) || theirs > most {
            return None;
        }
        let shared = Zeroizing::new(power(&theirs, &self.private));
        Some(Zeroizing::new(btwoc(&shared.to_be_bytes())))
    }
}

/// In Montgomery form, in a time that does not depend on the exponent.
fn power(base: &U1024, exponent: &U1024) -> U1024 {
    let Some(odd) = Odd::new(P).into_option() else {
        return U1024::ZERO;
    };
    let params = FixedMontyParams::new_vartime(odd);
    FixedMontyForm::new(base, &params).pow(exponent).retrieve()
}

/// The shortest big-endian two's complement of a number that is not negative (section 4.2), given
/// its big-endian bytes.
pub fn btwoc(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    let digits = &number[zeros..];
    let mut written = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_none_or(|b| b & 0x80 != 0) {
        written.push(0);
    }
    written.extend_from_slice(digits);
    written
}

/// Reads one. Negative numbers are none of ours; zeros in front of it do no harm.
fn from_btwoc(bytes: &[u8]) -> Option<U1024> {
    if bytes.len() > MAX_PUBLIC || bytes.first()? & 0x80 != 0 {
        return None;
    }
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let digits = &bytes[zeros..];
    let mut whole = [0; 128];
    let from = whole.len().checked_sub(digits.len())?;
    whole[from..].copy_from_slice(digits);
    Some(U1024::from_be_slice(&whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modulus_is_the_standard_s() {
        let btwoc = btwoc(&P.to_be_bytes());
        assert_eq!(
            STANDARD.encode(btwoc),
            "ANz5OguIOXLsDhmYmsWizjEOHTdxfo2Vcbt2I3MYZuYe91ouJ4mLBX+YkcLiemOcPym2CBRYHNOyyjmG0mg3\
             BVd9RcLn5S3IHHoXGHblzqdLFEi/368Ygo79JRnxTkXjgmY0rxlJ5bU1zIKaSDuKdiI+XUkKJX8Fvf8W8vsi\
             xYOr"
        );
    }

    #[test]
    fn private_keys_are_in_range() {
        for random in [[0; SECRET_BYTES], [0xff; SECRET_BYTES]] {
            let pair = KeyPair::from_random(&random);
            assert!(*pair.private >= U1024::from(2_u8));
            assert!(*pair.private <= P.wrapping_sub(&U1024::from(2_u8)));
        }
    }
}
