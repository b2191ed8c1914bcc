//! Redeeming a ticket: it is spent, and the app's session is recorded, in one transaction in which
//! session, user and app are alive.
//!
//! Redemptions that arrive together share the transaction (`batch`): reaching the database and
//! making it durable costs the same for one as for thirty-two.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use client_sdk::wire::{
    Activation, ActivationState, Cause, RedeemRequest, Redeemed, TicketClaims, User,
};

use super::{
    end_session::{Ending, end_app_session},
    past_deadlocks, signing_keys,
};
use crate::{
    app::App,
    config::OnReuse,
    domain::{
        Millis,
        app::{App as Client, AppId},
        audit::{Act, Entry},
        id::{AppSessionId, SessionId, UserId},
        seconds,
        ticket::{Refusal, Shown, check, check_max_age, check_restored},
        token::Digest,
    },
    store::{
        StoreError, Stored, activations, app_sessions, apps, audit,
        batches::Batches,
        redemptions::{self, Admission, Entrant, MOST, Spend},
        users,
    },
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

async fn redeem_together(app: Arc<App>, items: Vec<Item>) -> Vec<Outcome> {
    match past_deadlocks(StoreError::is_retryable, || try_together(&app, &items)).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            tracing::error!(%error, "tickets could not be redeemed");
            items.iter().map(|_| Err(Denied::Failed)).collect()
        }
    }
}

async fn try_together(app: &App, items: &[Item]) -> Stored<Vec<Outcome>> {
    let now = app.clock.now();
    let spends: Vec<Spend> = items
        .iter()
        .map(|item| Spend {
            jti: item.claims.jti.clone(),
            app: item.client.id.clone(),
            idempotency: item.idempotency.clone(),
            opens: item.checked.is_ok().then(|| AppSessionId::fresh(now, &app.random)),
        })
        .collect();

    let mut tx = app.db.write().await?;
    let mut unspent: HashSet<String> =
        redemptions::spend(&mut tx, &spends, now).await?.into_iter().collect();
    // The first of several with one ticket has it.
    let standing: Vec<Result<(), Refusal>> = items
        .iter()
        .map(|item| match unspent.remove(&item.claims.jti) {
            true => item.checked,
            false => Err(Refusal::AlreadyUsed),
        })
        .collect();
    let sessions: Vec<SessionId> = items
        .iter()
        .zip(&standing)
        .filter(|(_, standing)| standing.is_ok())
        .map(|(item, _)| item.claims.sid.as_str().into())
        .collect();
    let limits = app.config.session_limits();
    let entrants = redemptions::lock_entrants(&mut tx, &sessions, &limits, now).await?;

    let version = entrants.values().map(|entrant| entrant.registry_version).max();
    let clients = items.iter().map(|item| &item.client.id);
    let enabled = match version {
        Some(version) => apps::enabled(&app.db, &mut tx, version, clients).await?,
        // Nobody enters.
        None => HashSet::new(),
    };

    let mut outcomes = Vec::with_capacity(items.len());
    let mut admissions = Vec::new();
    let mut newcomers: HashMap<(UserId, AppId), &Arc<Client>> = HashMap::new();
    let mut entries = Vec::with_capacity(items.len());
    for ((item, standing), spend) in items.iter().zip(standing).zip(&spends) {
        let entrant = entrants.get(&item.claims.sid);
        let outcome = match (standing, &spend.opens) {
            (Ok(()), Some(_)) if entrant.is_some() && !enabled.contains(&item.client.id) => {
                Err(Denied::AppDisabled)
            }
            (Ok(()), Some(opens)) => admit(app, item, entrant, opens, now),
            (Err(refusal), _) => Err(Denied::Refused(refusal)),
            (Ok(()), None) => Err(Denied::Failed),
        };
        match (&outcome, entrant) {
            (Ok(redeemed), Some(entrant)) => {
                admissions.push(Admission {
                    id: redeemed.app_session.as_str().into(),
                    session: entrant.session.clone(),
                    user: entrant.user.clone(),
                    app: item.client.id.clone(),
                    expires_at: redeemed.expires_at * 1_000,
                });
                if !entrant.activations.contains_key(item.client.id.as_str()) {
                    newcomers.insert((entrant.user.clone(), item.client.id.clone()), &item.client);
                }
                entries.push(
                    Entry::new(now, Act::TicketRedeemed)
                        .user(&entrant.user)
                        .session(&entrant.session)
                        .app(&item.client.id)
                        .address(&item.address)
                        .fact("app_session", redeemed.app_session.as_str())
                        .fact("amr", redeemed.amr.clone()),
                );
            }
            (Err(denied), _) => {
                let refusal = denied.refusal();
                // A repeated answer is no refusal; `repeat_or_refuse` writes the line if it is none.
                if refusal != Refusal::AlreadyUsed {
                    entries.push(refusal_of(item, refusal, now));
                }
            }
            (Ok(_), None) => {}
        }
        outcomes.push(outcome);
    }
    if !admissions.is_empty() {
        redemptions::record(&mut tx, &admissions, now).await?;
    }
    let mut newcomers: Vec<_> = newcomers.into_iter().collect();
    newcomers.sort_by(|(one, _), (other, _)| one.cmp(other));
    for ((user, _), client) in newcomers {
        activations::first_entry(&mut tx, &user, client, now).await?;
    }
    audit::append(&mut tx, &entries, &app.random).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// Decides over a ticket that was unspent and fits, and says what the app is told.
fn admit(
    app: &App,
    item: &Item,
    entrant: Option<&Entrant>,
    opens: &AppSessionId,
    now: Millis,
) -> Outcome {
    let entrant = may_enter(item, entrant, now)?;
    let lifetime = app.config.app_session.lifetime.millis();
    let expires_at = entrant.session_expires_at.min(now + lifetime);
    Ok(answer(app, entrant, &item.client, opens, expires_at, now))
}

/// What must hold of session and person, for a first answer and for a repeated one.
fn may_enter<'a>(
    item: &Item,
    entrant: Option<&'a Entrant>,
    now: Millis,
) -> Result<&'a Entrant, Denied> {
    let entrant = entrant
        .filter(|entrant| entrant.user.as_str() == item.claims.sub)
        .ok_or(Denied::Refused(Refusal::SessionOver))?;
    check_restored(&item.claims, entrant.restored_at).map_err(Denied::Refused)?;
    if entrant.disabled_at.is_some() {
        return Err(Denied::AccountDisabled);
    }
    let (state, _) = standing_at(entrant, &item.client, now);
    if state == ActivationState::Suspended {
        return Err(Denied::Suspended);
    }
    check_max_age(entrant.auth_time, item.max_age, &item.claims).map_err(Denied::Refused)?;
    Ok(entrant)
}

fn standing_at(entrant: &Entrant, client: &Client, now: Millis) -> (ActivationState, Millis) {
    entrant.activations.get(client.id.as_str()).copied().unwrap_or((ActivationState::New, now))
}

/// What the app is told, whatever it asked (SECURITY-CASES T-24). Every registered app is granted all
/// of these fields.
fn answer(
    app: &App,
    entrant: &Entrant,
    client: &Client,
    app_session: &AppSessionId,
    expires_at: Millis,
    now: Millis,
) -> Redeemed {
    let person = &entrant.profile;
    let (state, since) = standing_at(entrant, client, now);
    let lease = app.config.events.lease;
    Redeemed {
        app_session: app_session.to_string(),
        session: entrant.session.to_string(),
        user: User {
            id: entrant.user.to_string(),
            username: person.username.clone(),
            nickname: person.nickname.clone(),
            email: person.email.clone(),
            email_verified: person.email_verified_at.is_some(),
            locale: person.locale.clone(),
            avatar_url: person.avatar_url.clone(),
            profile: serde_json::from_str(&person.profile).unwrap_or_default(),
        },
        activation: Activation { state, since: seconds(since) },
        app_flag: person.app_flag | client.mask(),
        ac_flag: person.ac_flag,
        auth_time: seconds(entrant.auth_time),
        amr: entrant.amr.clone(),
        expires_at: seconds(expires_at),
        check_after: seconds(now + lease.millis()),
        lease_seconds: lease.as_seconds(),
    }
}

/// A ticket that was spent before. The app that spent it may hear the answer again under the same
/// key, as the first one may have been lost on the way (SECURITY-CASES T-10); anybody else hears
/// that it is refused.
async fn repeat_or_refuse(app: &App, item: &Item, now: Millis) -> Result<Redeemed, RedeemError> {
    let mut tx = app.db.write().await?;
    let spent = redemptions::find(&mut tx, &item.claims.jti).await?;
    let same_key = |stored: &Option<Digest>| stored.is_some() && *stored == item.idempotency;
    let first = spent
        .filter(|spent| spent.app == item.client.id && item.checked.is_ok())
        .and_then(|spent| spent.opened.map(|opened| (opened, same_key(&spent.idempotency))));
    let Some((opened, repeat)) = first else {
        drop(tx);
        return refuse_reuse(app, item, None, now).await;
    };
    let recorded = app_sessions::find(&mut tx, &item.client.id, &opened).await?;
    let live = recorded.filter(|row| row.ended.is_none() && row.expires_at > now);
    let Some(row) = live.filter(|_| repeat) else {
        drop(tx);
        return refuse_reuse(app, item, (!repeat).then_some(&opened), now).await;
    };
    let limits = app.config.session_limits();
    let entrants = redemptions::lock_entrants(&mut tx, &[row.session], &limits, now).await?;
    let entrant = may_enter(item, entrants.get(&item.claims.sid), now);
    if let Err(denied) = entrant {
        app.refused_tickets.count(&item.client.id, now);
        audit::append(&mut tx, &[refusal_of(item, denied.refusal(), now)], &app.random).await?;
    }
    tx.commit().await?;
    Ok(answer(app, entrant?, &item.client, &opened, row.expires_at, now))
}

/// Perhaps somebody stole a ticket: the audit log says so, and by configuration what the first
/// redemption opened ends (OWASP ASVS 10.4.2; SECURITY-CASES T-05).
async fn refuse_reuse(
    app: &App,
    item: &Item,
    opened: Option<&AppSessionId>,
    now: Millis,
) -> Result<Redeemed, RedeemError> {
    app.refused_tickets.count(&item.client.id, now);
    let entry = refusal_of(item, Refusal::AlreadyUsed, now).fact("possible_theft", true);
    let mut tx = app.db.write().await?;
    audit::append(&mut tx, &[entry], &app.random).await?;
    tx.commit().await?;
    if let (OnReuse::EndAppSession, Some(opened)) = (app.config.ticket.on_reuse, opened) {
        let why = Ending {
            address: Some(&item.address),
            ..Ending::by(Cause::App, "second use of a ticket")
        };
        end_app_session(app, &item.client.id, opened, why).await?;
    }
    Err(RedeemError::Refused(Refusal::AlreadyUsed))
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
