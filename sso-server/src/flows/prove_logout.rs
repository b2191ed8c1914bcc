//! How far a logout has come: for each app, confirmed, waiting, or over (DESIGN 4.6).

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    app::App,
    domain::{
        Millis,
        app::AppId,
        confirmation::{Confirmation, PUSH, Standing},
        events_url::EventsUrl,
        id::LogoutId,
        push::PushState,
    },
    store::{
        Stored, Topic, app_instances, confirmations,
        logouts::{self, LogoutRow},
        push_streams,
    },
};

/// A listener's promise to refuse by itself runs out without anybody writing something down, so
/// whoever waits looks again at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// News of any logout wake whoever watches one. Who has found nothing new pauses before looking again,
/// twice as long each time, so that many open pages beside many logouts are no flood of questions.
const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MOST: Duration = Duration::from_millis(250);

/// A logout and how far each app is.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What ended and why.
    pub logout: LogoutRow,
    /// Each app that lost sessions by it.
    pub apps: Vec<AppProof>,
}

/// One app.
#[derive(Clone, Debug)]
pub struct AppProof {
    /// Its id.
    pub app: AppId,
    /// Its name.
    pub name: String,
    /// What it has to confirm.
    pub confirmation: Confirmation,
    /// How far it is.
    pub standing: Standing,
    /// How pushing to it does, while it has not confirmed.
    pub push: Option<PushState>,
    /// Where its events are pushed.
    pub url: Option<EventsUrl>,
}

impl AppProof {
    /// From the commit to the confirmation.
    pub fn took(&self) -> Option<Millis> {
        self.confirmation.confirmed_at.map(|at| at - self.confirmation.at)
    }

    /// Whether nothing can be accepted at this app any more.
    pub fn is_done(&self) -> bool {
        !matches!(self.standing, Standing::Waiting { .. })
    }
}

impl Proof {
    /// Whether every session that it meant has ended at Passport.
    pub const fn is_carried_out(&self) -> bool {
        self.logout.reach.is_none() || self.logout.finished_at.is_some()
    }

    /// Whether nothing can be accepted anywhere any more.
    pub fn is_done(&self) -> bool {
        self.is_carried_out() && self.apps.iter().all(AppProof::is_done)
    }
}

/// How far a logout is; `None` if it is not known (any more).
pub async fn prove_logout(app: &App, id: &LogoutId) -> Stored<Option<Proof>> {
    let registered = app.db.apps().await?;
    let mut connection = app.db.read().await?;
    let Some(logout) = logouts::find(&mut connection, id).await? else { return Ok(None) };
    let mut apps = Vec::new();
    for confirmation in confirmations::of_logout(&mut connection, id).await? {
        let listeners = match confirmation.confirmed_at {
            Some(_) => Vec::new(),
            None => app_instances::of_app(&mut connection, &confirmation.app).await?,
        };
        let push = match listeners.iter().any(|listener| listener.instance == PUSH) {
            true => push_streams::find(&mut connection, &confirmation.app).await?,
            false => None,
        };
        let standing = confirmation.standing(&listeners, app.clock.now());
        // The last acknowledgement came between the two looks: when it did is written by now, in the
        // same transaction. (Not so when the last listener refuses by itself.)
        let confirmation = match standing {
            Standing::Confirmed { .. } if confirmation.confirmed_at.is_none() => {
                let again = confirmations::of_logout(&mut connection, id).await?;
                again.into_iter().find(|one| one.app == confirmation.app).unwrap_or(confirmation)
            }
            _ => confirmation,
        };
        let known = registered.get(&confirmation.app);
        apps.push(AppProof {
            app: confirmation.app.clone(),
            name: known.map_or_else(|| confirmation.app.to_string(), |app| app.name.clone()),
            standing: confirmation.standing(&listeners, app.clock.now()),
            confirmation,
            push,
            url: known.and_then(|app| app.events_url.clone()),
        });
    }
    Ok(Some(Proof { logout, apps }))
}

/// Waits until `changed` says that there is something new, until every app is done, or until
/// `within` has passed.
pub async fn wait_for_change(
    app: &App,
    id: &LogoutId,
    within: Duration,
    changed: impl Fn(&Proof) -> bool,
) -> Stored<Option<Proof>> {
    wait_until(app, id, within, |proof| changed(proof) || proof.is_done()).await
}

/// Waits until every app is done or `within` has passed; calls `seen` with what changed.
pub async fn wait_for_apps(
    app: &App,
    id: &LogoutId,
    within: Duration,
    mut seen: impl FnMut(&Proof),
) -> Stored<Option<Proof>> {
    let done = |proof: &Proof| {
        seen(proof);
        proof.is_done()
    };
    wait_until(app, id, within, done).await
}

async fn wait_until(
    app: &App,
    id: &LogoutId,
    within: Duration,
    mut enough: impl FnMut(&Proof) -> bool,
) -> Stored<Option<Proof>> {
    let mut waiter = app.db.waiter(Topic::Confirmations);
    let deadline = Instant::now() + within;
    let mut pause = Duration::ZERO;
    loop {
        let Some(proof) = prove_logout(app, id).await? else { return Ok(None) };
        if enough(&proof) || Instant::now() >= deadline || waiter.is_closed() {
            return Ok(Some(proof));
        }
        let paused = Instant::now() + pause;
        // Early or late, both are a reason to look.
        let _ = timeout_at(deadline.min(Instant::now() + LOOK_EVERY), waiter.news()).await;
        sleep_until(deadline.min(paused)).await;
        pause = (pause * 2).clamp(PAUSE, PAUSE_MOST);
    }
}
