//! "This was not me": somebody proves who they are by the present password, chooses a new one, and
//! is afterwards signed in here and nowhere else.

use client_sdk::wire::Cause;

use super::{
    end_session::{Ending, end_all_of_user_in},
    issue_session::{IssueSessionError, IssuedSession, issue_session},
    log_in::{LoggedIn, Login, LoginError, Proven, device_cookie, prove, turned_away},
    past_deadlocks,
    replace_password::replace_password,
};
use crate::{
    app::App,
    domain::{
        id::LogoutId,
        password::{Password, PasswordError},
    },
    hashing::Busy,
    store::{StoreError, users},
};

/// The account is its owner's again.
#[derive(Debug)]
pub struct Secured {
    /// The one session that is left.
    pub logged_in: LoggedIn,
    /// Where the apps' confirmations of all the others are gathered.
    pub logout: Option<LogoutId>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SecureError {
    /// The present password was not accepted, or could not be looked at.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The new one cannot be.
    #[error(transparent)]
    New(#[from] PasswordError),
    /// The new one is the present one.
    #[error("the new password is the present one")]
    Same,
    /// More passwords are being hashed than can be.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes the password and ends every other session, in one transaction: whoever was in by the old
/// one is out with the commit, and nobody slips in beside, because a login that compared the old
/// password meanwhile is refused (`issue_session`).
pub async fn secure_account(
    app: &App,
    login: Login<'_>,
    new: &str,
) -> Result<Secured, SecureError> {
    // Before the present one is counted as an attempt: a typing mistake here costs nothing.
    let chosen = Password::chosen(new, app.config.password.min_length, &[login.name])?;
    let proven = prove(app, &login).await?;
    if new == login.password {
        return Err(SecureError::Same);
    }
    let hash = app.passwords.hash(chosen).await?;
    let write = || write(app, &login, &proven, &hash);
    match past_deadlocks(IssueSessionError::is_victim, write).await {
        Ok((session, logout)) => {
            let now = app.clock.now();
            let device = device_cookie(app, &proven.who.user, proven.device.clone(), now);
            Ok(Secured { logged_in: LoggedIn { session, device_cookie: device }, logout })
        }
        Err(error) => Ok(turned_away(app, &login, &proven, error).await?),
    }
}

async fn write(
    app: &App,
    login: &Login<'_>,
    proven: &Proven<'_>,
    hash: &str,
) -> Result<(IssuedSession, Option<LogoutId>), IssueSessionError> {
    let now = app.clock.now();
    let user = &proven.who.user;
    let mut tx = app.db.write().await?;
    let why = Ending {
        address: Some(&login.origin.address),
        ..Ending::by(Cause::PasswordChanged, "user")
    };
    // The person's row first: a login by the old password that is under way comes before us, and
    // its session is among those that end; or after us, and is refused.
    users::note_login(&mut tx, user, now).await?.ok_or(IssueSessionError::Disabled)?;
    // All of them, this browser's too: what was its cookie until now is void as well.
    let ended = end_all_of_user_in(app, &mut tx, user, None, why, now).await?;
    // There are no others left, so no limit is in the way.
    let session = issue_session(app, &mut tx, &proven.who, &login.origin, now).await?;
    let address = Some(login.origin.address.as_str());
    if !replace_password(app, &mut tx, user, hash, address, now).await? {
        return Err(IssueSessionError::Disabled);
    }
    tx.commit().await?;
    Ok((session, ended.logout))
}
