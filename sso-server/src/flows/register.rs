//! An account made by whoever has proven an identity that none has yet. It has no password: the
//! identity is how they sign in.

use super::{
    issue_session::{IssueSessionError, Origin},
    log_in::LoggedIn,
    log_in_by_identity::{entered, first_login},
    past_deadlocks,
};
use crate::{
    app::App,
    domain::{
        audit::{Act, Entry},
        id::UserId,
        token::{Digest, Token},
        user::{Email, EmailError, Nickname, NicknameError, Username, UsernameError},
    },
    store::{
        StoreError, Stored, audit, identities,
        proven_identities::{self, ProvenIdentity},
        users::{self, Registered},
    },
};

/// What comes with the form.
#[derive(Debug)]
pub struct Registration<'a> {
    /// What was proven waits under this name …
    pub token: &'a Token,
    /// … for this browser.
    pub browser: &'a Token,
    /// The name to sign in with.
    pub username: &'a str,
    /// The name to show; may be empty.
    pub nickname: &'a str,
    /// The mail address; may be empty.
    pub email: &'a str,
    /// The cookie of a known device.
    pub device_cookie: Option<&'a str>,
    /// Where they are.
    pub origin: Origin,
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Nothing proven waits for this: it was long ago, or in another browser.
    #[error("nothing proven waits for this")]
    Void,
    /// Somebody has got the identity meanwhile: perhaps the same person, in another window.
    #[error("another account has this identity")]
    Taken,
    /// The name cannot be.
    #[error(transparent)]
    Username(#[from] UsernameError),
    /// The name is taken, or looks like a taken one.
    #[error("another account has this name, or one that looks like it")]
    NameTaken,
    /// The name to show cannot be.
    #[error(transparent)]
    Nickname(#[from] NicknameError),
    /// The address cannot be.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// No session came of it, and so no account either.
    #[error(transparent)]
    Session(IssueSessionError),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RegisterError {
    fn is_victim(&self) -> bool {
        match self {
            Self::Store(error) | Self::Session(IssueSessionError::Store(error)) => {
                error.is_retryable()
            }
            _ => false,
        }
    }
}

/// What waits for the form.
pub async fn waiting(app: &App, token: &Token, browser: &Token) -> Stored<Option<ProvenIdentity>> {
    let now = app.clock.now();
    let mut connection = app.db.read().await?;
    proven_identities::find(&mut connection, &token.digest(), &browser.digest(), now).await
}

/// What was read from the form.
struct Chosen {
    username: Username,
    nickname: Option<Nickname>,
    email: Option<Email>,
}

/// Makes the account, binds the identity, and lets the person in: one transaction, so that there is
/// never an account which nobody can enter, nor two for one identity (SECURITY-CASES A-19).
pub async fn register(
    app: &App,
    registration: Registration<'_>,
) -> Result<(LoggedIn, ProvenIdentity), RegisterError> {
    let filled = |typed: &str| Some(typed.trim().to_owned()).filter(|typed| !typed.is_empty());
    let chosen = Chosen {
        username: Username::parse(registration.username.trim())?,
        nickname: filled(registration.nickname).as_deref().map(Nickname::parse).transpose()?,
        email: filled(registration.email).as_deref().map(Email::parse).transpose()?,
    };
    let write = || write(app, &registration, &chosen);
    past_deadlocks(RegisterError::is_victim, write).await
}

async fn write(
    app: &App,
    registration: &Registration<'_>,
    chosen: &Chosen,
) -> Result<(LoggedIn, ProvenIdentity), RegisterError> {
    let now = app.clock.now();
    let digests: [Digest; 2] = [registration.token.digest(), registration.browser.digest()];
    let mut tx = app.db.write().await?;
    let proven = proven_identities::take(&mut tx, &digests[0], &digests[1], now).await?;
    let proven = proven.ok_or(RegisterError::Void)?;
    let id = UserId::fresh(now, &app.random);
    let row = Registered {
        id: &id,
        username: &chosen.username,
        nickname: chosen.nickname.as_ref().map(Nickname::as_str),
        email: chosen.email.as_ref(),
        now,
    };
    match users::register(&mut tx, row).await {
        Err(error) if error.is_conflict() => return Err(RegisterError::NameTaken),
        result => result?,
    }
    if !identities::insert(&mut tx, &proven.identity, &id, now).await? {
        return Err(RegisterError::Taken);
    }
    let (backend, subject) = (&proven.identity.backend, &proven.identity.subject);
    let entries = [
        Entry::new(now, Act::UserAdded).user(&id).fact("admin", false).fact("by", "user"),
        Entry::new(now, Act::IdentityAdded)
            .user(&id)
            .address(&registration.origin.address)
            .fact("backend", backend.as_str())
            .fact("identity", subject.as_str()),
    ];
    audit::append(&mut tx, &entries, &app.random).await?;
    let session = first_login(
        app,
        &mut tx,
        (&proven.identity, proven.proven_at),
        &id,
        &registration.origin,
        now,
    )
    .await
    .map_err(RegisterError::Session)?;
    tx.commit().await?;
    Ok((entered(app, &id, session, registration.device_cookie), proven))
}
