//! `users`.

use sqlx::{Row, any::AnyRow};

use super::{Conn, Stored, Tx, meta, session_cache::Change};
use crate::domain::{
    Millis,
    id::UserId,
    user::{Email, LoginName, Username},
};

/// An account to be. It holds a password's hash and is not printed.
pub struct NewUser<'a> {
    /// Its id.
    pub id: &'a UserId,
    /// The name to sign in with.
    pub username: &'a Username,
    /// The mail address; counted as verified, since an operator enters it.
    pub email: Option<&'a Email>,
    /// PHC string.
    pub password_hash: Option<&'a str>,
    /// Whether it administers Passport.
    pub admin: bool,
    /// Made at.
    pub now: Millis,
}

/// Writes an account. A name or address that is taken, or looks like a taken one, is a conflict.
pub async fn insert(tx: &mut Tx, new: NewUser<'_>) -> Stored<()> {
    sqlx::query(
        "INSERT INTO users (id, username, username_key, username_skeleton, email, email_key,
             email_verified_at, profile, password_hash, password_changed_at, admin_since, app_flag,
             ac_flag, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, '{}', $8, $9, $10, 0, 0, $11)",
    )
    .bind(new.id.as_str())
    .bind(new.username.as_str())
    .bind(new.username.key())
    .bind(new.username.skeleton())
    .bind(new.email.map(Email::as_str))
    .bind(new.email.map(Email::key))
    .bind(new.email.map(|_| new.now))
    .bind(new.password_hash)
    .bind(new.password_hash.map(|_| new.now))
    .bind(new.admin.then_some(new.now))
    .bind(new.now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// An account that somebody makes for themselves, with an identity instead of a password.
pub struct Registered<'a> {
    /// Its id.
    pub id: &'a UserId,
    /// The name to sign in with.
    pub username: &'a Username,
    /// The name to show.
    pub nickname: Option<&'a str>,
    /// The mail address that they give. Nobody has verified it, so it has no key: it is nobody's name
    /// to sign in with, takes nothing from whoever it really belongs to, and finds no account
    /// (SECURITY-CASES ).
    pub email: Option<&'a Email>,
    /// Made at.
    pub now: Millis,
}

/// Writes an account without a password. A name that is taken, or looks like a taken one, is a
/// conflict.
pub async fn register(tx: &mut Tx, new: Registered<'_>) -> Stored<()> {
    sqlx::query(
        "INSERT INTO users (id, username, username_key, username_skeleton, nickname, email, profile,
             app_flag, ac_flag, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, '{}', 0, 0, $7)",
    )
    .bind(new.id.as_str())
    .bind(new.username.as_str())
    .bind(new.username.key())
    .bind(new.username.skeleton())
    .bind(new.nickname)
    .bind(new.email.map(Email::as_str))
    .bind(new.now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Locks the row of an enabled account until the transaction ends; answers whether it has a
/// password. `None` when it is disabled or gone.
pub async fn lock(tx: &mut Tx, user: &UserId) -> Stored<Option<bool>> {
    let row: Option<(Option<i64>,)> = sqlx::query_as(
        "UPDATE users SET last_login_at = last_login_at WHERE id = $1 AND disabled_at IS NULL
         RETURNING password_changed_at",
    )
    .bind(user.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|(password_set_at,)| password_set_at.is_some()))
}

/// What a password login needs to know. It holds a password's hash and is not printed.
#[derive(Clone)]
pub struct Credentials {
    /// Whose.
    pub user: UserId,
    /// PHC string; none when the account has no password.
    pub password_hash: Option<String>,
    /// When it was last set; 0 for never.
    pub password_set_at: Millis,
    /// Set while the account is disabled.
    pub disabled_at: Option<Millis>,
}

/// The account behind a login name.
pub async fn credentials(conn: &mut Conn, name: &LoginName) -> Stored<Option<Credentials>> {
    let sql = match name {
        LoginName::Username(_) => {
            "SELECT id, password_hash, COALESCE(password_changed_at, 0), disabled_at FROM users
             WHERE username_key = $1"
        }
        LoginName::Email(_) => {
            "SELECT id, password_hash, COALESCE(password_changed_at, 0), disabled_at FROM users
             WHERE email_key = $1"
        }
        LoginName::Nobody(_) => return Ok(None),
    };
    let row: Option<(String, Option<String>, i64, Option<i64>)> =
        sqlx::query_as(sql).bind(name.canonical()).fetch_optional(conn).await?;
    Ok(row.map(|(user, password_hash, password_set_at, disabled_at)| Credentials {
        user: user.into(),
        password_hash,
        password_set_at,
        disabled_at,
    }))
}

/// Notes a login of an enabled account and locks its row until the transaction ends: whoever
/// disables the account or changes its password waits, and then sees the session that is written
/// here. Answers when its password was last set, 0 for never; `None` when the account is disabled or
/// gone.
pub async fn note_login(tx: &mut Tx, user: &UserId, now: Millis) -> Stored<Option<Millis>> {
    let row: Option<(i64,)> = sqlx::query_as(
        "UPDATE users SET last_login_at = $1 WHERE id = $2 AND disabled_at IS NULL
         RETURNING COALESCE(password_changed_at, 0)",
    )
    .bind(now)
    .bind(user.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|(password_set_at,)| password_set_at))
}

/// Replaces a hash by one of newer parameters, unless the password was changed meanwhile
/// (SECURITY-CASES L-26).
pub async fn upgrade_hash(conn: &mut Conn, user: &UserId, old: &str, new: &str) -> Stored<()> {
    sqlx::query("UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3")
        .bind(new)
        .bind(user.as_str())
        .bind(old)
        .execute(conn)
        .await?;
    Ok(())
}

/// Sets the password of an enabled account; `false` when it is disabled or gone.
pub async fn set_password(conn: &mut Conn, user: &UserId, hash: &str, now: Millis) -> Stored<bool> {
    let done = sqlx::query(
        "UPDATE users SET password_hash = $1, password_changed_at = $2
         WHERE id = $3 AND disabled_at IS NULL",
    )
    .bind(hash)
    .bind(now)
    .bind(user.as_str())
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Disables or enables an account; `false` when nothing changes.
pub async fn set_disabled(tx: &mut Tx, user: &UserId, disabled_at: Option<Millis>) -> Stored<bool> {
    let sql = match disabled_at {
        Some(_) => "UPDATE users SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NULL",
        // A deleted account keeps its row, and stays shut.
        None => {
            "UPDATE users SET disabled_at = $1
             WHERE id = $2 AND disabled_at IS NOT NULL AND username_key <> 'deleted:' || id"
        }
    };
    let done = sqlx::query(sql).bind(disabled_at).bind(user.as_str()).execute(&mut **tx).await?;
    tx.changes(Change::Everything);
    Ok(done.rows_affected() == 1)
}

/// Makes an account an administrator since then, or none; `false` when nothing changes.
pub async fn set_admin(conn: &mut Conn, user: &UserId, since: Option<Millis>) -> Stored<bool> {
    let sql = match since {
        Some(_) => {
            "UPDATE users SET admin_since = $1
             WHERE id = $2 AND admin_since IS NULL AND disabled_at IS NULL"
        }
        None => "UPDATE users SET admin_since = $1 WHERE id = $2 AND admin_since IS NOT NULL",
    };
    let done = sqlx::query(sql).bind(since).bind(user.as_str()).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Makes a person unrecognisable and keeps the row, so that the id is never used again and the logs
/// that name it stay true. The `:` cannot occur in anybody's name. `false` when it was done before.
pub async fn erase(tx: &mut Tx, user: &UserId, now: Millis) -> Stored<bool> {
    let gone = format!("deleted:{}", user.as_str());
    let done = sqlx::query(
        "UPDATE users SET username = $1, username_key = $1, username_skeleton = $1, nickname = NULL,
             email = NULL, email_key = NULL, email_verified_at = NULL, locale = NULL,
             avatar_url = NULL, profile = '{}', password_hash = NULL,
             password_changed_at = NULL, admin_since = NULL,
             disabled_at = COALESCE(disabled_at, $2)
         WHERE id = $3 AND username_key <> $1",
    )
    .bind(gone)
    .bind(now)
    .bind(user.as_str())
    .execute(&mut **tx)
    .await?;
    tx.changes(Change::Everything);
    Ok(done.rows_affected() == 1)
}

/// An account as lists and the account page show it.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// Its id.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// The name to show.
    pub nickname: Option<String>,
    /// The mail address.
    pub email: Option<String>,
    /// Administers Passport since.
    pub admin_since: Option<Millis>,
    /// Disabled since.
    pub disabled_at: Option<Millis>,
    /// Whether a password is set.
    pub has_password: bool,
    /// Last login.
    pub last_login_at: Option<Millis>,
    /// Made at.
    pub created_at: Millis,
}

fn from_row(row: &AnyRow) -> Result<UserRow, sqlx::Error> {
    Ok(UserRow {
        id: row.try_get::<String, _>(0)?.into(),
        username: row.try_get(1)?,
        nickname: row.try_get(2)?,
        email: row.try_get(3)?,
        admin_since: row.try_get(4)?,
        disabled_at: row.try_get(5)?,
        has_password: row.try_get::<Option<i64>, _>(6)?.is_some(),
        last_login_at: row.try_get(7)?,
        created_at: row.try_get(8)?,
    })
}

/// The apps that a person has entered, as a mask over `apps.bit`; 0 for nobody.
pub async fn app_flag(conn: &mut Conn, id: &UserId) -> Stored<i64> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT app_flag FROM users WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(conn)
        .await?;
    Ok(row.map_or(0, |(flag,)| flag))
}

/// An account by id.
pub async fn find(conn: &mut Conn, user: &UserId) -> Stored<Option<UserRow>> {
    let row = sqlx::query(
        "SELECT id, username, nickname, email, admin_since, disabled_at, password_changed_at,
                last_login_at, created_at
         FROM users WHERE id = $1",
    )
    .bind(user.as_str())
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// An account by username.
pub async fn find_by_name(conn: &mut Conn, username: &Username) -> Stored<Option<UserRow>> {
    let row = sqlx::query(
        "SELECT id, username, nickname, email, admin_since, disabled_at, password_changed_at,
                last_login_at, created_at
         FROM users WHERE username_key = $1",
    )
    .bind(username.key())
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// Accounts by name, erased ones left out.
pub async fn list(conn: &mut Conn, limit: i64) -> Stored<Vec<UserRow>> {
    let rows = sqlx::query(
        "SELECT id, username, nickname, email, admin_since, disabled_at, password_changed_at,
                last_login_at, created_at
         FROM users WHERE username_key <> 'deleted:' || id ORDER BY username_key LIMIT $1",
    )
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

/// By which key people are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchBy {
    /// The name to sign in with.
    Name,
    /// The mail address.
    Email,
    /// The id.
    Id,
}

/// Accounts whose key begins with `prefix`, in the order of that key, behind `after`; with each the
/// key under which the next page goes on. Erased ones are left out. (The lower bound finds its place
/// in the index in any collation; what begins otherwise is left out by comparing characters, and no
/// character is a wildcard.)
pub async fn search(
    conn: &mut Conn,
    by: SearchBy,
    prefix: &str,
    after: &str,
    limit: i64,
) -> Stored<Vec<(String, UserRow)>> {
    let sql = match by {
        SearchBy::Name => {
            "SELECT id, username, nickname, email, admin_since, disabled_at, password_changed_at,
                    last_login_at, created_at, username_key
             FROM users
             WHERE username_key >= $1 AND username_key > $2
                 AND substr(username_key, 1, length($1)) = $1 AND username_key <> 'deleted:' || id
             ORDER BY username_key LIMIT $3"
        }
        SearchBy::Email => {
            "SELECT id, username, nickname, email, admin_since, disabled_at, password_changed_at,
                    last_login_at, created_at, email_key
             FROM users
             WHERE email_key >= $1 AND email_key > $2 AND substr(email_key, 1, length($1)) = $1
             ORDER BY email_key LIMIT $3"
        }
        SearchBy::Id => {
            "SELECT id, username, nickname, email, admin_since, disabled_at, password_changed_at,
                    last_login_at, created_at, id
             FROM users
             WHERE id >= $1 AND id > $2 AND substr(id, 1, length($1)) = $1
                 AND username_key <> 'deleted:' || id
             ORDER BY id LIMIT $3"
        }
    };
    let rows = sqlx::query(sql).bind(prefix).bind(after).bind(limit).fetch_all(conn).await?;
    let read = |row: &AnyRow| Ok::<_, sqlx::Error>((row.try_get(9)?, from_row(row)?));
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Until the transaction ends nobody else makes the first admin or takes one away, so that what
/// [`count_admins`] answers stays true (SECURITY-CASES Q-07).
pub async fn lock_admins(tx: &mut Tx) -> Stored<()> {
    meta::put(tx, "admins", "").await
}

/// How many enabled admins there are.
pub async fn count_admins(conn: &mut Conn) -> Stored<i64> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM users WHERE admin_since IS NOT NULL AND disabled_at IS NULL",
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}
