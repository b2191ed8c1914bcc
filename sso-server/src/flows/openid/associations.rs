//! Keys shared with providers: made and renewed beside the logins, never in their way (OPENID A14).
//!
//! A login that finds no key goes without, at once; when it ends well it leaves a line that one would
//! be of use. Here these lines are worked off. A line is leased before anybody is asked, so of several
//! nodes one asks, and a node that dies with it is replaced when the lease runs out.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use openid2::{
    association::{
        Association,
        associate::{Associate, AssociateError, Secrets},
    },
    names::Version,
    url::WebUrl,
};

use super::sealed;
use crate::{
    app::App,
    domain::{DAY, HOUR, MINUTE, Millis, SECOND, seconds},
    store::{
        Stored, openid_associations,
        openid_wanted::{self, Wanted},
    },
    upstream::openid::{self, ExchangeError, RelyingParty},
};

/// How often lines of other nodes, and those whose pause is over, are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Most providers that are asked at a time.
const AT_ONCE: usize = 4;
/// Most of one look.
const LOOKED_AT: i64 = 16;
/// Longer than an exchange and the writing around it may take.
const LEASE: Millis = MINUTE;
/// After so many tries in vain a provider is forgotten, until somebody logs in there again.
const TRIES: i64 = 8;
/// Pauses grow from the first to the second.
const PAUSES: (Millis, Millis) = (MINUTE, 6 * HOUR);
/// Somebody must have logged in so lately, or the key is not renewed.
const USED_WITHIN: Millis = 7 * DAY;

/// Works off what is wanted, until dropped.
pub async fn run(app: Arc<App>) {
    if app.openid.is_none() {
        return;
    }
    let mut configured = false;
    loop {
        let worked = async {
            if !configured {
                want_configured(&app).await?;
                configured = true;
            }
            associate_due(&app).await
        };
        if let Err(error) = worked.await {
            tracing::warn!(%error, "cannot look for providers to share keys with; trying again");
        }
        tokio::select! {
            () = app.association_wanted.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Writes down the providers of `openid.prefetch_association`, and no others as configured.
pub async fn want_configured(app: &App) -> Stored<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    openid_wanted::unconfigure_all(&mut tx).await?;
    for endpoint in &app.config.openid.prefetch_association {
        let version = Version::V2.as_str();
        let row = openid_associations::longest_lasting(&mut tx, endpoint, version).await?;
        let known = row.is_some_and(|row| row.expires_at > seconds(now) + HOUR / SECOND);
        openid_wanted::want(&mut tx, endpoint, version, known, true, now).await?;
    }
    tx.commit().await
}

/// One look: asks whoever is due.
pub async fn associate_due(app: &App) -> Stored<()> {
    let Some(ours) = &app.openid else { return Ok(()) };
    let due = {
        let mut connection = app.db.read().await?;
        openid_wanted::due(&mut connection, app.clock.now(), LOOKED_AT).await?
    };
    let turn = |wanted: Wanted| async move {
        if let Err(error) = turn(app, ours, &wanted).await {
            tracing::warn!(%error, endpoint = wanted.op_endpoint, "cannot share a key");
        }
    };
    stream::iter(due).for_each_concurrent(AT_ONCE, turn).await;
    Ok(())
}

async fn turn(app: &App, ours: &RelyingParty, wanted: &Wanted) -> Stored<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let leased = openid_wanted::lease(&mut tx, wanted, now, now + LEASE).await?;
    tx.commit().await?;
    if !leased {
        return Ok(());
    }
    let idle = !wanted.configured && wanted.last_wanted_at < now - USED_WITHIN;
    let (row, tries, next) = match idle {
        // Nobody would use it; the next login there asks for it again.
        true => (None, 0, Some(None)),
        false => ask(app, ours, wanted).await,
    };
    let mut tx = app.db.write().await?;
    if let Some(row) = row {
        openid_associations::put(&mut tx, &sealed(app, &row)).await?;
    }
    match next {
        Some(next) => openid_wanted::settle(&mut tx, wanted, tries, next).await?,
        None => openid_wanted::remove(&mut tx, wanted).await?,
    }
    tx.commit().await
}

/// Asks one provider. Answers the key, how many tries were in vain, and when to try again; `None`
/// instead of a time forgets the provider.
async fn ask(
    app: &App,
    ours: &RelyingParty,
    wanted: &Wanted,
) -> (Option<Association>, i64, Option<Option<Millis>>) {
    let (Ok(endpoint), Some(version)) =
        (WebUrl::parse(&wanted.op_endpoint), Version::parse(&wanted.version))
    else {
        return (None, 0, None);
    };
    let now = app.clock.now();
    let secrets = Secrets::new([app.random.bytes(), app.random.bytes()]);
    let step = Associate::start(&endpoint, version, &ours.policy, secrets, seconds(now));
    let answer = openid::run(step, &app.transport).await;
    let tomorrow = Some(Some(now + DAY));
    match answer {
        // One that does not outlive a login is of no use: such a provider is asked each time.
        Ok(key) if !key.serves_new_logins(seconds(now)) => (Some(key), 0, tomorrow),
        Ok(key) => {
            let renew_at = renewal(&key);
            (Some(key), 0, Some(Some(renew_at)))
        }
        Err(ExchangeError::Failed(AssociateError::Unsupported | AssociateError::Forbidden)) => {
            (None, 0, tomorrow)
        }
        Err(error) => {
            let tries = wanted.tries + 1;
            tracing::info!(provider = endpoint.host(), %error, tries, "no key is shared");
            let given_up = tries >= TRIES && !wanted.configured;
            let pause = pause(tries, app.random.fraction());
            (None, tries, (!given_up).then_some(Some(now + pause)))
        }
    }
}

/// When a key wants its successor: in the last hour or fifth of its life, whichever is longer, but
/// not in its first half.
fn renewal(key: &Association) -> Millis {
    let life = key.expires_at - key.issued_at;
    let left = (life / 5).max(3_600).min(life / 2);
    (key.expires_at - left) * SECOND + 1
}

/// The pause after the `tries`th try in vain: doubled each time, with up to half of it at random, so
/// that nodes and providers do not meet at the same moment.
fn pause(tries: i64, chance: f64) -> Millis {
    let doubled = PAUSES.0 << (tries - 1).clamp(0, 20);
    let longest = doubled.min(PAUSES.1);
    longest / 2 + (longest as f64 / 2.0 * chance) as Millis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!((pause(1, 0.0), pause(1, 1.0)), (MINUTE / 2, MINUTE));
        assert_eq!(pause(3, 1.0), 4 * MINUTE);
        assert_eq!((pause(9, 1.0), pause(63, 1.0)), (256 * MINUTE, 6 * HOUR));
    }
}
