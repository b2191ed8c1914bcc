//! A ticket that is shown again: the answer once more, or a refusal and perhaps a thief.

use client_sdk::wire::{Cause, Redeemed};

use super::{
    Item, RedeemError, refusal_of,
    together::{answer, may_enter},
};
use crate::{
    app::App,
    config::OnReuse,
    domain::{Millis, id::AppSessionId, ticket::Refusal, token::Digest},
    flows::end_session::{Ending, end_app_session},
    store::{app_sessions, audit, redemptions},
};

/// A ticket that was spent before. The app that spent it may hear the answer again under the same
/// key, as the first one may have been lost on the way (SECURITY-CASES T-10); anybody else hears
/// that it is refused.
pub(super) async fn repeat_or_refuse(
    app: &App,
    item: &Item,
    now: Millis,
) -> Result<Redeemed, RedeemError> {
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
