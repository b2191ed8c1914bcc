//! A new password makes an account its owner's again: nothing that somebody else may have left there
//! opens it from then on.
//!
//! Whoever was in for a while may have bound an OpenID of their own, or have been given a link
//! (SECURITY-CASES A-03, P-08). Neither the clock nor the log tells theirs from the owner's, so all of
//! them go, and the owner adds those that are theirs again. The account keeps a way in: the password.

use crate::{
    app::App,
    domain::{
        Millis,
        audit::{Act, Entry},
        id::UserId,
    },
    store::{Stored, Tx, audit, identities, one_time_links, users},
};

/// Sets the password of an enabled account and closes its other ways in; `false` when it is disabled
/// or gone. Sessions are the caller's to end, in this transaction. `address` is the browser's.
pub(super) async fn replace_password(
    app: &App,
    tx: &mut Tx,
    user: &UserId,
    hash: &str,
    address: Option<&str>,
    now: Millis,
) -> Stored<bool> {
    // Holds the person's row: an identity that is being added meanwhile is there by now and goes, or
    // finds its session ended (`add_identity`).
    if !users::set_password(tx, user, hash, now).await? {
        return Ok(false);
    }
    one_time_links::void_of_user(tx, user, now).await?;
    let freed = identities::of_user(tx, user).await?;
    identities::free_of_user(tx, user).await?;
    let gone = freed.iter().map(|row| {
        Entry::new(now, Act::IdentityRemoved).fact("identity", row.identity.shown.as_str())
    });
    let entries: Vec<Entry> = [Entry::new(now, Act::PasswordSet)]
        .into_iter()
        .chain(gone)
        .map(|entry| Entry { address: address.map(str::to_owned), ..entry.user(user) })
        .collect();
    audit::append(tx, &entries, &app.random).await?;
    Ok(true)
}
