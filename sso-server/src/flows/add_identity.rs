//! A further way into one's own account.

use super::{issue_session::Origin, past_deadlocks};
use crate::{
    app::App,
    domain::{
        audit::{Act, Entry},
        id::{SessionId, UserId},
        identity::Identity,
    },
    store::{StoreError, audit, identities, sessions, users},
};

/// Most identities of one account.
pub const MOST: i64 = 20;

/// Why an identity is not added.
#[derive(Debug, thiserror::Error)]
pub enum AddIdentityError {
    /// The session that asked for it is not this browser's any more.
    #[error("the session is another one")]
    AnotherSession,
    /// It is theirs already.
    #[error("the account has this identity already")]
    Already,
    /// It opens another account.
    #[error("another account has this identity")]
    Taken,
    /// There are as many as an account may have.
    #[error("the account has as many identities as it may have")]
    TooMany,
    /// The account is disabled, or gone.
    #[error("the account is disabled")]
    Disabled,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AddIdentityError {
    fn is_victim(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

/// Adds an identity that was proven just now to the account whose session had asked for it, if that
/// is still the session of this browser: neither another person who has signed in here meanwhile nor
/// an answer that somebody else began adds anything (SECURITY-CASES A-14).
pub async fn add_identity(
    app: &App,
    identity: &Identity,
    user: &UserId,
    session: &SessionId,
    origin: &Origin,
) -> Result<(), AddIdentityError> {
    let current = origin.current.as_ref();
    if !current.is_some_and(|current| current.id == *session && current.user == *user) {
        return Err(AddIdentityError::AnotherSession);
    }
    past_deadlocks(AddIdentityError::is_victim, || add(app, identity, user, session, origin)).await
}

async fn add(
    app: &App,
    identity: &Identity,
    user: &UserId,
    session: &SessionId,
    origin: &Origin,
) -> Result<(), AddIdentityError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    users::lock(&mut tx, user).await?.ok_or(AddIdentityError::Disabled)?;
    // Under the lock: whoever was signed out since this request began, by "this was not me" perhaps,
    // leaves nothing behind by which they come in again (SECURITY-CASES A-03).
    if sessions::ended_by(&mut tx, session).await? != Some(None) {
        return Err(AddIdentityError::AnotherSession);
    }
    if !identities::insert(&mut tx, identity, user, now).await? {
        let owner = identities::owner(&mut tx, &identity.id()).await?;
        return Err(match owner {
            Some(owner) if owner == *user => AddIdentityError::Already,
            _ => AddIdentityError::Taken,
        });
    }
    if identities::count(&mut tx, user).await? > MOST {
        return Err(AddIdentityError::TooMany);
    }
    let entry = Entry::new(now, Act::IdentityAdded)
        .user(user)
        .address(&origin.address)
        .fact("backend", identity.backend.as_str())
        .fact("identity", identity.subject.as_str());
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(())
}
