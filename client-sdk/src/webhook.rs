//! Events that Passport pushes to the app, by the Standard Webhooks specification
//! (<https://www.standardwebhooks.com>). Pure: headers and bytes go in, an event comes out, time is
//! an argument.
//!
//! Push tells sooner than nothing, and reaches an app that cannot hold a long poll. It does not
//! replace the poll of the SDK's follower, which is what the app's trust rests on.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

use crate::wire::{Event, PushedEvent, Seconds};

/// Begins the text of a secret.
pub const PREFIX: &str = "whsec_";
/// The header that names the event: the same over every repetition.
pub const ID: &str = "webhook-id";
/// The header that says when this attempt was signed, in Unix seconds.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, separated by blanks.
pub const SIGNATURE: &str = "webhook-signature";
/// How far the clocks of Passport and the app may be apart, and how long a message is good.
pub const TOLERANCE: Seconds = 300;
/// Largest message that is looked at.
pub const MESSAGE_MAX: usize = 64 * 1024;
/// Most signatures that are looked at.
const SIGNATURES_MOST: usize = 8;

/// The secret that Passport and the app share for this. It does not print itself.
#[derive(Clone)]
pub struct Secret(SecretSlice<u8>);

/// The text is not an events secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an events secret is `whsec_` and 24 to 64 random bytes in base64, as `sso-server app add --events-url` printed it"
)]
pub struct SecretError;

/// The headers of a message, as they came; `None` when there was none, or more than one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// [`ID`]
    pub id: Option<&'a str>,
    /// [`TIMESTAMP`]
    pub timestamp: Option<&'a str>,
    /// [`SIGNATURE`]
    pub signature: Option<&'a str>,
}

/// Why a message is not believed. Nothing has changed by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// A header is missing, there twice, or unreadable.
    #[error("the header {0} is missing or malformed")]
    Header(&'static str),
    /// It was signed too long ago: perhaps somebody has kept it.
    #[error("the message was signed {0} s ago; at most {TOLERANCE} s are allowed")]
    TooOld(Seconds),
    /// It was signed in the future: a clock is wrong.
    #[error("the message was signed {0} s in the future: is a clock wrong?")]
    TooNew(Seconds),
    /// No signature fits any of the secrets.
    #[error("no signature fits")]
    Signature,
    /// Signed, but not an event.
    #[error("the message is not an event: {0}")]
    Message(String),
}

impl WebhookError {
    /// The HTTP status to answer with: 401 for a wrong signature, 400 for the rest.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Signature => 401,
            Self::Header(_) | Self::TooOld(_) | Self::TooNew(_) | Self::Message(_) => 400,
        }
    }
}

impl Secret {
    /// Reads a secret. One that repeats a single byte was made by nobody's generator.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|rest| STANDARD.decode(rest).ok());
        let bytes = bytes.filter(|bytes| (24..=64).contains(&bytes.len())).ok_or(SecretError)?;
        if bytes.windows(2).all(|pair| pair[0] == pair[1]) {
            return Err(SecretError);
        }
        Ok(Self(bytes.into()))
    }

    /// The signature of a message: `v1,` and HMAC-SHA256 over id, time and body.
    pub fn sign(&self, id: &str, timestamp: Seconds, body: &[u8]) -> String {
        let mac = self.mac(id, timestamp, body).finalize().into_bytes();
        format!("v1,{}", STANDARD.encode(mac))
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
    fn mac(&self, id: &str, timestamp: Seconds, body: &[u8]) -> Hmac<Sha256> {
        let key = self.0.expose_secret();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Checks a message at `now` against the secrets that are good: two while one is being rotated.
/// Signatures are compared in constant time, and each secret is reckoned with once, however many
/// signatures a message brings.
pub fn verify(
    secrets: &[Secret],
    headers: &Headers<'_>,
    body: &[u8],
    now: Seconds,
) -> Result<(), WebhookError> {
    // Without a dot, so that id, time and body cannot be divided in another way.
    let plain = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'.')
    };
    let id = headers.id.filter(plain).ok_or(WebhookError::Header(ID))?;
    let timestamp = headers.timestamp.and_then(decimal).ok_or(WebhookError::Header(TIMESTAMP))?;
    let signatures = headers.signature.ok_or(WebhookError::Header(SIGNATURE))?;
    let age = now.saturating_sub(timestamp);
    if age > TOLERANCE {
        return Err(WebhookError::TooOld(age));
    }
    if age < -TOLERANCE {
        return Err(WebhookError::TooNew(-age));
    }
    let signatures: Vec<Vec<u8>> = signatures
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .take(SIGNATURES_MOST)
        .filter_map(|one| STANDARD.decode(one).ok())
        .collect();
    let fits = secrets.iter().any(|secret| {
        let mac = secret.mac(id, timestamp, body);
        signatures.iter().any(|one| mac.clone().verify_slice(one).is_ok())
    });
    if fits { Ok(()) } else { Err(WebhookError::Signature) }
}

/// Checks a message, and reads the event in it.
pub fn open(
    secrets: &[Secret],
    headers: &Headers<'_>,
    body: &[u8],
    now: Seconds,
) -> Result<Event, WebhookError> {
    verify(secrets, headers, body, now)?;
    let pushed: PushedEvent =
        serde_json::from_slice(body).map_err(|error| WebhookError::Message(error.to_string()))?;
    if headers.id != Some(pushed.data.id.as_str()) {
        return Err(WebhookError::Message("its id is not the one in the header".to_owned()));
    }
    Ok(pushed.data)
}

/// Canonical decimal, so that a time has one spelling.
fn decimal(text: &str) -> Option<Seconds> {
    let number: Seconds = text.parse().ok()?;
    (number >= 0 && number.to_string() == text).then_some(number)
}

/// Events that were applied, by id: the latest so many. Remember an id only after its event was
/// applied; what fails in between comes again.
#[derive(Debug)]
pub struct Seen {
    ids: HashSet<Box<str>>,
    order: VecDeque<Box<str>>,
    most: usize,
}

impl Seen {
    /// Remembers `most` ids.
    pub fn new(most: usize) -> Self {
        Self { ids: HashSet::new(), order: VecDeque::new(), most }
    }

    /// Whether this event was applied.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// This event was applied.
    pub fn remember(&mut self, id: &str) {
        if !self.ids.insert(id.into()) {
            return;
        }
        self.order.push_back(id.into());
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.ids.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Cause, EventKind};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: Seconds = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secret(text: &str) -> Secret {
        Secret::parse(text).unwrap()
    }

    fn other() -> Secret {
        secret("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    }

    fn headers<'a>(timestamp: &'a str, signature: &'a str) -> Headers<'a> {
        Headers { id: Some(MESSAGE), timestamp: Some(timestamp), signature: Some(signature) }
    }

    // The published test vector of Standard Webhooks.
    #[test]
    fn the_published_vector() {
        assert_eq!(secret(SECRET).sign(MESSAGE, AT, BODY), SIGNED);
        let timestamp = AT.to_string();
        assert_eq!(verify(&[secret(SECRET)], &headers(&timestamp, SIGNED), BODY, AT), Ok(()));
    }

    // SECURITY-CASES B-01, B-21: unsigned, signed by another key, signed in another way.
    #[test]
    fn forgeries() {
        let timestamp = AT.to_string();
        let (present, before) = (secret(SECRET), other());
        let foreign = before.sign(MESSAGE, AT, BODY);
        let bare = SIGNED.strip_prefix("v1,").unwrap();
        let cut = &SIGNED[..SIGNED.len() - 4];
        for wrong in [
            "",
            "v1,",
            "v1,=",
            &foreign,
            bare,
            cut,
            &format!("v1a,{bare}"),
            &format!("none,{bare}"),
        ] {
            let found =
                verify(std::slice::from_ref(&present), &headers(&timestamp, wrong), BODY, AT);
            assert_eq!(found, Err(WebhookError::Signature), "{wrong}");
        }
        let body = br#"{"test": 2432232315}"#;
        let found = verify(std::slice::from_ref(&present), &headers(&timestamp, SIGNED), body, AT);
        assert_eq!(found, Err(WebhookError::Signature), "another body");
        let later = (AT + 1).to_string();
        let found = verify(std::slice::from_ref(&present), &headers(&later, SIGNED), BODY, AT);
        assert_eq!(found, Err(WebhookError::Signature), "another time");
        let renamed = Headers { id: Some("msg_other"), ..headers(&timestamp, SIGNED) };
        let found = verify(std::slice::from_ref(&present), &renamed, BODY, AT);
        assert_eq!(found, Err(WebhookError::Signature), "another id");
        assert_eq!(
            verify(&[], &headers(&timestamp, SIGNED), BODY, AT),
            Err(WebhookError::Signature)
        );

        // While it is being rotated either fits, on either side, in any order.
        let both = format!("{foreign} {SIGNED}");
        for secrets in [vec![present.clone()], vec![before.clone()], vec![before, present]] {
            assert_eq!(verify(&secrets, &headers(&timestamp, &both), BODY, AT), Ok(()));
        }
    }

    // SECURITY-CASES B-04: outside of the window a true message is refused.
    #[test]
    fn the_window() {
        let timestamp = AT.to_string();
        let at = |now| verify(&[secret(SECRET)], &headers(&timestamp, SIGNED), BODY, now);
        assert_eq!(at(AT + TOLERANCE), Ok(()));
        assert_eq!(at(AT + TOLERANCE + 1), Err(WebhookError::TooOld(TOLERANCE + 1)));
        assert_eq!(at(AT - TOLERANCE), Ok(()));
        assert_eq!(at(AT - TOLERANCE - 1), Err(WebhookError::TooNew(TOLERANCE + 1)));
        for wrong in
            ["", "-1", "+1", "1614265330.0", " 1614265330", "01614265330", "9".repeat(30).as_str()]
        {
            let found = verify(&[secret(SECRET)], &headers(wrong, SIGNED), BODY, AT);
            assert_eq!(found, Err(WebhookError::Header(TIMESTAMP)), "{wrong:?}");
        }
        for id in ["", "a.b", "a b", "é"] {
            let odd = Headers { id: Some(id), ..headers(&timestamp, SIGNED) };
            let found = verify(&[secret(SECRET)], &odd, BODY, AT);
            assert_eq!(found, Err(WebhookError::Header(ID)), "{id:?}");
        }
        let found = verify(&[secret(SECRET)], &Headers::default(), BODY, AT);
        assert_eq!(found, Err(WebhookError::Header(ID)));
    }

    #[test]
    fn a_message_is_an_event_of_the_same_id() {
        let event = Event {
            id: "e-1".into(),
            cursor: "1".into(),
            kind: EventKind::SessionEnded,
            app_session: Some("a".into()),
            session: None,
            user: "u".into(),
            cause: Some(Cause::Admin),
            at: AT,
            expires_at: None,
            replaced_by: None,
        };
        let pushed = PushedEvent {
            kind: event.kind,
            timestamp: "2021-02-25T15:02:10Z".into(),
            data: event.clone(),
        };
        let open = |id: &str, body: &[u8]| {
            let (secret, timestamp) = (other(), AT.to_string());
            let signature = secret.sign(id, AT, body);
            let headers =
                Headers { id: Some(id), timestamp: Some(&timestamp), signature: Some(&signature) };
            super::open(&[secret], &headers, body, AT)
        };
        let body = serde_json::to_vec(&pushed).unwrap();
        assert_eq!(open("e-1", &body), Ok(event));
        assert!(matches!(open("e-2", &body), Err(WebhookError::Message(_))));
        for body in
            ["", "null", "[]", "{}", r#"{"type":"session.ended","timestamp":"","data":null}"#]
        {
            assert!(
                matches!(open("e-1", body.as_bytes()), Err(WebhookError::Message(_))),
                "{body}"
            );
        }
    }

    #[test]
    fn secrets() {
        assert_eq!(format!("{:?}", secret(SECRET)), "Secret(…)");
        let zeros = format!("{PREFIX}{}", STANDARD.encode([0; 32]));
        let long = format!("{PREFIX}{}", STANDARD.encode((0..65).collect::<Vec<u8>>()));
        for wrong in ["", "whsec_", "whsec_c2hvcnQ=", &SECRET[6..], &zeros, &long, "whsec_!"] {
            assert_eq!(Secret::parse(wrong).unwrap_err(), SecretError, "{wrong}");
        }
    }

    #[test]
    fn what_was_seen_is_bounded() {
        let mut seen = Seen::new(2);
        for id in ["a", "b", "a", "c"] {
            seen.remember(id);
        }
        assert!(!seen.contains("a") && seen.contains("b") && seen.contains("c"));
    }
}
