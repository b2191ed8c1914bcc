//! Links that work once: the first admin's set-up, and choosing a password.

use client_sdk::wire::Cause;

use super::{
    end_session::{Ending, end_all_of_user_in},
    past_deadlocks,
    replace_password::replace_password,
};
use crate::{
    app::App,
    domain::{
        DAY, HOUR, Millis,
        audit::{Act, Entry},
        id::UserId,
        password::{Password, PasswordError},
        token::Token,
        user::{Username, UsernameError},
    },
    hashing::Busy,
    store::{
        StoreError, Stored, Tx, audit,
        one_time_links::{self, OneTimeLink, Purpose},
        users::{self, NewUser},
    },
};

/// How long the first admin's link works.
const FIRST_ADMIN_WITHIN: Millis = 24 * HOUR;
/// How long a link to choose a password works.
const CHOOSE_PASSWORD_WITHIN: Millis = 3 * DAY;

/// Makes the link of the first start, when there is no admin yet. There are no default credentials
/// (SECURITY-CASES L-21).
pub async fn first_admin(app: &App) -> Stored<Option<String>> {
    if users::count_admins(&mut *app.db.read().await?).await? > 0 {
        return Ok(None);
    }
    let now = app.clock.now();
    let token = Token::fresh(&app.random);
    let mut tx = app.db.write().await?;
    let expires_at = now + FIRST_ADMIN_WITHIN;
    let purpose = Purpose::FirstAdmin;
    one_time_links::insert(&mut tx, &token.digest(), purpose, None, now, expires_at).await?;
    let entry = Entry::new(now, Act::SetUp).fact("link", "made");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(Some(url(app, &token)))
}

/// Makes a link by which a person chooses their password; older ones of theirs are void.
pub async fn choose_password(app: &App, tx: &mut Tx, user: &UserId, now: Millis) -> Stored<String> {
    let token = Token::fresh(&app.random);
    let purpose = Purpose::ChoosePassword;
    one_time_links::void_of_user(tx, user, now).await?;
    let expires_at = now + CHOOSE_PASSWORD_WITHIN;
    one_time_links::insert(tx, &token.digest(), purpose, Some(user), now, expires_at).await?;
    Ok(url(app, &token))
}

fn url(app: &App, token: &Token) -> String {
    format!("{}/setup?token={}", app.config.server.public_url, token.expose())
}

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Name and password of the first admin.
    FirstAdmin,
    /// The password of this account.
    ChoosePassword {
        /// The name to sign in with.
        username: String,
        /// Somebody has been signed in to it: there may be sessions and OpenIDs, which end.
        lived_in: bool,
    },
}

/// Looks at a link without using it up. Those of a disabled account lead nowhere while it is so.
pub async fn look(app: &App, token: &Token) -> Stored<Option<Task>> {
    let now = app.clock.now();
    let mut connection = app.db.read().await?;
    match one_time_links::peek(&mut connection, &token.digest(), now).await? {
        Some(OneTimeLink { purpose: Purpose::FirstAdmin, .. }) => Ok(Some(Task::FirstAdmin)),
        Some(OneTimeLink { purpose: Purpose::ChoosePassword, user: Some(user) }) => {
            let found = users::find(&mut connection, &user).await?;
            let enabled = found.filter(|user| user.disabled_at.is_none());
            Ok(enabled.map(|user| Task::ChoosePassword {
                username: user.username,
                lived_in: user.last_login_at.is_some(),
            }))
        }
        _ => Ok(None),
    }
}

/// Why a link was not used.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    /// It was used, is too old, or never was; or its account is disabled or gone.
    #[error("the link is used up or too old")]
    Void,
    /// The name cannot be.
    #[error(transparent)]
    Username(#[from] UsernameError),
    /// The name is taken, or looks like a taken one.
    #[error("another account has this name, or one that looks like it")]
    NameTaken,
    /// The password cannot be.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// More passwords are being hashed than can be.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UseError {
    fn is_victim(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            _ => false,
        }
    }
}

/// Uses a link up: makes the first admin, or sets the password. Nobody is logged in by it; the next
/// step is the login page (SECURITY-CASES P-08).
pub async fn use_link(
    app: &App,
    token: &Token,
    username: Option<&str>,
    password: &str,
) -> Result<(), UseError> {
    let task = look(app, token).await?.ok_or(UseError::Void)?;
    let new_name = match &task {
        Task::FirstAdmin => Some(Username::parse(username.unwrap_or_default())?),
        Task::ChoosePassword { .. } => None,
    };
    let own_name = match (&task, &new_name) {
        (Task::ChoosePassword { username, .. }, _) => username.as_str(),
        (_, Some(name)) => name.as_str(),
        (_, None) => "",
    };
    let password = Password::chosen(password, app.config.password.min_length, &[own_name])?;
    let hash = app.passwords.hash(password).await?;
    past_deadlocks(UseError::is_victim, || write(app, token, new_name.as_ref(), &hash)).await
}

async fn write(
    app: &App,
    token: &Token,
    new_name: Option<&Username>,
    hash: &str,
) -> Result<(), UseError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    if new_name.is_some() {
        // One after the other, also with links of several starts: each use voids the others, and at
        // the same time they would wait for each other, or each find no admin yet.
        users::lock_admins(&mut tx).await?;
    }
    let link =
        one_time_links::consume(&mut tx, &token.digest(), now).await?.ok_or(UseError::Void)?;
    match (link.purpose, link.user, new_name) {
        (Purpose::FirstAdmin, _, Some(username)) => {
            // Whatever other links of this kind are about: there is an admin now.
            one_time_links::void(&mut tx, Purpose::FirstAdmin, now).await?;
            if users::count_admins(&mut tx).await? > 0 {
                return Err(UseError::Void);
            }
            let id = UserId::fresh(now, &app.random);
            let new = NewUser {
                id: &id,
                username,
                email: None,
                password_hash: Some(hash),
                admin: true,
                now,
            };
            match users::insert(&mut tx, new).await {
                Err(error) if error.is_conflict() => return Err(UseError::NameTaken),
                result => result?,
            }
            let entries = [
                Entry::new(now, Act::SetUp).user(&id).fact("link", "used"),
                Entry::new(now, Act::UserAdded).user(&id).fact("admin", true),
            ];
            audit::append(&mut tx, &entries, &app.random).await?;
        }
        (Purpose::ChoosePassword, Some(user), _) => {
            // The account may have been disabled or deleted since the link was looked at.
            if !replace_password(app, &mut tx, &user, hash, None, now).await? {
                return Err(UseError::Void);
            }
            let why = Ending::by(Cause::PasswordChanged, "user");
            end_all_of_user_in(app, &mut tx, &user, None, why, now).await?;
        }
        _ => return Err(UseError::Void),
    }
    tx.commit().await?;
    Ok(())
}
