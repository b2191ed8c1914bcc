//! A way into one's account is closed.

use client_sdk::wire::Cause;

use super::{
    end_session::{Ended, Ending, Target, end},
    past_deadlocks,
};
use crate::{
    app::App,
    domain::{
        audit::{Act, Entry},
        id::{IdentityId, SessionId, UserId},
    },
    store::{StoreError, audit, identities, sessions, users},
};

/// What becomes of the sessions that came in by it (SECURITY-CASES A-17).
#[derive(Clone, Copy, Debug)]
pub enum CameIn<'a> {
    /// They go on.
    Stay,
    /// They end, but for this one: whoever asks has just proven who they are.
    End {
        /// The session that asks.
        except: &'a SessionId,
    },
}

/// Why an identity stays.
#[derive(Debug, thiserror::Error)]
pub enum RemoveIdentityError {
    /// The account does not have it.
    #[error("the account does not have this identity")]
    Unknown,
    /// Nobody could sign in to the account any more.
    #[error("it is the last way to sign in")]
    Last,
    /// The account is disabled, or gone.
    #[error("the account is disabled")]
    Disabled,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RemoveIdentityError {
    fn is_victim(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

/// Takes an identity from an account, unless it is the last way in. The person's row is held from the
/// first statement, so of two removals at once each sees what the other has left (SECURITY-CASES
/// A-16), and a login by it that is under way has its session by now, or is refused.
pub async fn remove_identity(
    app: &App,
    user: &UserId,
    id: &IdentityId,
    came_in: CameIn<'_>,
    address: &str,
) -> Result<Ended, RemoveIdentityError> {
    past_deadlocks(RemoveIdentityError::is_victim, || remove(app, user, id, came_in, address)).await
}

async fn remove(
    app: &App,
    user: &UserId,
    id: &IdentityId,
    came_in: CameIn<'_>,
    address: &str,
) -> Result<Ended, RemoveIdentityError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let has_password = users::lock(&mut tx, user).await?.ok_or(RemoveIdentityError::Disabled)?;
    let shown = identities::remove(&mut tx, id, user).await?;
    let shown = shown.ok_or(RemoveIdentityError::Unknown)?;
    if !has_password && identities::count(&mut tx, user).await? == 0 {
        return Err(RemoveIdentityError::Last);
    }
    let entry = Entry::new(now, Act::IdentityRemoved)
        .user(user)
        .address(address)
        .fact("identity", shown.as_str());
    audit::append(&mut tx, &[entry], &app.random).await?;
    let ended = match came_in {
        CameIn::Stay => Ended::default(),
        CameIn::End { except } => {
            let mut by_it = sessions::unended_by_identity(&mut tx, user, id).await?;
            by_it.retain(|session| session != except);
            let why = Ending { address: Some(address), ..Ending::by(Cause::FactorChanged, "user") };
            end(app, &mut tx, &Target::Sessions(by_it), why, now).await?
        }
    };
    tx.commit().await?;
    Ok(ended)
}
