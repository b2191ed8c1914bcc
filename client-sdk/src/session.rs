//! An app's own session of a person.

use serde::{Deserialize, Serialize};

use crate::wire::{Redeemed, Seconds, User};

/// What an app keeps, in its own session store, of somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSession {
    /// Its name at Passport: events end it by this.
    pub id: String,
    /// The session at Passport behind it.
    pub session: String,
    /// Who.
    pub user: User,
    /// When they last proved who they are.
    pub auth_time: Seconds,
    /// How (RFC 8176).
    pub amr: Vec<String>,
    /// Signed in here at.
    pub since: Seconds,
    /// Over at the latest.
    pub expires_at: Seconds,
}

impl AppSession {
    /// From the answer to a redemption.
    pub fn new(redeemed: Redeemed, now: Seconds) -> Self {
        Self {
            id: redeemed.app_session,
            session: redeemed.session,
            user: redeemed.user,
            auth_time: redeemed.auth_time,
            amr: redeemed.amr,
            since: now,
            expires_at: redeemed.expires_at,
        }
    }
}
