//! Logging in with an identity that was proven at another place. Whoever calls this has the proof:
//! the flows of the upstream protocols.

use super::{
    choose_session::{self, Choice},
    issue_session::{Authenticated, IssueSessionError, IssuedSession, Origin, issue_session},
    log_in::{LoggedIn, device_cookie, known_device},
    openid, past_deadlocks,
};
use crate::{
    app::App,
    domain::{
        Millis,
        audit::{Act, Entry},
        id::UserId,
        identity::{Identity, Proof},
        throttle::Attempt,
    },
    store::{StoreError, Tx, audit, identities, throttles},
};

/// Why nobody is in.
#[derive(Debug, thiserror::Error)]
pub enum IdentityLoginError {
    /// No account has this identity.
    #[error("no account has this identity")]
    Unknown,
    /// The account is disabled, or does not have the identity any more.
    #[error("the account is not open to it")]
    Refused,
    /// There are as many sessions as are allowed.
    #[error("too many sessions")]
    TooManySessions,
    /// The same, and the person chooses which one ends.
    #[error("too many sessions, the person chooses")]
    Choose(Choice),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Logs somebody in.
pub async fn log_in_by_identity(
    app: &App,
    identity: &Identity,
    origin: &Origin,
    device: Option<&str>,
) -> Result<LoggedIn, IdentityLoginError> {
    let owner = identities::owner(&mut *app.db.read().await?, &identity.id()).await?;
    let user = owner.ok_or(IdentityLoginError::Unknown)?;
    let who = authenticated(identity, &user, app.clock.now());
    match past_deadlocks(IssueSessionError::is_victim, || issue(app, &who, origin)).await {
        Ok(Issued::Session(session)) => Ok(entered(app, &user, session, device)),
        Ok(Issued::TooManySessions) => Err(IdentityLoginError::TooManySessions),
        Ok(Issued::Choice(choice)) => Err(IdentityLoginError::Choose(choice)),
        Err(IssueSessionError::Store(error)) => Err(error.into()),
        Err(_) => {
            let entry = refusal(app, &user, origin, "disabled");
            let mut tx = app.db.write().await?;
            audit::append(&mut tx, &[entry], &app.random).await?;
            tx.commit().await?;
            Err(IdentityLoginError::Refused)
        }
    }
}

/// In the transaction that has made the account and bound the identity to it.
pub(super) async fn first_login(
    app: &App,
    tx: &mut Tx,
    (identity, proven_at): (&Identity, Millis),
    user: &UserId,
    origin: &Origin,
    now: Millis,
) -> Result<IssuedSession, IssueSessionError> {
    issue_session(app, tx, &authenticated(identity, user, proven_at), origin, now).await
}

/// With the cookie by which this browser is known from now on.
pub(super) fn entered(
    app: &App,
    user: &UserId,
    session: IssuedSession,
    device: Option<&str>,
) -> LoggedIn {
    let known = known_device(app, user, device);
    LoggedIn { session, device_cookie: device_cookie(app, user, known, app.clock.now()) }
}

fn authenticated(identity: &Identity, user: &UserId, proven_at: Millis) -> Authenticated {
    Authenticated {
        user: user.clone(),
        proven_at,
        proof: Proof::Identity(identity.id()),
        // Guesses at the password say nothing about an identity, and it is none of them.
        attempt: None,
        shared: Vec::new(),
    }
}

enum Issued {
    Session(IssuedSession),
    TooManySessions,
    Choice(Choice),
}

async fn issue(
    app: &App,
    who: &Authenticated,
    origin: &Origin,
) -> Result<Issued, IssueSessionError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let issued = match issue_session(app, &mut tx, who, origin, now).await {
        Ok(session) => {
            let attempt = Attempt { counter: openid::counter(&origin.network), number: 0 };
            throttles::give_back(&mut tx, &attempt).await?;
            Issued::Session(session)
        }
        Err(IssueSessionError::TooManySessions) => {
            let entry = refusal(app, &who.user, origin, "too_many_sessions");
            audit::append(&mut tx, &[entry], &app.random).await?;
            Issued::TooManySessions
        }
        Err(IssueSessionError::ChooseWhichEnds) => {
            Issued::Choice(choose_session::offer(app, &mut tx, who, origin.keep, now).await?)
        }
        Err(error) => return Err(error),
    };
    tx.commit().await?;
    Ok(issued)
}

fn refusal(app: &App, user: &UserId, origin: &Origin, why: &str) -> Entry {
    Entry::new(app.clock.now(), Act::LoginRefused)
        .user(user)
        .address(&origin.address)
        .fact("why", why)
}
