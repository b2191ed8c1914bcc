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
    /// Signed in here at, by Passport's clock.
    pub since: Seconds,
    /// Over at the latest.
    pub expires_at: Seconds,
}

impl AppSession {
    /// From the answer to a redemption.
    pub fn new(redeemed: Redeemed, now: Seconds) -> Self {
        // When Passport answered. Its events tell its time, too, whatever our clock says; a promise
        // that makes no sense leaves ours.
        let answered = redeemed.check_after.saturating_sub(redeemed.lease_seconds);
        Self {
            id: redeemed.app_session,
            session: redeemed.session,
            user: redeemed.user,
            auth_time: redeemed.auth_time,
            amr: redeemed.amr,
            since: if answered > 0 { answered } else { now },
            expires_at: redeemed.expires_at,
        }
    }
}
