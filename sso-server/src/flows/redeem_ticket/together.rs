//! The transaction of a redemption, shared by those that arrive together, and what it decides.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use client_sdk::wire::{Activation, ActivationState, Redeemed, User};

use super::{Denied, Item, Outcome, refusal_of};
use crate::{
    app::App,
    domain::{
        Millis,
        app::{App as Client, AppId},
        audit::{Act, Entry},
        id::{AppSessionId, SessionId, UserId},
        seconds,
        ticket::{Refusal, check_max_age, check_restored},
    },
    flows::past_deadlocks,
    store::{
        StoreError, Stored, activations, apps, audit,
        redemptions::{self, Admission, Entrant, Spend},
    },
};

pub(super) async fn redeem_together(app: Arc<App>, items: Vec<Item>) -> Vec<Outcome> {
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
pub(super) fn may_enter<'a>(
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
pub(super) fn answer(
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
