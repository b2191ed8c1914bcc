//! Sending a person to a provider (section 9).

use serde::{Deserialize, Serialize};

use crate::{
    association::Association,
    discovery::{Endpoint, Person},
    extensions::Extensions,
    message::{self, Fields},
    names::{IDENTIFIER_SELECT, NS_2_0, UnixSeconds, Version},
    policy::Policy,
    realm::{self, Realm},
    url::WebUrl,
};

/// URLs up to this long are redirected to; longer requests are posted by a form.
pub const MAX_REDIRECT: usize = 2047;
/// Bytes of an identifier in version 1 (1.1, section 4).
const MAX_IDENTITY_1: usize = 255;

/// What a login is started with.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Where to: the best one of what discovery found.
    pub endpoint: &'a Endpoint,
    /// A key that is there, of this endpoint. Without one the provider is asked at the end.
    pub association: Option<&'a Association>,
    /// Where the answer comes back to. Different for every login: it names the login, and nothing
    /// else that is secret.
    pub return_to: &'a WebUrl,
    /// Whom the person is asked to trust: our own origin.
    pub realm: &'a Realm,
    /// Without any page shown: the provider may answer that it needs one.
    pub immediate: bool,
    /// What else is asked for.
    pub extensions: &'a Extensions,
}

/// What must be remembered until the answer comes, on our side, for one use, bound to the browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// When the person was sent away.
    pub started_at: UnixSeconds,
    /// Where to, and what discovery said of it.
    pub endpoint: Endpoint,
    /// The handle that was sent.
    pub assoc_handle: Option<String>,
    /// The page that was named, byte for byte.
    pub return_to: WebUrl,
    /// Whether it was without pages.
    pub immediate: bool,
}

/// The message to the provider, through the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub op_endpoint: WebUrl,
    /// The message.
    pub fields: Fields,
}

/// Why there is no request. All of them are faults of the caller, not of the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// `return_to` is not under the realm, or has parameters of OpenID.
    #[error("return_to does not fit the realm")]
    ReturnTo,
    /// A realm with a wildcard.
    #[error("a realm with a wildcard")]
    Wildcard,
    /// An association of somebody else, of the other version, or one that ends too soon.
    #[error("the association does not belong to this endpoint, or ends too soon")]
    Association,
    /// The policy does not allow this endpoint or this version.
    #[error("the endpoint is not allowed here")]
    Forbidden,
    /// Version 1 has no such thing: an unknown person, an identifier of more than 255 bytes.
    #[error("version 1 cannot say this")]
    Version1,
}

impl Request<'_> {
    /// Makes the message, and what to remember.
    pub fn build(
        &self,
        policy: &Policy,
        now: UnixSeconds,
    ) -> Result<(Outgoing, Pending), RequestError> {
        let Endpoint { version, op_endpoint, person, .. } = self.endpoint;
        let spoken = *version == Version::V2 || policy.openid1;
        if !spoken || !policy.allows(op_endpoint, false) {
            return Err(RequestError::Forbidden);
        }
        if self.realm.is_wildcard() {
            return Err(RequestError::Wildcard);
        }
        let (_, query) = realm::split_query(self.return_to.as_str());
        let ours = message::parameters(query.as_bytes()).map_err(|_| RequestError::ReturnTo)?;
        if !self.realm.covers(self.return_to) || ours.iter().any(|(name, _)| is_openid(name)) {
            return Err(RequestError::ReturnTo);
        }
        let fits = |association: &&Association| {
            association.op_endpoint == *op_endpoint
                && association.version == *version
                && association.serves_new_logins(now)
        };
        if self.association.is_some_and(|association| !fits(&association)) {
            return Err(RequestError::Association);
        }
        let mut fields = match version {
            Version::V2 => self.fields_2(person),
            Version::V1 => self.fields_1(person)?,
        };
        if let Some(association) = self.association {
            fields.set("assoc_handle", &association.handle);
        }
        self.extensions.add_to(&mut fields, *version);
        let pending = Pending {
            started_at: now,
            endpoint: self.endpoint.clone(),
            assoc_handle: self.association.map(|association| association.handle.clone()),
            return_to: self.return_to.clone(),
            immediate: self.immediate,
        };
        Ok((Outgoing { op_endpoint: op_endpoint.clone(), fields }, pending))
    }

    fn mode(&self) -> &'static str {
        if self.immediate { "checkid_immediate" } else { "checkid_setup" }
    }

    fn fields_2(&self, person: &Person) -> Fields {
        let (claimed_id, identity) = match person {
            Person::Unknown => (IDENTIFIER_SELECT, IDENTIFIER_SELECT),
            Person::Claimed { claimed_id, local_id } => (claimed_id.as_str(), local_id.as_str()),
        };
        let mut fields = Fields::new();
        fields.set("ns", NS_2_0);
        fields.set("mode", self.mode());
        fields.set("claimed_id", claimed_id);
        fields.set("identity", identity);
        fields.set("return_to", self.return_to.as_str());
        fields.set("realm", self.realm.as_str());
        fields
    }

    /// Version 1 knows neither claimed identifiers, which stay with us, nor namespaces (14.2.1).
    fn fields_1(&self, person: &Person) -> Result<Fields, RequestError> {
        let Person::Claimed { local_id, .. } = person else {
            return Err(RequestError::Version1);
        };
        if local_id.len() > MAX_IDENTITY_1 || self.return_to.as_str().len() > MAX_REDIRECT {
            return Err(RequestError::Version1);
        }
        let mut fields = Fields::new();
        fields.set("mode", self.mode());
        fields.set("identity", local_id);
        fields.set("return_to", self.return_to.as_str());
        fields.set("trust_root", self.realm.as_str());
        Ok(fields)
    }
}

fn is_openid(name: &str) -> bool {
    name.starts_with("openid.")
}

impl Outgoing {
    /// As one URL, for a redirect (303). The endpoint's own query is kept.
    pub fn url(&self) -> String {
        let endpoint = self.op_endpoint.as_str();
        let joint = match endpoint.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        format!("{endpoint}{joint}{}", self.fields.to_form())
    }

    /// Whether [`Outgoing::url`] is short enough for every browser and server.
    pub fn fits_redirect(&self) -> bool {
        self.url().len() <= MAX_REDIRECT
    }

    /// The inputs of a form that is posted to the endpoint, with a button that can be seen.
    pub fn inputs(&self) -> impl Iterator<Item = (String, &str)> {
        self.fields.iter().map(|(name, value)| (format!("openid.{name}"), value))
    }
}
