//! Believing what somebody comes back with, in the order that `openid2::verify` gives, and what
//! follows: they are in, or may make an account, or have added an identity to theirs.

use openid2::{
    association::Association,
    request::{Outgoing, Pending},
    verify::{Authenticated as Person, Outcome, Response, Verification, Verified, VerifyError},
};

use super::{
    opened,
    start::{OPEN_FOR, with_pages},
};
use crate::{
    app::App,
    domain::{
        MINUTE, Millis,
        audit::{Act, Entry},
        identity::{Identity, SUBJECT_MAX},
        seconds,
        token::{Digest, Token},
    },
    flows::{
        add_identity::{AddIdentityError, add_identity},
        issue_session::Origin,
        log_in::LoggedIn,
        log_in_by_identity::{IdentityLoginError, log_in_by_identity},
    },
    store::{
        StoreError, Stored, audit, openid_associations, openid_nonces, openid_wanted,
        pending_upstream_logins,
        proven_identities::{self, ProvenIdentity},
    },
    upstream::openid::{self, BACKEND, ExchangeError, RelyingParty, profile},
};

/// A key that was made less long ago is not doubted: a new one would be no better.
const YOUNG: Millis = 10 * MINUTE;

/// What somebody comes back with.
#[derive(Debug)]
pub struct Return<'a> {
    /// The provider's answer, as the browser brings it.
    pub response: &'a Response,
    /// The cookie that they left with.
    pub browser: Option<&'a Token>,
    /// The cookie of a known device.
    pub device_cookie: Option<&'a str>,
    /// Where they are.
    pub origin: Origin,
    /// The language of their pages.
    pub language: &'static str,
}

/// What came of it.
#[derive(Debug)]
pub enum Completed {
    /// They are in.
    LoggedIn(LoggedIn),
    /// There is no account yet: they may make one, under this token.
    Unknown(Token),
    /// It is theirs now, beside what they had.
    Added,
    /// Their provider was asked not to show a page, and needs one: on to it once more.
    NeedsPages(Outgoing),
}

/// Why nothing did.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// Nobody was sent away like this: it was long ago, from another browser, or came back already.
    #[error("no login waits for this answer")]
    Void,
    /// They said no at their provider.
    #[error("cancelled")]
    Cancelled,
    /// The provider could not.
    #[error("the provider could not")]
    Provider,
    /// The answer is not believed.
    #[error("the answer is not believed")]
    NotBelieved,
    /// Nobody has this identity, and nobody registers by one here.
    #[error("no account has this identity")]
    NoAccount,
    /// Too many ask providers right now. The answer is still good: try again.
    #[error("too many at the same time")]
    Busy,
    /// It is proven, but does not let them in.
    #[error(transparent)]
    Login(IdentityLoginError),
    /// It is proven, but cannot be added.
    #[error(transparent)]
    Add(AddIdentityError),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known at the end beside the outcome: what the page had handed in at the start.
#[derive(Debug)]
pub struct Ended {
    /// What came of it.
    pub outcome: Result<Completed, CompleteError>,
    /// What the page does; `None` when nothing waited for the answer.
    pub context: Option<String>,
    /// Whether it was about adding an identity to an account.
    pub adds: bool,
}

/// Completes a login. `keeps` reads from the context whether the browser shall stay signed in.
pub async fn complete(app: &App, mut back: Return<'_>, keeps: impl Fn(&str) -> bool) -> Ended {
    let nothing = |error| Ended { outcome: Err(error), context: None, adds: false };
    let Some(ours) = &app.openid else { return nothing(CompleteError::Void) };
    // Before anything is used up, so that trying again helps.
    let Some(_place) = app.openid_places.enter(&back.origin.network, &back.origin.network) else {
        return nothing(CompleteError::Busy);
    };
    let waiting = match take(app, &back).await {
        Ok(Some(waiting)) => waiting,
        Ok(None) => return nothing(CompleteError::Void),
        Err(error) => return nothing(error.into()),
    };
    back.origin.keep = keeps(&waiting.context);
    let (context, adds) = (waiting.context.clone(), waiting.adds_to.is_some());
    let outcome = settle(app, ours, &back, waiting).await;
    Ended { outcome, context: Some(context), adds }
}

/// Takes the login out of the store by the statement that finds it, and only for the browser that
/// began it: neither can an answer be brought to somebody else (login CSRF), nor two of them be tried.
async fn take(
    app: &App,
    back: &Return<'_>,
) -> Stored<Option<pending_upstream_logins::PendingUpstreamLogin>> {
    let token = back.response.parameter("t").and_then(Token::parse);
    let (Some(token), Some(browser)) = (token, back.browser) else { return Ok(None) };
    let now = app.clock.now();
    let (digest, browser) = (token.digest(), browser.digest());
    let mut tx = app.db.write().await?;
    let found = pending_upstream_logins::take(&mut tx, BACKEND, &digest, &browser, now).await?;
    tx.commit().await?;
    Ok(found)
}

async fn settle(
    app: &App,
    ours: &RelyingParty,
    back: &Return<'_>,
    waiting: pending_upstream_logins::PendingUpstreamLogin,
) -> Result<Completed, CompleteError> {
    let pending: Pending = serde_json::from_str(&waiting.state).map_err(|_| CompleteError::Void)?;
    let person = match believe(app, ours, back, &pending).await {
        // Nobody has seen a page yet, so nobody has said no, whatever it was that the provider calls
        // this. Once: the next one is with pages, and its refusal stands.
        Err(CompleteError::Cancelled | CompleteError::Provider) if pending.immediate => {
            let browser = back.browser.ok_or(CompleteError::Void)?;
            let endpoint = &pending.endpoint;
            let outgoing = with_pages(app, ours, browser, back.language, endpoint, waiting).await?;
            return outgoing.map(Completed::NeedsPages).ok_or(CompleteError::Provider);
        }
        Err(error) => return Err(error),
        Ok(believed) => believed,
    };
    let person = match person {
        Ok(person) => person,
        Err(why) => {
            let endpoint = pending.endpoint.op_endpoint.host();
            tracing::info!(provider = endpoint, why, "an OpenID login is refused");
            let entry = Entry::new(app.clock.now(), Act::LoginRefused)
                .address(&back.origin.address)
                .fact("why", "openid")
                .fact("openid", why.as_str())
                .fact("provider", endpoint);
            let mut tx = app.db.write().await?;
            audit::append(&mut tx, &[entry], &app.random).await?;
            tx.commit().await?;
            return Err(CompleteError::NotBelieved);
        }
    };
    let identity = Identity {
        backend: BACKEND.to_owned(),
        subject: person.claimed_id().to_owned(),
        shown: person.display(),
        provider: person.op_endpoint().host().to_owned(),
    };
    if identity.subject.len() > SUBJECT_MAX {
        return Err(CompleteError::NotBelieved);
    }
    if let Some((user, session)) = &waiting.adds_to {
        let added = add_identity(app, &identity, user, session, &back.origin).await;
        return added.map(|()| Completed::Added).map_err(CompleteError::Add);
    }
    match log_in_by_identity(app, &identity, &back.origin, back.device_cookie).await {
        Ok(logged_in) => Ok(Completed::LoggedIn(logged_in)),
        Err(IdentityLoginError::Unknown) if app.config.openid.register => {
            Ok(Completed::Unknown(offer(app, back, identity, &person, waiting.context).await?))
        }
        Err(IdentityLoginError::Unknown) => Err(CompleteError::NoAccount),
        Err(error) => Err(CompleteError::Login(error)),
    }
}

/// From the answer to the person. The inner error is for the log.
async fn believe(
    app: &App,
    ours: &RelyingParty,
    back: &Return<'_>,
    pending: &Pending,
) -> Result<Result<Person, String>, CompleteError> {
    let endpoint = pending.endpoint.op_endpoint.as_str();
    let association = match back.response.assoc_handle() {
        None => None,
        // Of the provider that was asked, whatever the answer says of itself.
        Some(handle) => {
            let mut connection = app.db.read().await?;
            let row = openid_associations::find(&mut connection, endpoint, handle).await?;
            row.and_then(|row| opened(app, row))
        }
    };
    let now = seconds(app.clock.now());
    let step = Verification::start(back.response, pending, association.as_ref(), &ours.policy, now);
    let verified = match openid::run(step, &app.transport).await {
        Ok(Outcome::Verified(verified)) => verified,
        Ok(Outcome::Cancelled) => return Err(CompleteError::Cancelled),
        Ok(Outcome::SetupNeeded) => return Err(CompleteError::Provider),
        Ok(Outcome::ProviderError { said }) => {
            tracing::info!(said, "a provider could not log somebody in");
            return Err(CompleteError::Provider);
        }
        Err(error) => {
            if matches!(error, ExchangeError::Failed(VerifyError::Signature)) {
                doubt(app, back, pending).await?;
            }
            return Ok(Err(error.to_string()));
        }
    };
    let spent = note(app, pending, &verified, association.as_ref()).await?;
    match openid::run(verified.redeem(spent, &ours.policy), &app.transport).await {
        Ok(person) => Ok(Ok(person)),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// Spends the nonce. With it: forgets a key that the provider itself has declared dead, and notes that
/// one would be of use (only here: an endpoint that nobody has logged in at makes us compute nothing,
/// OPENID A14).
async fn note(
    app: &App,
    pending: &Pending,
    verified: &Verified,
    signed_by: Option<&Association>,
) -> Stored<openid2::nonce::Spent> {
    let now = app.clock.now();
    let endpoint = pending.endpoint.op_endpoint.as_str();
    let version = pending.endpoint.version.as_str();
    let nonce = verified.nonce();
    let mut tx = app.db.write().await?;
    let first =
        openid_nonces::spend(&mut tx, &Digest::from_hash(&nonce.hash), nonce.keep_until).await?;
    if !first {
        tx.commit().await?;
        return Ok(openid2::nonce::Spent::Again);
    }
    if let Some(association) = signed_by {
        openid_associations::note_good_signature(&mut tx, endpoint, &association.handle).await?;
    }
    if let Some(handle) = verified.invalidated_handle() {
        openid_associations::remove(&mut tx, endpoint, handle).await?;
        openid_wanted::hurry(&mut tx, endpoint, version, now).await?;
    }
    let row = openid_associations::longest_lasting(&mut tx, endpoint, version).await?;
    let known = row.is_some_and(|row| row.expires_at > seconds(now) + 15 * 60);
    openid_wanted::want(&mut tx, endpoint, version, known, false, now).await?;
    tx.commit().await?;
    if !known {
        app.association_wanted.notify_one();
    }
    Ok(openid2::nonce::Spent::First)
}

/// An answer that names the key that was sent along is not signed by it: perhaps the provider has
/// another one under this name by now, and nobody could log in there for as long as ours lasts. Two in
/// a row, and it is forgotten; the next login asks the provider instead (OPENID A14).
///
/// Anybody can bring such answers to logins of their own. What they achieve is a key made anew, and
/// that seldom: a good signature in between, and a key that is young, end it.
async fn doubt(app: &App, back: &Return<'_>, pending: &Pending) -> Stored<()> {
    let Some(handle) = &pending.assoc_handle else { return Ok(()) };
    if back.response.assoc_handle() != Some(handle) {
        return Ok(());
    }
    let now = app.clock.now();
    let endpoint = pending.endpoint.op_endpoint.as_str();
    let made_before = seconds(now - YOUNG);
    let mut tx = app.db.write().await?;
    if openid_associations::note_bad_signature(&mut tx, endpoint, handle, made_before).await? {
        let host = pending.endpoint.op_endpoint.host();
        tracing::warn!(
            provider = host,
            "a provider signs with another key than it shares: dropped"
        );
        openid_wanted::hurry(&mut tx, endpoint, pending.endpoint.version.as_str(), now).await?;
    }
    tx.commit().await
}

/// Writes down that somebody has proven an identity that no account has.
async fn offer(
    app: &App,
    back: &Return<'_>,
    identity: Identity,
    person: &Person,
    context: String,
) -> Result<Token, CompleteError> {
    let browser = back.browser.ok_or(CompleteError::Void)?.digest();
    let profile = serde_json::to_string(&profile(person)).unwrap_or_default();
    let proven_at: Millis = app.clock.now();
    let proven = ProvenIdentity { identity, proven_at, profile, context };
    let token = Token::fresh(&app.random);
    let expires_at = proven_at + OPEN_FOR;
    let mut tx = app.db.write().await?;
    proven_identities::insert(&mut tx, &token.digest(), &browser, &proven, expires_at).await?;
    tx.commit().await?;
    Ok(token)
}
