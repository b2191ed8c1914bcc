//! From what somebody typed to their provider.

use openid2::{
    association::Association,
    discovery::{Discovered, Discovery, Endpoint, Person},
    identifier::{Identifier, IdentifierError, UserInput},
    request::{Outgoing, Pending, Request},
};
use quick_cache::sync::Cache;
use url::Url;

use super::{counter, opened};
use crate::{
    app::App,
    domain::{
        MINUTE, Millis,
        id::{SessionId, UserId},
        seconds,
        throttle::{Policy, is_blocked},
        token::Token,
    },
    store::{
        StoreError, Stored, Tx, openid_associations,
        pending_upstream_logins::{self, PendingUpstreamLogin},
        throttles::{self, Answer},
    },
    upstream::openid::{self, BACKEND, RelyingParty},
};

/// A login must be back within.
pub const OPEN_FOR: Millis = 30 * MINUTE;
/// What was found at a provider's own identifier is good for so long.
const FOUND_KEPT: Millis = 10 * MINUTE;
/// Most of those.
const FOUND_MOST: usize = 256;

/// What somebody wants.
#[derive(Debug)]
pub struct Start<'a> {
    /// What they typed.
    pub typed: &'a str,
    /// The cookie that must come back with the answer.
    pub browser: &'a Token,
    /// Where they are.
    pub network: &'a str,
    /// The account that the identity shall be added to, and the session that asks for it.
    pub adds_to: Option<(UserId, SessionId)>,
    /// Whether they must prove anew who they are.
    pub afresh: bool,
    /// Without a page of the provider's, if it can: for an identifier that this browser has logged
    /// in with before. If it cannot, [`with_pages`] follows.
    pub immediate: bool,
    /// The language of their pages.
    pub language: &'static str,
    /// What the page does, to be handed back at the end.
    pub context: String,
}

/// Why nobody is sent anywhere.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nobody logs in with an OpenID here.
    #[error("logging in with an OpenID is switched off")]
    Off,
    /// It is no identifier.
    #[error(transparent)]
    Malformed(#[from] IdentifierError),
    /// It leads to no provider. One error whatever the reason: how a fetch failed would tell what can
    /// be reached from here (SECURITY-CASES F-05).
    #[error("no provider was found")]
    NotFound,
    /// Too many were begun from this network.
    #[error("too many attempts from this network")]
    TooMany {
        /// Not before so many seconds.
        retry_after: i64,
    },
    /// Too many ask providers right now.
    #[error("too many at the same time")]
    Busy,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Providers' own identifiers, found lately. Only those: what such a page says is asked again about
/// the person who comes back. A person's own page is read each time, since it may name another
/// provider by now, and the old one is not believed any more (SECURITY-CASES O-19).
#[derive(Debug)]
pub struct FoundProviders(Cache<UserInputKey, (Millis, Discovered)>);

type UserInputKey = (Identifier, bool);

impl Default for FoundProviders {
    fn default() -> Self {
        Self(Cache::new(FOUND_MOST))
    }
}

impl FoundProviders {
    fn of(&self, typed: &UserInput, now: Millis) -> Option<Discovered> {
        let (found_at, found) = self.0.get(&(typed.identifier.clone(), typed.scheme_assumed))?;
        (found_at <= now && now < found_at + FOUND_KEPT).then_some(found)
    }

    fn keep(&self, typed: &UserInput, found: &Discovered, now: Millis) {
        if found.endpoints.iter().all(|endpoint| endpoint.person == Person::Unknown) {
            let key = (typed.identifier.clone(), typed.scheme_assumed);
            self.0.insert(key, (now, found.clone()));
        }
    }
}

/// Finds the provider and writes down that somebody is on their way to it.
pub async fn start(app: &App, start: Start<'_>) -> Result<Outgoing, StartError> {
    let ours = app.openid.as_ref().ok_or(StartError::Off)?;
    let typed = UserInput::parse(start.typed)?;
    let counter = counter(start.network);
    // A look before anybody is asked; what counts is decided with the writing.
    let until = throttles::blocked_until(&mut *app.db.read().await?, &counter).await?;
    let now = app.clock.now();
    if let Some(until) = until.filter(|until| is_blocked(*until, now)) {
        return Err(too_many(until, now));
    }
    let found = find(app, ours, &typed, start.network).await;
    let now = app.clock.now();
    let leaving = match &found {
        Ok(found) => leave(app, ours, &start, found, now).await?,
        Err(_) => None,
    };

    let mut tx = app.db.write().await?;
    // Also what led nowhere: others were asked.
    let policy = Policy::address(app.config.throttle.openid_attempts);
    if let Answer::Blocked { until } = throttles::attempt(&mut tx, &counter, policy, now).await? {
        return Err(too_many(until, now));
    }
    let answer = match (leaving, found) {
        (_, Err(error)) => Err(error),
        (None, Ok(_)) => Err(StartError::NotFound),
        (Some(leaving), Ok(_)) => {
            let login = PendingUpstreamLogin {
                backend: BACKEND,
                adds_to: start.adds_to,
                state: String::new(),
                context: start.context,
            };
            Ok(note(&mut tx, start.browser, leaving, login, now).await?)
        }
    };
    tx.commit().await?;
    answer
}

fn too_many(until: Millis, now: Millis) -> StartError {
    StartError::TooMany { retry_after: (until - now).max(0) / 1_000 + 1 }
}

async fn find(
    app: &App,
    ours: &RelyingParty,
    typed: &UserInput,
    network: &str,
) -> Result<Discovered, StartError> {
    let now = app.clock.now();
    if let Some(found) = app.found_providers.of(typed, now) {
        return Ok(found);
    }
    let host = match &typed.identifier {
        Identifier::Url(url) => url.host(),
        Identifier::Xri(_) => "xri",
    };
    let _place = app.openid_places.enter(network, host).ok_or(StartError::Busy)?;
    let discovery = Discovery::start(typed, &ours.policy);
    match openid::run(discovery, &app.transport).await {
        Ok(found) => {
            app.found_providers.keep(typed, &found, now);
            Ok(found)
        }
        Err(error) => {
            tracing::info!(host, %error, "no OpenID was found");
            Err(StartError::NotFound)
        }
    }
}

/// Somebody who is about to leave.
struct Leaving {
    token: Token,
    outgoing: Outgoing,
    pending: Pending,
}

/// How a provider is asked.
struct Manner {
    language: &'static str,
    afresh: bool,
    immediate: bool,
}

/// The best endpoint that people may be sent to.
async fn leave(
    app: &App,
    ours: &RelyingParty,
    start: &Start<'_>,
    found: &Discovered,
    now: Millis,
) -> Stored<Option<Leaving>> {
    let Start { language, afresh, immediate, .. } = *start;
    for endpoint in &found.endpoints {
        let manner = Manner { language, afresh, immediate };
        if let Some(leaving) = leave_for(app, ours, endpoint, manner, now).await? {
            return Ok(Some(leaving));
        }
    }
    Ok(None)
}

/// To this endpoint, if people may be sent there: a document of a stranger's could name one in the
/// network that we stand in.
async fn leave_for(
    app: &App,
    ours: &RelyingParty,
    endpoint: &Endpoint,
    manner: Manner,
    now: Millis,
) -> Stored<Option<Leaving>> {
    if !ours.trusts(&endpoint.op_endpoint) {
        tracing::info!(provider = endpoint.op_endpoint.host(), "not one of openid.providers");
        return Ok(None);
    }
    let Ok(url) = Url::parse(endpoint.op_endpoint.as_str()) else { return Ok(None) };
    if let Err(error) = app.transport.vet(&url).await {
        tracing::info!(%error, "a provider's endpoint is not led to");
        return Ok(None);
    }
    let token = Token::fresh(&app.random);
    let Some(return_to) = ours.return_to(token.expose()) else { return Ok(None) };
    let association = shared_key(app, endpoint, now).await?;
    let request = Request {
        endpoint,
        association: association.as_ref(),
        return_to: &return_to,
        realm: &ours.realm,
        immediate: manner.immediate,
        extensions: &openid::extensions(manner.language, manner.afresh),
    };
    Ok(match request.build(&ours.policy, seconds(now)) {
        Ok((outgoing, pending)) => Some(Leaving { token, outgoing, pending }),
        Err(error) => {
            tracing::info!(%error, "a provider cannot be asked");
            None
        }
    })
}

/// The provider cannot tell without a page: the same person, from the same browser, on to the same
/// endpoint once more, where it shows one. `None` when people may not be sent there any more.
///
/// A new request of our own. The URL that providers of version 1 name for this is not signed by
/// anybody whom we know yet, and is not led to (OPENID A7). This one is with pages, so it is the last
/// one; and it is not counted, since it was begun once.
pub(super) async fn with_pages(
    app: &App,
    ours: &RelyingParty,
    browser: &Token,
    language: &'static str,
    endpoint: &Endpoint,
    was: PendingUpstreamLogin,
) -> Stored<Option<Outgoing>> {
    let now = app.clock.now();
    let manner = Manner { language, afresh: false, immediate: false };
    let Some(leaving) = leave_for(app, ours, endpoint, manner, now).await? else {
        return Ok(None);
    };
    let mut tx = app.db.write().await?;
    let outgoing = note(&mut tx, browser, leaving, was, now).await?;
    tx.commit().await?;
    Ok(Some(outgoing))
}

/// Writes down that somebody is on their way: for one answer, in the same browser.
async fn note(
    tx: &mut Tx,
    browser: &Token,
    leaving: Leaving,
    login: PendingUpstreamLogin,
    now: Millis,
) -> Stored<Outgoing> {
    let state = serde_json::to_string(&leaving.pending).unwrap_or_default();
    let login = PendingUpstreamLogin { state, ..login };
    let (digest, browser) = (leaving.token.digest(), browser.digest());
    pending_upstream_logins::insert(tx, &digest, &browser, &login, now, now + OPEN_FOR).await?;
    Ok(leaving.outgoing)
}

/// A key that is there and lasts. There is no waiting for one: without it the provider is asked at
/// the end instead.
async fn shared_key(app: &App, endpoint: &Endpoint, now: Millis) -> Stored<Option<Association>> {
    let (url, version) = (endpoint.op_endpoint.as_str(), endpoint.version.as_str());
    let row =
        openid_associations::longest_lasting(&mut *app.db.read().await?, url, version).await?;
    let association = row.and_then(|row| opened(app, row));
    Ok(association.filter(|association| association.serves_new_logins(seconds(now))))
}
