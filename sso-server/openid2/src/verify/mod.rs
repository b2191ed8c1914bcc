//! Believing an answer (section 11), in the order that costs least and gives away nothing:
//!
//! 1. it came to the page that was named ([`realm::is_return_to`](crate::realm::is_return_to));
//! 2. everything is there;
//! 3. it names the provider that was asked;
//! 4. everything that matters is signed;
//! 5. it was made during this login;
//! 6. the signature is good: by the shared key, or by asking the provider;
//! 7. it is the first time ([`Verified::redeem`]);
//! 8. the provider may speak of this identifier: if it is not the one that was discovered already,
//!    it is discovered now ([`Confirmation`]).
//!
//! Nothing is fetched for an answer that is not signed (CVE-2019-11027), and no answer is played
//! twice to make us fetch.

mod confirm;
mod response;
mod signature;

pub use self::{
    confirm::{Authenticated, ConfirmError, Confirmation, Verified},
    response::{Response, ResponseError},
    signature::{SignedError, signed_names},
};
use crate::{
    association::{Association, handle_fits},
    exchange::{Answer, Exchange, Limits, Step, Unreachable},
    message::Fields,
    names::{NS_1_0, NS_1_1, NS_2_0, UnixSeconds, Version},
    nonce::{self, NonceError, NonceToSpend},
    policy::Policy,
    realm::is_return_to,
    request::Pending,
};

/// A login must come back within an hour.
pub const LOGIN_LIFETIME: UnixSeconds = 3600;
/// Characters of an error that a provider tells.
const MAX_TOLD: usize = 200;

/// What an answer is. Only [`Outcome::Verified`] can become a login.
#[derive(Debug)]
pub enum Outcome {
    /// The provider says who the person is. To be redeemed.
    Verified(Box<Verified>),
    /// The person said no.
    Cancelled,
    /// It cannot be done without showing a page: start anew with one. The URL that providers of
    /// version 1 send along is not for use, it could be anything.
    SetupNeeded,
    /// The provider cannot.
    ProviderError {
        /// Its words, cut short. Unsigned, so anybody's: for logs, and escaped on pages.
        said: String,
    },
}

/// Why an answer is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The login was started too long ago.
    #[error("the login took too long")]
    Expired,
    /// It came to another page, or with parameters that nobody asked for.
    #[error("the answer does not fit return_to")]
    ReturnTo,
    /// It speaks another version than the question.
    #[error("the answer has another version")]
    Version,
    /// No mode that answers have.
    #[error("the answer has no known mode")]
    Mode,
    /// A field is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field has no possible value.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// It names another provider.
    #[error("the answer names another provider")]
    OtherProvider,
    /// Not everything that matters is signed.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// Not made during this login.
    #[error(transparent)]
    Nonce(#[from] NonceError),
    /// The caller handed in somebody else's association.
    #[error("the association is not this provider's")]
    WrongAssociation,
    /// The key does not count any more: start anew.
    #[error("the association has expired")]
    AssociationExpired,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// The provider was asked and did not confirm.
    #[error("the provider does not confirm the answer")]
    NotConfirmed,
    /// The provider could not be asked.
    #[error("the provider cannot be asked: {0}")]
    Unreachable(#[from] Unreachable),
    /// The provider may not be asked without TLS.
    #[error("the provider may not be asked without TLS")]
    Insecure,
}

/// The exchange: at most one request, `check_authentication` (section 11.4.2).
#[derive(Debug)]
pub struct Verification {
    verified: Verified,
    version: Version,
    sent_handle: Option<String>,
}

impl Verification {
    /// Begins. `association` is the one that the store has under the *pending* endpoint and
    /// [`Response::assoc_handle`]; `None` if it has none.
    ///
    /// That the login is this browser's, and was not answered before, is the caller's to see:
    /// by a cookie, and by taking `pending` out of its store with one statement.
    pub fn start(
        response: &Response,
        pending: &Pending,
        association: Option<&Association>,
        policy: &Policy,
        now: UnixSeconds,
    ) -> Step<Self> {
        match judge(response, pending, association, policy, now) {
            Ok(Judged::Outcome(outcome)) => Step::Done(outcome),
            Ok(Judged::Ask(verified)) => {
                let fields = question(response.fields(), pending.endpoint.version);
                let op_endpoint = &pending.endpoint.op_endpoint;
                let fetch = crate::association::associate::direct_request(op_endpoint, &fields);
                let version = pending.endpoint.version;
                let sent_handle = pending.assoc_handle.clone();
                Step::Fetch(fetch, Self { verified: *verified, version, sent_handle })
            }
            Err(error) => Step::Failed(error),
        }
    }
}

enum Judged {
    Outcome(Outcome),
    /// Signed with a key that only the provider has.
    Ask(Box<Verified>),
}

fn judge(
    response: &Response,
    pending: &Pending,
    association: Option<&Association>,
    policy: &Policy,
    now: UnixSeconds,
) -> Result<Judged, VerifyError> {
    let fields = response.fields();
    let version = pending.endpoint.version;
    if now > pending.started_at + LOGIN_LIFETIME {
        return Err(VerifyError::Expired);
    }
    let arrived = is_return_to(pending.return_to.as_str(), response.request_url());
    if !arrived.unwrap_or(false) {
        return Err(VerifyError::ReturnTo);
    }
    // Answers without an identity are not signed; all that they can do is end this login. Some
    // providers forget `ns` there.
    match fields.get("mode").ok_or(VerifyError::Missing("mode"))? {
        "cancel" => return Ok(Judged::Outcome(Outcome::Cancelled)),
        "setup_needed" => return Ok(Judged::Outcome(Outcome::SetupNeeded)),
        "error" => {
            let said = fields.get("error").unwrap_or_default().chars().take(MAX_TOLD).collect();
            return Ok(Judged::Outcome(Outcome::ProviderError { said }));
        }
        // Providers of version 1 sign this one, without an identity.
        "id_res" if version == Version::V1 && fields.get("user_setup_url").is_some() => {
            return Ok(Judged::Outcome(Outcome::SetupNeeded));
        }
        "id_res" => {}
        _ => return Err(VerifyError::Mode),
    }
    // A version-1 answer to a question of version 2 would be judged by weaker rules.
    if version_of(fields) != Some(version) {
        return Err(VerifyError::Version);
    }
    if fields.get("return_to") != Some(pending.return_to.as_str()) {
        return Err(VerifyError::ReturnTo);
    }
    let handle = all_there(fields, version)?;
    let op_endpoint = &pending.endpoint.op_endpoint;
    if version == Version::V2 && fields.get("op_endpoint") != Some(op_endpoint.as_str()) {
        return Err(VerifyError::OtherProvider);
    }
    let names = signed_names(version, fields)?;
    let keep_until = now + LOGIN_LIFETIME + 2 * policy.skew;
    let nonce = match version {
        Version::V2 => {
            let nonce = fields.get("response_nonce").unwrap_or_default();
            nonce::check(nonce, pending.started_at - policy.skew, now + policy.skew)?;
            NonceToSpend::new(op_endpoint, nonce, keep_until)
        }
        // Version 1 has none. The page that was named is this login's alone.
        Version::V1 => NonceToSpend::new(op_endpoint, pending.return_to.as_str(), keep_until),
    };
    let verified = Box::new(Verified::new(fields, &names, pending, nonce));
    let Some(association) = association else {
        if !policy.allows(op_endpoint, false) {
            return Err(VerifyError::Insecure);
        }
        return Ok(Judged::Ask(verified));
    };
    // A handle says nothing without its provider (SECURITY-CASES O-02).
    if association.op_endpoint != *op_endpoint
        || association.handle != handle
        || association.version != version
    {
        return Err(VerifyError::WrongAssociation);
    }
    if !association.is_live(now) {
        return Err(VerifyError::AssociationExpired);
    }
    // With a known key there is no asking (section 11.4): who signed wrongly would be heard twice.
    if !signature::is_good(association, fields, &names) {
        return Err(VerifyError::Signature);
    }
    Ok(Judged::Outcome(Outcome::Verified(verified)))
}

fn version_of(fields: &Fields) -> Option<Version> {
    match fields.get("ns") {
        Some(NS_2_0) => Some(Version::V2),
        None | Some(NS_1_1 | NS_1_0) => Some(Version::V1),
        Some(_) => None,
    }
}

/// Whether everything is there (sections 10.1 and 1.1: 4.2). Answers the handle.
fn all_there(fields: &Fields, version: Version) -> Result<&str, VerifyError> {
    let needed: &[&'static str] = match version {
        Version::V2 => &["op_endpoint", "return_to", "response_nonce", "signed", "sig"],
        Version::V1 => &["identity", "return_to", "signed", "sig"],
    };
    for name in needed {
        if fields.get(name).is_none_or(str::is_empty) {
            return Err(VerifyError::Missing(name));
        }
    }
    if version == Version::V2 {
        match (fields.get("claimed_id"), fields.get("identity")) {
            (Some(_), None) => return Err(VerifyError::Missing("identity")),
            (None, Some(_)) => return Err(VerifyError::Missing("claimed_id")),
            _ => {}
        }
    }
    let handle = fields.get("assoc_handle").ok_or(VerifyError::Missing("assoc_handle"))?;
    if handle_fits(handle) { Ok(handle) } else { Err(VerifyError::Malformed("assoc_handle")) }
}

/// The same message, with another mode. Version 1 asks about the signed part only.
fn question(answer: &Fields, version: Version) -> Fields {
    let signed = answer.get("signed").unwrap_or_default();
    let belongs = |name: &str| {
        version == Version::V2
            || ["assoc_handle", "sig", "signed", "invalidate_handle"].contains(&name)
            || signed.split(',').any(|one| one == name)
    };
    let mut question = Fields::new();
    for (name, value) in answer.iter().filter(|(name, _)| belongs(name)) {
        question.set(name, value);
    }
    question.set("mode", "check_authentication");
    question
}

impl Exchange for Verification {
    type Output = Outcome;
    type Error = VerifyError;

    fn receive(mut self, answer: Result<Answer, Unreachable>) -> Step<Self> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(unreachable) => return Step::Failed(unreachable.into()),
        };
        let fields = Fields::from_key_values(&answer.body);
        let Ok(fields) = fields else {
            return Step::Failed(VerifyError::NotConfirmed);
        };
        let ns = self.version == Version::V1 || fields.get("ns") == Some(NS_2_0);
        // Nothing but a plain yes. A handle that is shared is not checked by the provider, and one
        // question uses up the handle, so there is no second try.
        let yes = answer.status == 200
            && answer.plain(&Limits::DIRECT)
            && ns
            && fields.get("is_valid") == Some("true");
        if !yes {
            return Step::Failed(VerifyError::NotConfirmed);
        }
        // What the browser says about handles means nothing; only the provider's own word, about
        // the handle that was sent (section 11.4.2.2; SECURITY-CASES O-08).
        let dropped = fields.get("invalidate_handle");
        if dropped.is_some() && dropped == self.sent_handle.as_deref() {
            self.verified.invalidate(self.sent_handle.take());
        }
        Step::Done(Outcome::Verified(Box::new(self.verified)))
    }
}
