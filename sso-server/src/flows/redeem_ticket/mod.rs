//! Redeeming a ticket: it is spent, and the app's session is recorded, in one transaction in which
//! session, user and app are alive.
//!
//! Redemptions that arrive together share the transaction ([`together`]): reaching the database and
//! making it durable costs the same for one as for sixty-four.

mod repeat;
mod together;

use std::{sync::Arc, time::Duration};

use client_sdk::wire::{RedeemRequest, Redeemed, TicketClaims};

use self::{repeat::repeat_or_refuse, together::redeem_together};
use super::signing_keys;
use crate::{
    app::App,
    domain::{
        Millis,
        app::App as Client,
        audit::{Act, Entry},
        id::UserId,
        ticket::{Refusal, Shown, check},
        token::Digest,
    },
    store::{StoreError, Stored, audit, batches::Batches, redemptions::MOST, users},
    tokens::ticket::{Read, read},
};

/// A transaction that takes longer is given up. Apps wait for five seconds and ask again.
const REDEEMED_WITHIN: Duration = Duration::from_secs(10);

/// What an app sends.
#[derive(Debug)]
pub struct Redemption {
    /// The app, authenticated a moment ago.
    pub client: Arc<Client>,
    /// The body.
    pub request: RedeemRequest,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
    /// From where.
    pub address: String,
}

/// Why nobody enters.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    /// One code for all reasons (DESIGN 4.4); the audit log has the one.
    #[error("the ticket is refused: {}", .0.as_str())]
    Refused(Refusal),
    /// The account was disabled after the ticket was issued.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The app was disabled since it called.
    #[error("the app is disabled")]
    AppDisabled,
    /// The app has suspended this person.
    #[error("the person is suspended at this app")]
    Suspended,
    /// The app shows too many bad tickets.
    #[error("too many refused tickets")]
    TooMany {
        /// Not before so many seconds.
        retry_after: i64,
    },
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Redemptions on their way into one transaction.
pub struct Redemptions(Batches<Item, Outcome>);

impl Default for Redemptions {
    fn default() -> Self {
        Self(Batches::new(MOST, REDEEMED_WITHIN))
    }
}

impl std::fmt::Debug for Redemptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redemptions")
    }
}

/// A genuine ticket on its way into the transaction.
#[derive(Clone, Debug)]
struct Item {
    claims: Box<TicketClaims>,
    client: Arc<Client>,
    /// What comparing the ticket with what the app shows has found.
    checked: Result<(), Refusal>,
    max_age: Option<i64>,
    idempotency: Option<Digest>,
    address: String,
}

type Outcome = Result<Redeemed, Denied>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denied {
    Refused(Refusal),
    AccountDisabled,
    AppDisabled,
    Suspended,
    /// The transaction failed: nothing is known.
    Failed,
}

/// Redeems a ticket. Whatever is wrong with a genuine one, showing it spends it (CAS protocol 3.0
/// section 2.5.1; SECURITY-CASES T-02, T-03).
pub async fn redeem_ticket(
    app: &Arc<App>,
    redemption: Redemption,
) -> Result<Redeemed, RedeemError> {
    let now = app.clock.now();
    let client = &redemption.client;
    let limit = app.config.throttle.refused_tickets_per_minute;
    if let Some(retry_after) = app.refused_tickets.too_many(&client.id, limit, now) {
        return Err(RedeemError::TooMany { retry_after });
    }
    let Some(claims) = genuine(app, &redemption.request.ticket, now).await? else {
        app.refused_tickets.count(&client.id, now);
        let entry = refusal_entry(now, client, &redemption.address, Refusal::NotGenuine);
        let mut tx = app.db.write().await?;
        audit::append(&mut tx, &[entry], &app.random).await?;
        tx.commit().await?;
        return Err(RedeemError::Refused(Refusal::NotGenuine));
    };
    let shown = Shown {
        app: &client.id,
        return_to: redemption.request.return_to.as_deref(),
        verifier: redemption.request.verifier.as_deref(),
    };
    let item = Item {
        checked: check(&claims, shown, now),
        claims,
        client: client.clone(),
        max_age: redemption.request.max_age,
        idempotency: redemption.idempotency_key.map(|key| Digest::of(key.as_bytes())),
        address: redemption.address,
    };
    let again = item.clone();
    let shared = app.clone();
    let outcome = app
        .redemptions
        .0
        .submit(item, move |items| redeem_together(shared.clone(), items))
        .await
        .unwrap_or(Err(Denied::Failed));
    match outcome {
        Ok(redeemed) => Ok(redeemed),
        Err(Denied::Refused(Refusal::AlreadyUsed)) => repeat_or_refuse(app, &again, now).await,
        Err(denied) => {
            if denied != Denied::Failed {
                app.refused_tickets.count(&client.id, now);
            }
            // Disabling an account has ended the session before: say which of the two it was.
            if denied == Denied::Refused(Refusal::SessionOver)
                && is_disabled(app, &again.claims.sub.as_str().into()).await?
            {
                return Err(RedeemError::AccountDisabled);
            }
            Err(denied.into())
        }
    }
}

impl Denied {
    /// The word in the audit log.
    const fn refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::AppDisabled => Refusal::AppDisabled,
            Self::AccountDisabled | Self::Suspended | Self::Failed => Refusal::UserBarred,
        }
    }
}

impl From<Denied> for RedeemError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(refusal) => Self::Refused(refusal),
            Denied::AccountDisabled => Self::AccountDisabled,
            Denied::AppDisabled => Self::AppDisabled,
            Denied::Suspended => Self::Suspended,
            Denied::Failed => Self::Store(StoreError::Unavailable("the redemption failed")),
        }
    }
}

/// Reads the text; a key that is not at hand is looked for once.
async fn genuine(app: &App, text: &str, now: Millis) -> Stored<Option<Box<TicketClaims>>> {
    let issuer = &app.config.server.public_url;
    let mut outcome = read(&app.keyring, text, issuer, now);
    if matches!(outcome, Read::UnknownKey) && app.keyring.may_look(now) {
        match signing_keys::look(&app.keyring, &app.db, &app.master).await {
            Ok(()) => outcome = read(&app.keyring, text, issuer, now),
            Err(signing_keys::KeysError::Store(error)) => return Err(error),
            Err(signing_keys::KeysError::Keyring(error)) => {
                tracing::error!(%error, "cannot take over the signing keys");
            }
        }
    }
    Ok(match outcome {
        Read::Genuine(claims) => Some(claims),
        Read::UnknownKey | Read::NotGenuine => None,
    })
}

fn refusal_entry(now: Millis, client: &Client, address: &str, refusal: Refusal) -> Entry {
    Entry::new(now, Act::TicketRefused)
        .app(&client.id)
        .address(address)
        .fact("why", refusal.as_str())
}

/// The line about a genuine ticket, which says whose it is.
fn refusal_of(item: &Item, refusal: Refusal, now: Millis) -> Entry {
    refusal_entry(now, &item.client, &item.address, refusal)
        .user(&item.claims.sub.as_str().into())
        .session(&item.claims.sid.as_str().into())
}

async fn is_disabled(app: &App, user: &UserId) -> Stored<bool> {
    let found = users::find(&mut *app.db.read().await?, user).await?;
    Ok(found.is_some_and(|user| user.disabled_at.is_some()))
}
