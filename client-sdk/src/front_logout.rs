//! A logout that the browser tells the app (front-channel logout). Pure: a query goes in, what it says
//! comes out, time is an argument.
//!
//! It is a courtesy beside the log of events, never in its place: a browser that blocks other sites'
//! cookies, or is closed, tells nothing. Where it does, the app ends the session without waiting
//! for the log, and its cookies go.
//!
//! Whoever holds such an address can have one session ended that is over anyway, for a minute.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::wire::Seconds;

/// How long an address is good.
pub const LIFETIME: Seconds = 60;
/// How far the clocks of Passport and the app may be apart.
const SKEW: Seconds = 240;
/// Most signatures that are looked at.
const SIGNATURES_MOST: usize = 2;
/// Longest name of the place where the browser goes on.
const CHAIN_MAX: usize = 2_048;

/// What Passport and the app share without having agreed on anything more: SHA-256 of the app's
/// secret. Passport keeps no more of it. It does not print itself.
#[derive(Clone, Debug)]
pub struct Key(SecretString);

impl Key {
    /// Of the app's secret.
    pub fn of_secret(secret: &str) -> Self {
        Self::of_digest(&URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes())))
    }

    /// Of its SHA-256 in base64url.
    pub fn of_digest(digest: &str) -> Self {
        Self(digest.into())
    }

    fn mac(&self, notice: &Notice) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes())
            .expect("a key of any length");
        let Notice { app, session, expires } = notice;
        mac.update(format!("passport front logout\n{app}\n{session}\n{expires}").as_bytes());
        mac
    }
}

/// "This session at Passport is over."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The app that is told.
    pub app: String,
    /// The session at Passport.
    pub session: String,
    /// The address is good until then.
    pub expires: Seconds,
}

/// A notice that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it says.
    pub notice: Notice,
    /// The browser came as a whole page, and goes on to Passport with this.
    pub chain: Option<String>,
}

/// The address is not one of Passport's, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address is malformed, forged, another app's or too old")]
pub struct NotBelieved;

impl Notice {
    /// The query of the app's address, signed under each key. (Two while the app's secret is being
    /// rotated.)
    pub fn query(&self, keys: &[Key], chain: Option<&str>) -> String {
        let sign = |key: &Key| URL_SAFE_NO_PAD.encode(key.mac(self).finalize().into_bytes());
        let signatures: Vec<String> = keys.iter().map(sign).collect();
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("app", &self.app)
            .append_pair("session", &self.session)
            .append_pair("expires", &self.expires.to_string())
            .append_pair("signature", &signatures.join("."))
            .extend_pairs(chain.map(|chain| ("chain", chain)))
            .finish()
    }

    /// Reads and verifies a query, for the app with this id and secret.
    ///
    /// # Errors
    /// [`NotBelieved`], for whatever reason: the app does nothing then.
    pub fn open(query: &str, app: &str, key: &Key, now: Seconds) -> Result<Told, NotBelieved> {
        let (mut named, mut session, mut expires) = (None, None, None);
        let (mut signature, mut chain) = (None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "app" => &mut named,
                "session" => &mut session,
                "expires" => &mut expires,
                "signature" => &mut signature,
                "chain" => &mut chain,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(NotBelieved);
            }
        }
        let (Some(app_named), Some(session), Some(expires), Some(signature)) =
            (named, session, expires, signature)
        else {
            return Err(NotBelieved);
        };
        let expires = expires.parse::<Seconds>().map_err(|_| NotBelieved)?;
        let notice = Notice { app: app_named, session, expires };
        let good = signature.split('.').take(SIGNATURES_MOST).any(|one| {
            URL_SAFE_NO_PAD
                .decode(one)
                .is_ok_and(|bytes| key.mac(&notice).verify_slice(&bytes).is_ok())
        });
        // Also not from far ahead: such an address would be good for long.
        let timely = now < expires + SKEW && expires <= now + LIFETIME + SKEW;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let chain_fits =
            chain.as_ref().is_none_or(|chain| chain.len() <= CHAIN_MAX && chain.bytes().all(plain));
        if !good || !timely || !chain_fits || notice.app != app || notice.session.is_empty() {
            return Err(NotBelieved);
        }
        Ok(Told { notice, chain })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_believed() {
        let key = Key::of_secret("a secret");
        let notice = Notice { app: "aw".into(), session: "s-1".into(), expires: 1_060 };
        let query = notice.query(std::slice::from_ref(&key), None);
        let open = |query: &str, now| Notice::open(query, "aw", &key, now);
        assert_eq!(open(&query, 1_000).unwrap(), Told { notice: notice.clone(), chain: None });
        let rotated = notice.query(&[Key::of_secret("newer"), key.clone()], Some("abc-_9"));
        assert_eq!(open(&rotated, 1_000).unwrap().chain.as_deref(), Some("abc-_9"));

        assert_eq!(open(&query, 1_060 + SKEW), Err(NotBelieved), "too old");
        assert_eq!(open(&query, 1_060 - LIFETIME - SKEW - 1), Err(NotBelieved), "from far ahead");
        assert_eq!(Notice::open(&query, "bw", &key, 1_000), Err(NotBelieved), "another app's");
        let other = Key::of_secret("another");
        assert_eq!(Notice::open(&query, "aw", &other, 1_000), Err(NotBelieved));
        for forged in [
            String::new(),
            query.replace("s-1", "s-2"),
            query.replace("1060", "1061"),
            format!("{query}&session=s-1"),
            query.split("&signature").next().unwrap().to_owned(),
            format!("{}&signature=", query.split("&signature").next().unwrap()),
            notice.query(std::slice::from_ref(&key), Some("https://evil.example")),
            notice.query(&[other.clone(), other.clone(), key.clone()], None),
        ] {
            assert_eq!(open(&forged, 1_000), Err(NotBelieved), "{forged}");
        }
        assert!(!format!("{key:?}").contains(key.0.expose_secret()));
    }
}
