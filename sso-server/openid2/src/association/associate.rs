//! Asking a provider for an association (section 8).
//!
//! At most two requests: the best pair of types first, and if the provider does not have it, one
//! other. After that the provider is used without an association.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{
    AssocType, Association, MacKey,
    dh::{KeyPair, SECRET_BYTES},
    handle_fits,
};
use crate::{
    exchange::{Answer, Exchange, Fetch, Limits, Method, Step, Unreachable},
    message::Fields,
    names::{NS_2_0, UnixSeconds, Version},
    policy::Policy,
    url::WebUrl,
};

/// No association is used longer, whatever the provider says: 14 days.
pub const LONGEST: UnixSeconds = 14 * 24 * 3600;
/// One that ends sooner is not worth it: 2 minutes.
pub const SHORTEST: UnixSeconds = 120;

/// How the key travels (`session_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionType {
    /// As it is; for TLS only.
    NoEncryption,
    /// Covered by SHA-1 of a shared secret.
    DhSha1,
    /// Covered by SHA-256 of a shared secret.
    DhSha256,
}

impl SessionType {
    /// The word of the standard.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoEncryption => "no-encryption",
            Self::DhSha1 => "DH-SHA1",
            Self::DhSha256 => "DH-SHA256",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::NoEncryption, Self::DhSha1, Self::DhSha256].into_iter().find(|s| s.as_str() == word)
    }
}

/// What is asked for: how to sign, and how the key travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// How to sign.
    pub assoc_type: AssocType,
    /// How the key travels.
    pub session_type: SessionType,
}

impl Pair {
    /// What is asked for first.
    pub const SHA256: Self =
        Self { assoc_type: AssocType::HmacSha256, session_type: SessionType::DhSha256 };
    /// What is asked for next, and of version 1.
    pub const SHA1: Self =
        Self { assoc_type: AssocType::HmacSha1, session_type: SessionType::DhSha1 };

    /// Whether the two fit each other (section 8.3, 8.4), the operator allows them, and the key
    /// would not be sent in the open.
    fn is_allowed(self, tls: bool, version: Version, policy: &Policy) -> bool {
        let fits = match (self.assoc_type, self.session_type) {
            (_, SessionType::NoEncryption) => tls,
            (AssocType::HmacSha1, SessionType::DhSha1) => true,
            (AssocType::HmacSha256, SessionType::DhSha256) => true,
            _ => false,
        };
        let spoken = self.assoc_type == AssocType::HmacSha1 || version == Version::V2;
        fits && spoken && (policy.sha1 || self.assoc_type == AssocType::HmacSha256)
    }
}

/// Random bytes for one exchange: a new private key for each of its two requests.
pub struct Secrets(Zeroizing<[[u8; SECRET_BYTES]; 2]>);

impl Secrets {
    /// From a cryptographic source.
    pub fn new(random: [[u8; SECRET_BYTES]; 2]) -> Self {
        Self(Zeroizing::new(random))
    }
}

/// Why there is no association. None of them ends a login: it goes on without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssociateError {
    /// No answer, or none that counts: try again later.
    #[error("no answer: {0}")]
    Unreachable(#[from] Unreachable),
    /// An error of the provider: try again later.
    #[error("answered with status {0}")]
    Status(u16),
    /// The provider has nothing that we take: do not ask again for a day.
    #[error("the provider has no association that is allowed here")]
    Unsupported,
    /// An answer that must not be believed.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// The operator does not allow this endpoint, or this version.
    #[error("not allowed here")]
    Forbidden,
}

/// The exchange.
pub struct Associate {
    op_endpoint: WebUrl,
    version: Version,
    policy: Policy,
    now: UnixSeconds,
    secrets: Secrets,
    asked: Pair,
    keys: Option<KeyPair>,
    retried: bool,
}

impl Associate {
    /// Asks for the best that the version has.
    pub fn start(
        op_endpoint: &WebUrl,
        version: Version,
        policy: &Policy,
        secrets: Secrets,
        now: UnixSeconds,
    ) -> Step<Self> {
        let first = match version {
            Version::V2 => Pair::SHA256,
            Version::V1 => Pair::SHA1,
        };
        Self::asking(first, op_endpoint, version, policy, secrets, now)
    }

    /// Asks for something certain first: what a provider is known to have.
    pub fn asking(
        first: Pair,
        op_endpoint: &WebUrl,
        version: Version,
        policy: &Policy,
        secrets: Secrets,
        now: UnixSeconds,
    ) -> Step<Self> {
        let spoken = version == Version::V2 || policy.openid1;
        if !spoken
            || !policy.allows(op_endpoint, false)
            || !first.is_allowed(op_endpoint.is_https(), version, policy)
        {
            return Step::Failed(AssociateError::Forbidden);
        }
        let exchange = Self {
            op_endpoint: op_endpoint.clone(),
            version,
            policy: policy.clone(),
            now,
            secrets,
            asked: first,
            keys: None,
            retried: false,
        };
        exchange.ask(first)
    }

    fn ask(mut self, pair: Pair) -> Step<Self> {
        self.asked = pair;
        let mut fields = Fields::new();
        if self.version == Version::V2 {
            fields.set("ns", NS_2_0);
        }
        fields.set("mode", "associate");
        fields.set("assoc_type", pair.assoc_type.as_str());
        // Version 1 has no word for "no encryption": it leaves the field out.
        if self.version == Version::V2 || pair.session_type != SessionType::NoEncryption {
            fields.set("session_type", pair.session_type.as_str());
        }
        // Modulus and generator are the default ones, so they are not sent.
        self.keys = (pair.session_type != SessionType::NoEncryption).then(|| {
            let keys = KeyPair::from_random(&self.secrets.0[usize::from(self.retried)]);
            fields.set("dh_consumer_public", keys.public());
            keys
        });
        Step::Fetch(direct_request(&self.op_endpoint, &fields), self)
    }

    /// The provider does not have what was asked for. Another one is tried once: the one it names,
    /// or our own next if it names one that does not exist, as Net::OpenID::Server does.
    fn negotiate(mut self, answer: &Fields) -> Step<Self> {
        let tls = self.op_endpoint.is_https();
        let word = |name: &str| answer.get(name).unwrap_or_default().to_owned();
        let named =
            AssocType::parse(&word("assoc_type")).zip(SessionType::parse(&word("session_type")));
        let Some((assoc_type, session_type)) = named else {
            return Step::Failed(AssociateError::Unsupported);
        };
        let named = Pair { assoc_type, session_type };
        let next =
            if named.is_allowed(tls, self.version, &self.policy) { named } else { Pair::SHA1 };
        if self.retried || next == self.asked || !next.is_allowed(tls, self.version, &self.policy) {
            return Step::Failed(AssociateError::Unsupported);
        }
        self.retried = true;
        self.ask(next)
    }

    /// Believes an answer, or not.
    fn accept(&self, answer: &Fields) -> Result<Association, &'static str> {
        let field = |name: &'static str| answer.get(name).ok_or(name);
        if self.version == Version::V2 && field("ns")? != NS_2_0 {
            return Err("ns");
        }
        if field("assoc_type")? != self.asked.assoc_type.as_str() {
            return Err("assoc_type is not what was asked for");
        }
        let session_type = self.session_type_of(answer)?;
        let handle = field("assoc_handle")?;
        if !handle_fits(handle) {
            return Err("assoc_handle");
        }
        let expires_in = seconds(field("expires_in")?).ok_or("expires_in")?;
        let kind = self.asked.assoc_type;
        let key = match session_type {
            SessionType::NoEncryption => decoded(field("mac_key")?)?,
            _ => {
                let covered = decoded(field("enc_mac_key")?)?;
                let keys = self.keys.as_ref().ok_or("session_type")?;
                let shared = keys.shared(field("dh_server_public")?).ok_or("dh_server_public")?;
                let cover = kind.hash(&shared);
                // Not a byte more or less than the hash covers: Net::OpenID::Server sends longer
                // ones, of which the rest is in the open.
                if covered.len() != cover.len() {
                    return Err("enc_mac_key has the wrong length");
                }
                let bytes = covered.iter().zip(cover.iter()).map(|(a, b)| a ^ b);
                Zeroizing::new(bytes.collect::<Vec<u8>>())
            }
        };
        Ok(Association {
            op_endpoint: self.op_endpoint.clone(),
            handle: handle.to_owned(),
            version: self.version,
            kind,
            key: MacKey::new(&key, kind).ok_or("the key has the wrong length")?,
            issued_at: self.now,
            expires_at: self.now + expires_in,
        })
    }

    /// What was asked for; only version 1 may answer in clear text instead, which counts over TLS.
    fn session_type_of(&self, answer: &Fields) -> Result<SessionType, &'static str> {
        let asked = self.asked.session_type;
        match (self.version, answer.get("session_type")) {
            (_, Some(word)) if word == asked.as_str() => Ok(asked),
            (Version::V1, None | Some("")) if self.op_endpoint.is_https() => {
                Ok(SessionType::NoEncryption)
            }
            _ => Err("session_type is not what was asked for"),
        }
    }
}

impl Exchange for Associate {
    type Output = Association;
    type Error = AssociateError;

    fn receive(self, answer: Result<Answer, Unreachable>) -> Step<Self> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(unreachable) => return Step::Failed(unreachable.into()),
        };
        let fields = if answer.plain(&Limits::DIRECT) {
            Fields::from_key_values(&answer.body).ok()
        } else {
            None
        };
        // Whatever the status: it should be 400, python-openid and ruby-openid say 200. The word
        // has a hyphen; Net::OpenID::Consumer looks for another one and never finds it.
        if let Some(fields) = &fields
            && fields.get("error_code") == Some("unsupported-type")
        {
            return self.negotiate(fields);
        }
        if answer.status != 200 {
            return Step::Failed(AssociateError::Status(answer.status));
        }
        let Some(fields) = fields else {
            return Step::Failed(AssociateError::Refused("not in key-value form"));
        };
        match self.accept(&fields) {
            Ok(association) => Step::Done(association),
            Err(why) => Step::Failed(AssociateError::Refused(why)),
        }
    }
}

/// A message from us to a provider, without a browser in between (section 5.1).
pub(crate) fn direct_request(op_endpoint: &WebUrl, fields: &Fields) -> Fetch {
    Fetch {
        method: Method::Post,
        url: op_endpoint.as_str().to_owned(),
        headers: vec![("content-type", "application/x-www-form-urlencoded")],
        body: fields.to_form(),
        limits: Limits::DIRECT,
    }
}

fn seconds(text: &str) -> Option<UnixSeconds> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // More digits than a number has mean: for ever.
    let seconds = text.parse::<UnixSeconds>().unwrap_or(LONGEST).min(LONGEST);
    (seconds >= SHORTEST).then_some(seconds)
}

fn decoded(text: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    STANDARD.decode(text).map(Zeroizing::new).map_err(|_| "a key that is not base64")
}
