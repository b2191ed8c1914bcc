//! From an answer that is signed to a person who is known: steps 7 and 8.

use crate::{
    discovery::{Discovered, Discovery, DiscoveryError, Person},
    exchange::{Answer, Exchange, Step, Unreachable},
    extensions::Signed,
    identifier::Identifier,
    message::Fields,
    names::Version,
    nonce::{NonceToSpend, Spent},
    policy::Policy,
    request::Pending,
    url::{WebUrl, cut_fragment},
};

/// A signed answer that may have been played before. It tells nothing about the person: the only
/// way on is [`Verified::redeem`].
#[derive(Debug)]
#[must_use = "an answer that is verified is no login: spend its nonce and redeem it"]
pub struct Verified {
    version: Version,
    op_endpoint: WebUrl,
    expected: Person,
    claimed_id: Option<String>,
    identity: Option<String>,
    signed: Signed,
    nonce: NonceToSpend,
    invalidated: Option<String>,
}

impl Verified {
    pub(super) fn new(
        fields: &Fields,
        names: &[&str],
        pending: &Pending,
        nonce: NonceToSpend,
    ) -> Self {
        let version = pending.endpoint.version;
        let own = |name: &str| fields.get(name).map(str::to_owned);
        Self {
            version,
            op_endpoint: pending.endpoint.op_endpoint.clone(),
            expected: pending.endpoint.person.clone(),
            // Version 1 has no such field; one that is there anyway is not in its signature rules.
            claimed_id: own("claimed_id").filter(|_| version == Version::V2),
            identity: own("identity"),
            signed: Signed::of(version, fields, names),
            nonce,
            invalidated: None,
        }
    }

    pub(super) fn invalidate(&mut self, handle: Option<String>) {
        self.invalidated = handle;
    }

    /// What to insert, by one statement, where nothing may be twice.
    pub fn nonce(&self) -> &NonceToSpend {
        &self.nonce
    }

    /// A handle that the provider itself has declared dead: delete it, and ask for a new one.
    pub fn invalidated_handle(&self) -> Option<&str> {
        self.invalidated.as_deref()
    }

    /// Goes on, with what spending the nonce came to. `Spent::Again` ends it.
    pub fn redeem(self, spent: Spent, policy: &Policy) -> Step<Confirmation> {
        match spent {
            Spent::Again => Step::Failed(ConfirmError::Replayed),
            Spent::First => self.identify(policy),
        }
    }

    fn identify(self, policy: &Policy) -> Step<Confirmation> {
        let Some(identity) = self.identity.clone() else {
            return Step::Failed(ConfirmError::NoIdentifier);
        };
        if let (Version::V1, Person::Claimed { claimed_id, local_id }) =
            (self.version, &self.expected)
        {
            // The person is who we went to discover; what the provider calls them is not (1.1,
            // and CVE-2014-2048).
            let key = claimed_id.as_str().to_owned();
            return if identity == *local_id {
                Step::Done(self.authenticated(key, identity, true))
            } else {
                Step::Failed(ConfirmError::OtherPerson)
            };
        }
        let Some(asserted) = self.claimed_id.clone() else {
            return Step::Failed(ConfirmError::NoIdentifier);
        };
        let (claimed, _) = cut_fragment(&asserted);
        if let Person::Claimed { claimed_id, local_id } = &self.expected
            && claimed == claimed_id.as_str()
        {
            return if identity == *local_id {
                Step::Done(self.authenticated(asserted, identity, true))
            } else {
                Step::Failed(ConfirmError::OtherPerson)
            };
        }
        // The provider names somebody whom we have not looked for. May it? Ask the identifier
        // itself, now (SECURITY-CASES O-01, O-10).
        let Some(claimed) = Identifier::canonical(claimed) else {
            return Step::Failed(ConfirmError::Malformed);
        };
        let step = Discovery::of(&claimed, policy);
        Confirmation::proceed(Unconfirmed { verified: self, asserted, claimed, identity }, step)
    }

    fn authenticated(self, claimed_id: String, local_id: String, as_asked: bool) -> Authenticated {
        Authenticated {
            claimed_id,
            local_id,
            as_asked,
            version: self.version,
            op_endpoint: self.op_endpoint,
            signed: self.signed,
        }
    }
}

/// Who somebody is, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    claimed_id: String,
    local_id: String,
    as_asked: bool,
    version: Version,
    op_endpoint: WebUrl,
    signed: Signed,
}

impl Authenticated {
    /// The one key of the account: the claimed identifier with its fragment, by which providers
    /// tell a later owner of a name from an earlier one (section 11.5.1). Compared byte for byte.
    pub fn claimed_id(&self) -> &str {
        &self.claimed_id
    }

    /// The identifier for people. Never for comparing.
    pub fn display(&self) -> String {
        let (claimed, _) = cut_fragment(&self.claimed_id);
        Identifier::canonical(claimed).map_or_else(|| claimed.to_owned(), |id| id.display())
    }

    /// What the provider calls the person. Never a key.
    pub fn local_id(&self) -> &str {
        &self.local_id
    }

    /// Whether it is the identifier that was discovered for this login. If not, the provider chose
    /// it: as it should after its own identifier was typed, otherwise worth showing.
    pub fn as_asked(&self) -> bool {
        self.as_asked
    }

    /// Which version was spoken.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Who says so.
    pub fn op_endpoint(&self) -> &WebUrl {
        &self.op_endpoint
    }

    /// What else was signed: for [`extensions`](crate::extensions).
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}

/// Why a signed answer is no login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmError {
    /// The answer was used before.
    #[error("the answer was used before")]
    Replayed,
    /// The answer is about nobody (section 11.2 allows it). What somebody typed is no substitute.
    #[error("the answer names no identifier")]
    NoIdentifier,
    /// The provider speaks of another person than the one who was looked for.
    #[error("the answer names another person")]
    OtherPerson,
    /// The identifier is none, or not in its canonical form.
    #[error("the claimed identifier is malformed")]
    Malformed,
    /// The identifier could not be discovered.
    #[error("the claimed identifier: {0}")]
    Discovery(#[from] DiscoveryError),
    /// The identifier leads to another one.
    #[error("the claimed identifier leads elsewhere")]
    Elsewhere,
    /// The identifier does not name this provider for this person.
    #[error("the provider may not speak of this identifier")]
    NotAuthoritative,
}

/// The exchange: discovery of an identifier that a provider asserts (section 11.2).
#[derive(Debug)]
pub struct Confirmation {
    unconfirmed: Unconfirmed,
    discovery: Discovery,
}

#[derive(Debug)]
struct Unconfirmed {
    verified: Verified,
    /// With its fragment.
    asserted: String,
    /// Without.
    claimed: Identifier,
    identity: String,
}

impl Unconfirmed {
    /// It must say of itself that this provider speaks for it under this name, in version 2.0. A
    /// page that leads to another one, or is a provider's own, says nothing of the kind.
    fn confirm(self, found: &Discovered) -> Result<Authenticated, ConfirmError> {
        if found.claimed_id != self.claimed {
            return Err(ConfirmError::Elsewhere);
        }
        let speaks = found.endpoints.iter().any(|endpoint| {
            endpoint.version == Version::V2
                && endpoint.op_endpoint == self.verified.op_endpoint
                && matches!(&endpoint.person, Person::Claimed { local_id, .. } if *local_id == self.identity)
        });
        if !speaks {
            return Err(ConfirmError::NotAuthoritative);
        }
        Ok(self.verified.authenticated(self.asserted, self.identity, false))
    }
}

impl Confirmation {
    fn proceed(unconfirmed: Unconfirmed, step: Step<Discovery>) -> Step<Self> {
        match step {
            Step::Fetch(fetch, discovery) => Step::Fetch(fetch, Self { unconfirmed, discovery }),
            Step::Failed(error) => Step::Failed(error.into()),
            Step::Done(found) => match unconfirmed.confirm(&found) {
                Ok(authenticated) => Step::Done(authenticated),
                Err(error) => Step::Failed(error),
            },
        }
    }
}

impl Exchange for Confirmation {
    type Output = Authenticated;
    type Error = ConfirmError;

    fn receive(self, answer: Result<Answer, Unreachable>) -> Step<Self> {
        Self::proceed(self.unconfirmed, self.discovery.receive(answer))
    }
}
