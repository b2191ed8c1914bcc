//! Accounts, as an operator manages them.

use client_sdk::wire::Cause;

use super::{
    end_session::{Ended, Ending, end_all_of_user, end_all_of_user_in},
    one_time_link, past_deadlocks,
};
use crate::{
    app::App,
    domain::{
        audit::{Act, Entry},
        id::UserId,
        password::{Password, PasswordError},
        user::{Email, EmailError, Username, UsernameError},
    },
    hashing::Busy,
    store::{
        StoreError, Tx, audit, identities, one_time_links,
        users::{self, NewUser, UserRow},
    },
};

/// An account to be made. It holds a password and is not printed.
#[derive(Clone, Copy)]
pub struct AddUser<'a> {
    /// The name to sign in with.
    pub username: &'a str,
    /// The mail address.
    pub email: Option<&'a str>,
    /// Whether it administers Passport.
    pub admin: bool,
    /// The password; without one the person gets a link to choose it.
    pub password: Option<&'a str>,
}

/// An account was made.
#[derive(Clone, Debug)]
pub struct AddedUser {
    /// Its id.
    pub id: UserId,
    /// The name as it was taken.
    pub username: String,
    /// The link to choose a password.
    pub setup_url: Option<String>,
}

/// Why an operator's wish is not granted.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The name cannot be.
    #[error(transparent)]
    Username(#[from] UsernameError),
    /// The address cannot be.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// The password cannot be.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Name or address are taken.
    #[error("another account has this name, one that looks like it, or this mail address")]
    Taken,
    /// No account has this name.
    #[error("no account is called {0}")]
    Unknown(String),
    /// It is so already.
    #[error("{0} is already {1}")]
    Already(String, &'static str),
    /// Nothing can be done for it as long as it is so.
    #[error("{0} is disabled: enable it first")]
    Disabled(String),
    /// Nobody could administer Passport any more.
    #[error("{0} is the last admin: add another one first, or say --force")]
    LastAdmin(String),
    /// More passwords are being hashed than can be.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UsersError {
    fn is_victim(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            _ => false,
        }
    }
}

/// Makes an account.
pub async fn add(app: &App, new: AddUser<'_>) -> Result<AddedUser, UsersError> {
    let username = Username::parse(new.username)?;
    let email = new.email.map(Email::parse).transpose()?;
    let hash = match new.password {
        Some(text) => {
            let own = [username.as_str(), email.as_ref().map_or("", Email::as_str)];
            let password = Password::chosen(text, app.config.password.min_length, &own)?;
            Some(app.passwords.hash(password).await?)
        }
        None => None,
    };
    let now = app.clock.now();
    let id = UserId::fresh(now, &app.random);
    let mut tx = app.db.write().await?;
    let row = NewUser {
        id: &id,
        username: &username,
        email: email.as_ref(),
        password_hash: hash.as_deref(),
        admin: new.admin,
        now,
    };
    match users::insert(&mut tx, row).await {
        Err(error) if error.is_conflict() => return Err(UsersError::Taken),
        result => result?,
    }
    let setup_url = match hash {
        Some(_) => None,
        None => Some(one_time_link::choose_password(app, &mut tx, &id, now).await?),
    };
    let entry =
        Entry::new(now, Act::UserAdded).user(&id).fact("admin", new.admin).fact("by", "operator");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(AddedUser { id, username: username.as_str().to_owned(), setup_url })
}

/// The account of this name.
pub async fn named(app: &App, name: &str) -> Result<UserRow, UsersError> {
    let unknown = || UsersError::Unknown(name.to_owned());
    let username = Username::parse(name).map_err(|_| unknown())?;
    users::find_by_name(&mut *app.db.read().await?, &username).await?.ok_or_else(unknown)
}

/// The same in a transaction beside which nobody makes or unmakes an administrator.
async fn named_beside_admins(tx: &mut Tx, name: &str) -> Result<UserRow, UsersError> {
    let unknown = || UsersError::Unknown(name.to_owned());
    let username = Username::parse(name).map_err(|_| unknown())?;
    users::lock_admins(tx).await?;
    users::find_by_name(tx, &username).await?.ok_or_else(unknown)
}

/// Makes a new link to choose a password; the person's earlier ones are void. The password that they
/// have holds until the link is used.
pub async fn link(app: &App, name: &str) -> Result<String, UsersError> {
    let user = named(app, name).await?;
    if user.disabled_at.is_some() {
        return Err(UsersError::Disabled(user.username));
    }
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let url = one_time_link::choose_password(app, &mut tx, &user.id, now).await?;
    let entry = Entry::new(now, Act::LinkMade).user(&user.id).fact("by", "operator");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(url)
}

/// Makes an account an administrator, or takes that back; the last one keeps it unless forced.
pub async fn set_admin(app: &App, name: &str, admin: bool, force: bool) -> Result<(), UsersError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let user = named_beside_admins(&mut tx, name).await?;
    if admin && user.disabled_at.is_some() {
        return Err(UsersError::Disabled(user.username));
    }
    if !users::set_admin(&mut tx, &user.id, admin.then_some(now)).await? {
        let so = if admin { "an administrator" } else { "no administrator" };
        return Err(UsersError::Already(user.username, so));
    }
    if !admin && !force && users::count_admins(&mut tx).await? == 0 {
        return Err(UsersError::LastAdmin(user.username));
    }
    let entry = Entry::new(now, Act::UserAdmin).user(&user.id).fact("admin", admin);
    audit::append(&mut tx, &[entry.fact("by", "operator")], &app.random).await?;
    tx.commit().await?;
    Ok(())
}

/// Disables an account and ends its sessions: nobody gets in by it, and every app hears.
pub async fn disable(app: &App, name: &str, force: bool) -> Result<Ended, UsersError> {
    let user = named(app, name).await?;
    shut_off(app, &user, force, Ending::by_operator(Cause::Disabled)).await
}

/// The same by anybody who may, such as an admin in the console.
pub async fn shut_off(
    app: &App,
    user: &UserRow,
    force: bool,
    why: Ending<'_>,
) -> Result<Ended, UsersError> {
    past_deadlocks(UsersError::is_victim, || shut_off_once(app, user, force, why)).await
}

async fn shut_off_once(
    app: &App,
    user: &UserRow,
    force: bool,
    why: Ending<'_>,
) -> Result<Ended, UsersError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    // As it is now: since it was looked up, it may have become an administrator, or have gone.
    users::lock_admins(&mut tx).await?;
    let found = users::find(&mut tx, &user.id).await?;
    let user = found.ok_or_else(|| UsersError::Unknown(user.username.clone()))?;
    if !users::set_disabled(&mut tx, &user.id, Some(now)).await? {
        return Err(UsersError::Already(user.username, "disabled"));
    }
    if user.admin_since.is_some() && !force && users::count_admins(&mut tx).await? == 0 {
        return Err(UsersError::LastAdmin(user.username));
    }
    let ended = end_all_of_user_in(app, &mut tx, &user.id, None, why, now).await?;
    let entry = by(Entry::new(now, Act::UserDisabled).user(&user.id), why);
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(ended)
}

/// Enables an account again. Its sessions stay ended.
pub async fn enable(app: &App, name: &str) -> Result<(), UsersError> {
    let user = named(app, name).await?;
    let_in(app, &user, Ending::by_operator(Cause::Disabled)).await
}

/// The same by anybody who may.
pub async fn let_in(app: &App, user: &UserRow, why: Ending<'_>) -> Result<(), UsersError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    if !users::set_disabled(&mut tx, &user.id, None).await? {
        return Err(UsersError::Already(user.username.clone(), "enabled"));
    }
    let entry = by(Entry::new(now, Act::UserEnabled).user(&user.id), why);
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(())
}

/// Who did it, from where, and why.
fn by(mut entry: Entry, why: Ending<'_>) -> Entry {
    entry = entry.fact("by", why.by);
    if let Some(reason) = why.reason {
        entry = entry.fact("reason", reason);
    }
    entry.address = why.address.map(str::to_owned);
    entry
}

/// Ends all sessions of a person.
pub async fn logout(app: &App, name: &str) -> Result<Ended, UsersError> {
    let user = named(app, name).await?;
    Ok(end_all_of_user(app, &user.id, None, Ending::by_operator(Cause::Admin)).await?)
}

/// Deletes an account: its sessions end, its links are void, its data goes, its id is never used
/// again.
pub async fn delete(app: &App, name: &str, force: bool) -> Result<Ended, UsersError> {
    past_deadlocks(UsersError::is_victim, || delete_once(app, name, force)).await
}

async fn delete_once(app: &App, name: &str, force: bool) -> Result<Ended, UsersError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let user = named_beside_admins(&mut tx, name).await?;
    one_time_links::void_of_user(&mut tx, &user.id, now).await?;
    // Before the sessions, so that its row is locked against logins.
    if !users::erase(&mut tx, &user.id, now).await? {
        return Err(UsersError::Unknown(user.username));
    }
    if user.admin_since.is_some() && !force && users::count_admins(&mut tx).await? == 0 {
        return Err(UsersError::LastAdmin(user.username));
    }
    // Whoever they belong to may begin anew with them; the id is never used again (SECURITY-CASES A-18).
    identities::free_of_user(&mut tx, &user.id).await?;
    let why = Ending::by_operator(Cause::Deleted);
    let ended = end_all_of_user_in(app, &mut tx, &user.id, None, why, now).await?;
    let entry = Entry::new(now, Act::UserDeleted).user(&user.id).fact("by", "operator");
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    Ok(ended)
}
