//! Tickets that Passport never issued: signed by a stranger's key, or by the true one, as only
//! somebody with database and master key could.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use harness::Passport;
use serde_json::{Value, json};
use sso_server::flows::signing_keys;

/// A key and its name.
pub struct Forge {
    pub kid: String,
    pub pair: Ed25519KeyPair,
}

impl Forge {
    /// The key that signs at this moment. What it signs is as good as a ticket in every respect
    /// but the one that a test changes, so the refusal shows that this one respect counts.
    pub async fn insider(passport: &Passport) -> Self {
        let kid = passport.app.keyring.signing(passport.clock.now()).unwrap().kid.clone();
        Self::named(passport, &kid).await
    }

    /// Another of Passport's keys.
    pub async fn named(passport: &Passport, kid: &str) -> Self {
        let rows = signing_keys::list(&passport.app).await.unwrap();
        let row = rows.into_iter().find(|row| row.kid == kid).unwrap();
        let place = format!("signing_keys|{kid}");
        let opened = passport.app.master.open(&row.sealed_private_key, &place).unwrap();
        Self { kid: kid.to_owned(), pair: Ed25519KeyPair::from_pkcs8(&opened).unwrap() }
    }

    /// A key of somebody else's, under the name of the true one.
    pub fn stranger(kid: &str) -> Self {
        Self { kid: kid.to_owned(), pair: Ed25519KeyPair::generate().unwrap() }
    }

    /// The header of a ticket.
    pub fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "passport-ticket+jwt", "kid": self.kid })
    }

    /// The public key, base64url.
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref())
    }

    /// Signs whatever stands in the two texts.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = message(header, claims);
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }

    /// Signs claims under a header.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }
}

/// What is signed: header and claims, encoded.
pub fn message(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// The header of a ticket.
pub fn header_of(ticket: &str) -> Value {
    part(ticket, 0)
}

/// The claims of a ticket.
pub fn claims_of(ticket: &str) -> Value {
    part(ticket, 1)
}

fn part(ticket: &str, number: usize) -> Value {
    let text = ticket.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}
