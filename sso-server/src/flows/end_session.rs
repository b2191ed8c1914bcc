//! The one function that ends sessions, whatever the cause: [`end`].
//!
//! It writes the end, the audit line, one event for each live app session, and what each app has
//! to confirm, in one transaction: either all of it happened or none, and an app that reads its log
//! learns of every end.

use std::collections::BTreeMap;

use client_sdk::wire::{Cause, EventKind, Replacement};

use super::past_deadlocks;
use crate::{
    app::App,
    domain::{
        Millis,
        app::AppId,
        audit::{Act, Entry},
        confirmation::Confirmation,
        id::{AppSessionId, LogoutId, SessionId, UserId, fresh_text},
    },
    store::{
        MOST, StoreError, Stored, Tx,
        app_sessions::{self, EndedAppSession},
        audit, confirmations,
        events::{self, NewEvent},
        logouts::{self, NewLogout},
        sessions::{self, EndedSession},
    },
};

/// Why sessions end.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// What the apps and the person are told.
    pub cause: Cause,
    /// Who did it: "user", "operator", "clock", an app's id, an admin's name.
    pub by: &'a str,
    /// From where.
    pub address: Option<&'a str>,
    /// Why, in an admin's words.
    pub reason: Option<&'a str>,
    /// With [`Cause::Kicked`]: the login that takes its place.
    pub replaced_by: Option<&'a Replacement>,
}

impl<'a> Ending<'a> {
    /// Somebody's doing.
    pub const fn by(cause: Cause, by: &'a str) -> Self {
        Self { cause, by, address: None, reason: None, replaced_by: None }
    }

    /// At the command line, by an admin.
    pub const fn by_operator(cause: Cause) -> Self {
        Self::by(cause, "operator")
    }

    /// By the person whose it is.
    pub const fn by_user(address: &'a str) -> Self {
        Self { address: Some(address), ..Self::by(Cause::User, "user") }
    }

    /// Its time was up.
    pub const fn by_clock(cause: Cause) -> Self {
        Self::by(cause, "clock")
    }
}

/// What is to end.
#[derive(Clone, Debug)]
pub enum Target {
    /// These sessions, with all their app sessions.
    Sessions(Vec<SessionId>),
    /// Those of these sessions whose time is up.
    OverSessions(Vec<SessionId>),
    /// These app sessions; the sessions behind them go on.
    AppSessions(Vec<AppSessionId>),
}

impl Target {
    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Sessions(ids) | Self::OverSessions(ids) => ids.is_empty(),
            Self::AppSessions(ids) => ids.is_empty(),
        }
    }

    /// The last of the names.
    pub fn last(&self) -> Option<&str> {
        match self {
            Self::Sessions(ids) | Self::OverSessions(ids) => ids.last().map(SessionId::as_str),
            Self::AppSessions(ids) => ids.last().map(AppSessionId::as_str),
        }
    }
}

/// What was ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Sessions.
    pub sessions: u64,
    /// App sessions that were live.
    pub app_sessions: u64,
    /// Where the apps' confirmations are gathered; `None` when nothing was left to end.
    pub logout: Option<LogoutId>,
}

/// Ends whatever of `target` has not ended yet, inside a transaction of the caller's.
pub async fn end(
    app: &App,
    tx: &mut Tx,
    target: &Target,
    why: Ending<'_>,
    now: Millis,
) -> Stored<Ended> {
    let logout = LogoutId::fresh(now, &app.random);
    let lost = take(tx, target, &logout, why, now).await?;
    if lost.is_empty() {
        return Ok(Ended::default());
    }
    let new = NewLogout {
        id: &logout,
        at: now,
        cause: why.cause,
        actor: why.by,
        reason: why.reason,
        user: lost.one_person(),
    };
    logouts::insert(tx, new, lost.sessions.len(), lost.live(now)).await?;
    tell(app, tx, &lost, &logout, why, now).await
}

/// The same as a portion of a logout that was written down before.
pub async fn end_portion(
    app: &App,
    tx: &mut Tx,
    logout: &LogoutId,
    target: &Target,
    why: Ending<'_>,
    now: Millis,
) -> Stored<Ended> {
    let lost = take(tx, target, logout, why, now).await?;
    if lost.is_empty() {
        return Ok(Ended::default());
    }
    logouts::count(tx, logout, lost.sessions.len(), lost.live(now), now).await?;
    tell(app, tx, &lost, logout, why, now).await
}

/// What a transaction has ended.
#[derive(Default)]
struct Lost {
    sessions: Vec<EndedSession>,
    app_sessions: Vec<EndedAppSession>,
}

impl Lost {
    fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.app_sessions.is_empty()
    }

    fn one_person(&self) -> Option<&UserId> {
        let mut users = self
            .sessions
            .iter()
            .map(|session| &session.user)
            .chain(self.app_sessions.iter().map(|session| &session.user));
        let first = users.next()?;
        users.all(|user| user == first).then_some(first)
    }

    fn live(&self, now: Millis) -> usize {
        self.app_sessions.iter().filter(|one| one.expires_at > now).count()
    }
}

/// Ends the rows. Ending one that is over already is nobody's news.
async fn take(
    tx: &mut Tx,
    target: &Target,
    logout: &LogoutId,
    why: Ending<'_>,
    now: Millis,
) -> Stored<Lost> {
    let mut lost = Lost::default();
    match target {
        Target::Sessions(ids) | Target::OverSessions(ids) => {
            let only_over = matches!(target, Target::OverSessions(_));
            for ids in ids.chunks(MOST) {
                let ended = sessions::end(tx, ids, why.cause, logout, only_over, now).await?;
                let ids: Vec<SessionId> = ended.iter().map(|one| one.id.clone()).collect();
                let apps = app_sessions::end_of_sessions(tx, &ids, why.cause, logout, now).await?;
                lost.sessions.extend(ended);
                lost.app_sessions.extend(apps);
            }
        }
        Target::AppSessions(ids) => {
            for ids in ids.chunks(MOST) {
                let ended = app_sessions::end_these(tx, ids, why.cause, logout, now).await?;
                lost.app_sessions.extend(ended);
            }
        }
    }
    Ok(lost)
}

/// Writes the audit lines, the events, and what the apps have to confirm. Logs in the order of app
/// ids, see `events::append`.
async fn tell(
    app: &App,
    tx: &mut Tx,
    lost: &Lost,
    logout: &LogoutId,
    why: Ending<'_>,
    now: Millis,
) -> Stored<Ended> {
    let mut logs: BTreeMap<&AppId, Vec<NewEvent>> = BTreeMap::new();
    for one in lost.app_sessions.iter().filter(|one| one.expires_at > now) {
        logs.entry(&one.app).or_default().push(NewEvent {
            id: fresh_text(now, &app.random),
            kind: EventKind::SessionEnded,
            app_session: Some(one.id.clone()),
            session: Some(one.session.clone()),
            user: one.user.clone(),
            cause: Some(why.cause),
            expires_at: Some(one.expires_at),
            detail: why.replaced_by.cloned(),
        });
    }
    for (log, new) in logs {
        let last_seq = events::append(tx, log, &new, now).await?;
        let part = Confirmation {
            app: log.clone(),
            app_sessions: i64::try_from(new.len()).unwrap_or(i64::MAX),
            last_seq,
            at: now,
            over_at: new.iter().filter_map(|event| event.expires_at).max().unwrap_or(now),
            confirmed_at: None,
        };
        confirmations::add(tx, logout, &part).await?;
    }
    audit::append(tx, &entries(lost, logout, why, now), &app.random).await?;
    app.metrics.ended(why.cause.as_str(), lost.sessions.len() as u64);
    Ok(Ended {
        sessions: lost.sessions.len() as u64,
        app_sessions: lost.live(now) as u64,
        logout: Some(logout.clone()),
    })
}

fn entries(lost: &Lost, logout: &LogoutId, why: Ending<'_>, now: Millis) -> Vec<Entry> {
    let entry = |act| {
        let mut entry = Entry::new(now, act)
            .fact("cause", why.cause.as_str())
            .fact("by", why.by)
            .fact("logout", logout.as_str());
        if let Some(reason) = why.reason {
            entry = entry.fact("reason", reason);
        }
        entry.address = why.address.map(str::to_owned);
        entry
    };
    if lost.sessions.is_empty() {
        let one = |ended: &EndedAppSession| {
            entry(Act::AppSessionEnded)
                .user(&ended.user)
                .session(&ended.session)
                .app(&ended.app)
                .fact("app_session", ended.id.as_str())
        };
        return lost.app_sessions.iter().map(one).collect();
    }
    let mut apps: BTreeMap<&SessionId, usize> = BTreeMap::new();
    for ended in &lost.app_sessions {
        *apps.entry(&ended.session).or_default() += 1;
    }
    let one = |ended: &EndedSession| {
        let count = apps.get(&ended.id).copied().unwrap_or_default();
        entry(Act::SessionEnded).user(&ended.user).session(&ended.id).fact("app_sessions", count)
    };
    lost.sessions.iter().map(one).collect()
}

/// Ends one session.
pub async fn end_session(app: &App, id: &SessionId, why: Ending<'_>) -> Stored<Ended> {
    end_with(app, why, &Choice::These(Target::Sessions(vec![id.clone()]))).await
}

/// Ends one session if its time is up.
pub async fn end_over_session(app: &App, id: &SessionId, cause: Cause) -> Stored<Ended> {
    let target = Target::OverSessions(vec![id.clone()]);
    end_with(app, Ending::by_clock(cause), &Choice::These(target)).await
}

/// Ends one session, if it is this person's.
pub async fn end_own_session(
    app: &App,
    user: &UserId,
    id: &SessionId,
    why: Ending<'_>,
) -> Stored<Ended> {
    end_with(app, why, &Choice::OfUser { user, only: Some(id), except: None }).await
}

/// Ends all sessions of a person, but for `except`.
pub async fn end_all_of_user(
    app: &App,
    user: &UserId,
    except: Option<&SessionId>,
    why: Ending<'_>,
) -> Stored<Ended> {
    end_with(app, why, &Choice::OfUser { user, only: None, except }).await
}

/// The same inside a transaction of the caller's.
pub async fn end_all_of_user_in(
    app: &App,
    tx: &mut Tx,
    user: &UserId,
    except: Option<&SessionId>,
    why: Ending<'_>,
    now: Millis,
) -> Stored<Ended> {
    let choice = Choice::OfUser { user, only: None, except };
    let target = choice.target(tx).await?;
    end(app, tx, &target, why, now).await
}

/// Ends one app's session; the session behind it goes on. `None` when there is no such app session
/// at this app.
pub async fn end_app_session(
    app: &App,
    client: &AppId,
    id: &AppSessionId,
    why: Ending<'_>,
) -> Stored<Option<Ended>> {
    if app_sessions::find(&mut *app.db.read().await?, client, id).await?.is_none() {
        return Ok(None);
    }
    let target = Target::AppSessions(vec![id.clone()]);
    end_with(app, why, &Choice::These(target)).await.map(Some)
}

/// What [`end_with`] is to end.
enum Choice<'a> {
    /// These.
    These(Target),
    /// Of a person's sessions: this one, or all but one.
    OfUser { user: &'a UserId, only: Option<&'a SessionId>, except: Option<&'a SessionId> },
}

impl Choice<'_> {
    async fn target(&self, tx: &mut Tx) -> Stored<Target> {
        match self {
            Self::These(target) => Ok(target.clone()),
            Self::OfUser { user, only, except } => {
                let mut own = sessions::unended_of_user(tx, user).await?;
                own.retain(|id| Some(id) != *except && only.is_none_or(|only| id == only));
                Ok(Target::Sessions(own))
            }
        }
    }
}

/// Chooses and ends in a transaction of its own. Two logouts that reach the same sessions may lock
/// them in different orders; the one that PostgreSQL sends back begins anew.
async fn end_with(app: &App, why: Ending<'_>, choice: &Choice<'_>) -> Stored<Ended> {
    let end = || async {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let target = choice.target(&mut tx).await?;
        let ended = end(app, &mut tx, &target, why, now).await?;
        tx.commit().await?;
        Ok(ended)
    };
    past_deadlocks(StoreError::is_retryable, end).await
}
