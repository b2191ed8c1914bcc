//! Where somebody can log in, as found by discovery.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{
    html::Head,
    xrds::{Service, Xrd},
};
use crate::{
    identifier::{Identifier, Xri},
    names::{TYPE_SERVER, TYPE_SIGNON_2_0, TYPES_1, Version},
    policy::Policy,
    url::WebUrl,
};

/// URIs that are taken of one service.
const MAX_URIS: usize = 5;

/// A provider's endpoint, and what it may say about whom. Everything in it comes from one and the
/// same service (section 11.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// What is spoken there.
    pub version: Version,
    /// Where: the exact text, for it is compared byte for byte.
    pub op_endpoint: WebUrl,
    /// Whom it may speak of.
    pub person: Person,
    /// All types of the service, extensions among them.
    pub types: Vec<String>,
}

/// Whom a provider may speak of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Person {
    /// It was the provider's own identifier: who the person is, turns out later.
    Unknown,
    /// The person who owns this identifier.
    Claimed {
        /// The identifier that was proven by discovery. The one key of an account.
        claimed_id: Identifier,
        /// What the provider calls the person. Never the key of anything.
        local_id: String,
    },
}

/// One service says two things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contradiction;

impl Endpoint {
    /// The claimed identifier, if it is known.
    pub fn claimed_id(&self) -> Option<&Identifier> {
        match &self.person {
            Person::Unknown => None,
            Person::Claimed { claimed_id, .. } => Some(claimed_id),
        }
    }

    /// The endpoints of a descriptor, best first (section 7.3.2.2): the provider's own identifier
    /// excludes the others; then version 2.0, then 1; among those, by priority.
    pub(super) fn of_descriptor(
        xrd: &Xrd,
        claimed_id: &Identifier,
        secure: bool,
        policy: &Policy,
    ) -> Result<Vec<Self>, Contradiction> {
        let mut services: Vec<(Rank, &Service)> = xrd
            .services
            .iter()
            .filter_map(|service| Some((Rank::of(service)?, service)))
            .take(super::xrds::MAX_SERVICES)
            .collect();
        services.sort_by_key(|(rank, service)| (*rank, Reverse(service.priority.map(Reverse))));
        let mut endpoints = Vec::new();
        for (rank, service) in services {
            let person = match rank {
                Rank::Server => Person::Unknown,
                _ => Person::Claimed {
                    claimed_id: claimed_id.clone(),
                    local_id: local_id(service)?.unwrap_or(claimed_id.as_str()).to_owned(),
                },
            };
            let version = if rank <= Rank::SignOn2 { Version::V2 } else { Version::V1 };
            let mut uris: Vec<_> = service.uris.iter().collect();
            uris.sort_by_key(|uri| Reverse(uri.priority.map(Reverse)));
            for uri in uris.into_iter().take(MAX_URIS) {
                let appended = match claimed_id {
                    Identifier::Xri(xri) => appended(uri.append.as_deref(), xri),
                    Identifier::Url(_) => String::new(),
                };
                let text = format!("{}{appended}", uri.text);
                if let Some(op_endpoint) = usable(&text, secure, policy) {
                    let (person, types) = (person.clone(), service.types.clone());
                    endpoints.push(Self { version, op_endpoint, person, types });
                }
            }
        }
        if endpoints.iter().any(|endpoint| endpoint.person == Person::Unknown) {
            endpoints.retain(|endpoint| endpoint.person == Person::Unknown);
        }
        endpoints.retain(|endpoint| endpoint.version == Version::V2 || policy.openid1);
        Ok(endpoints)
    }

    /// The endpoints of a page (section 7.3.3, 14.2.1). A page cannot announce a provider's own
    /// identifier.
    pub(super) fn of_page(
        head: &Head,
        claimed_id: &Identifier,
        secure: bool,
        policy: &Policy,
    ) -> Vec<Self> {
        let kinds = [
            (Version::V2, TYPE_SIGNON_2_0, "openid2.provider", "openid2.local_id"),
            (Version::V1, TYPES_1[0], "openid.server", "openid.delegate"),
        ];
        let found = |(version, kind, provider, local): (Version, &str, &str, &str)| {
            if version == Version::V1 && !policy.openid1 {
                return None;
            }
            let op_endpoint = usable(head.link(provider)?, secure, policy)?;
            let local_id = head.link(local).filter(|text| local_id_fits(text));
            let person = Person::Claimed {
                claimed_id: claimed_id.clone(),
                local_id: local_id.unwrap_or(claimed_id.as_str()).to_owned(),
            };
            Some(Self { version, op_endpoint, person, types: vec![kind.to_owned()] })
        };
        kinds.into_iter().filter_map(found).collect()
    }
}

/// What a service is good for, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Server,
    SignOn2,
    SignOn1(usize),
}

impl Rank {
    fn of(service: &Service) -> Option<Self> {
        let has = |name: &str| service.types.iter().any(|kind| kind == name);
        if has(TYPE_SERVER) {
            Some(Self::Server)
        } else if has(TYPE_SIGNON_2_0) {
            Some(Self::SignOn2)
        } else {
            TYPES_1.iter().position(|name| has(name)).map(Self::SignOn1)
        }
    }
}

/// What the provider calls the person: `LocalID` of 2.0, `openid:Delegate` of 1. Of a service with
/// both versions either; but never two different ones.
fn local_id(service: &Service) -> Result<Option<&str>, Contradiction> {
    let has = |name: &str| service.types.iter().any(|kind| kind == name);
    let mut named: Vec<&str> = Vec::new();
    if TYPES_1.iter().any(|name| has(name)) {
        named.extend(service.delegates.iter().map(String::as_str));
    }
    if has(TYPE_SIGNON_2_0) {
        named.extend(service.local_ids.iter().map(String::as_str));
    }
    let Some(first) = named.first() else {
        return Ok(None);
    };
    if named.iter().any(|other| other != first) || !local_id_fits(first) {
        return Err(Contradiction);
    }
    Ok(Some(first))
}

fn local_id_fits(text: &str) -> bool {
    !text.is_empty() && text.len() <= 2048 && !text.chars().any(|c| c.is_control() || c == ' ')
}

/// Libraries that skipped this check sent people to `file:///etc/passwd` (OPENID A16-24).
fn usable(text: &str, secure: bool, policy: &Policy) -> Option<WebUrl> {
    WebUrl::parse(text.trim()).ok().filter(|url| policy.allows(url, secure))
}

/// What a URI of an XRI's service has appended to it.
fn appended(append: Option<&str>, xri: &Xri) -> String {
    let (authority, path) = xri.authority_and_path();
    match append {
        Some("qxri") => xri.query_form(),
        Some("authority") => authority.to_owned(),
        Some("path" | "local") => path.to_owned(),
        _ => String::new(),
    }
}
