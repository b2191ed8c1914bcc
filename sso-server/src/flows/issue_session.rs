//! The one function that issues sessions.

use client_sdk::wire::{Cause, Replacement};

use super::end_session::{self, Ending, Target};
use crate::{
    app::App,
    domain::{
        Millis,
        app::AppId,
        audit::{Act, Entry},
        device::Device,
        id::{SessionId, UserId},
        identity::Proof,
        seconds,
        session::LiveSession,
        session_caps::OnExcess,
        throttle::Attempt,
        token::Token,
    },
    store::{StoreError, Tx, audit, identities, sessions, throttles, users},
};

/// Somebody who proved who they are. Only the flows that take a proof can make one, so no way in
/// can do without (SECURITY-CASES INV-10).
#[derive(Debug)]
pub struct Authenticated {
    pub(super) user: UserId,
    /// When they proved it: the session's `auth_time` (OpenID Connect Core, section 2).
    pub(super) proven_at: Millis,
    /// By what.
    pub(super) proof: Proof,
    /// The counted attempt that this login is, at the account or the known device; `None` when it
    /// was settled before …
    pub(super) attempt: Option<Attempt>,
    /// … and at those that many share, the network and the app, unless the device is known.
    pub(super) shared: Vec<Attempt>,
}

/// Where a session begins.
#[derive(Debug)]
pub struct Origin {
    /// The device.
    pub device: Device,
    /// The address.
    pub address: String,
    /// The network that it belongs to: what the displaced are told, and attempts are counted by.
    pub network: String,
    /// "Keep me signed in".
    pub keep: bool,
    /// The session that this browser has now.
    pub current: Option<LiveSession>,
    /// Where the person may have too many sessions: those they give up for this one.
    pub gives_up: Vec<SessionId>,
    /// The app whose server passed name and password on; `None` for our own pages.
    pub app: Option<AppId>,
}

/// A session and what names it in the browser.
#[derive(Debug)]
pub struct IssuedSession {
    /// Its name.
    pub id: SessionId,
    /// For the cookie. There was no other moment to learn it and there will be none.
    pub token: Token,
    /// Whether the cookie outlives the browser, and for how long.
    pub kept_for: Option<Millis>,
}

/// Why no session is issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueSessionError {
    /// The account is disabled, or gone.
    #[error("the account is disabled")]
    Disabled,
    /// The password was changed since it was compared.
    #[error("the password was changed")]
    PasswordChanged,
    /// The identity that was proven is not this account's any more.
    #[error("the identity was removed")]
    IdentityRemoved,
    /// Others' attempts have blocked the account since this login began.
    #[error("the account is blocked for a while")]
    Blocked,
    /// The person has as many sessions as are allowed, and a newcomer is refused.
    #[error("too many sessions")]
    TooManySessions,
    /// The person has as many sessions as are allowed, and chooses which one ends.
    #[error("too many sessions, the person chooses")]
    ChooseWhichEnds,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IssueSessionError {
    /// Whether another try may succeed: PostgreSQL chose this transaction as a deadlock's victim.
    pub(super) fn is_victim(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

/// Issues a session, or gives the one that this browser has a new cookie if it is the same person.
/// The old cookie is void with the commit (SECURITY-CASES S-05, L-16). Another person's session in
/// this browser ends: nothing of it is left for the newcomer (S-12).
pub async fn issue_session(
    app: &App,
    tx: &mut Tx,
    who: &Authenticated,
    origin: &Origin,
    now: Millis,
) -> Result<IssuedSession, IssueSessionError> {
    let password_set_at =
        users::note_login(tx, &who.user, now).await?.ok_or(IssueSessionError::Disabled)?;
    match &who.proof {
        // Whoever changed it has ended the sessions there were; this one would have been missed.
        Proof::Password { set_at } if password_set_at != *set_at => {
            return Err(IssueSessionError::PasswordChanged);
        }
        Proof::Password { .. } => {}
        // Behind the person's row, as whoever removes one does (SECURITY-CASES A-17).
        Proof::Identity(id) => {
            if !identities::note_use(tx, id, &who.user, now).await? {
                return Err(IssueSessionError::IdentityRemoved);
            }
        }
    }
    if let Some(attempt) = &who.attempt
        && !throttles::settle(tx, attempt, &who.shared, now).await?
    {
        return Err(IssueSessionError::Blocked);
    }
    let limits = app.config.session_limits();
    let token = Token::fresh(&app.random);
    let digest = token.digest();

    let ours = origin.current.as_ref().filter(|current| current.user == who.user);
    if let Some(current) = ours {
        let renewal = sessions::Renewal {
            id: &current.id,
            digest: &digest,
            amr: who.proof.amr(),
            identity: who.proof.identity(),
            kept: origin.keep,
            auth_time: who.proven_at,
            now,
            idle_until: limits.idle_until(now, current.expires_at, origin.keep),
        };
        if sessions::renew(tx, &current.digest(), renewal).await? {
            note(app, tx, Act::LoggedInAgain, who, &current.id, origin, now).await?;
            let kept_for = origin.keep.then_some(current.expires_at - now);
            return Ok(IssuedSession { id: current.id.clone(), token, kept_for });
        }
    }

    let id = SessionId::fresh(now, &app.random);
    make_room(app, tx, who, origin, &id, now).await?;
    if let Some(strangers) = origin.current.as_ref().filter(|current| current.user != who.user) {
        let why = Ending {
            address: Some(&origin.address),
            ..Ending::by(Cause::User, "another login in this browser")
        };
        let target = Target::Sessions(vec![strangers.id.clone()]);
        end_session::end(app, tx, &target, why, now).await?;
    }
    let expires_at = now + limits.lifetime;
    let new = sessions::NewSession {
        id: &id,
        digest: &digest,
        user: &who.user,
        amr: who.proof.amr(),
        identity: who.proof.identity(),
        kept: origin.keep,
        device: &origin.device,
        address: &origin.address,
        auth_time: who.proven_at,
        now,
        idle_until: limits.idle_until(now, expires_at, origin.keep),
        expires_at,
    };
    sessions::insert(tx, new).await?;
    note(app, tx, Act::LoggedIn, who, &id, origin, now).await?;
    Ok(IssuedSession { id, token, kept_for: origin.keep.then_some(limits.lifetime) })
}

/// Keeps the person within `session.max_…`. `note_login` holds the person's row, so that of many
/// logins at once each counts those before it.
async fn make_room(
    app: &App,
    tx: &mut Tx,
    who: &Authenticated,
    origin: &Origin,
    newcomer: &SessionId,
    now: Millis,
) -> Result<(), IssueSessionError> {
    let caps = app.config.session_caps();
    if caps.is_unlimited() {
        return Ok(());
    }
    let (given_up, kept): (Vec<_>, Vec<_>) = sessions::held_by(tx, &who.user, now)
        .await?
        .into_iter()
        .partition(|held| origin.gives_up.contains(&held.id));
    let excess = caps.excess(&kept, origin.device.class);
    let ends = match app.config.session.on_excess {
        _ if excess.is_empty() => given_up.into_iter().map(|held| held.id).collect(),
        OnExcess::KickOldest => excess,
        OnExcess::Deny => return Err(IssueSessionError::TooManySessions),
        OnExcess::Ask => return Err(IssueSessionError::ChooseWhichEnds),
    };
    let replacement = Replacement {
        session: newcomer.to_string(),
        device: origin.device.label.clone(),
        address: origin.network.clone(),
        at: seconds(now),
    };
    let why = Ending {
        address: Some(&origin.address),
        replaced_by: Some(&replacement),
        ..Ending::by(Cause::Kicked, "a newer login")
    };
    end_session::end(app, tx, &Target::Sessions(ends), why, now).await?;
    Ok(())
}

async fn note(
    app: &App,
    tx: &mut Tx,
    act: Act,
    who: &Authenticated,
    session: &SessionId,
    origin: &Origin,
    now: Millis,
) -> Result<(), StoreError> {
    let mut entry = Entry::new(now, act)
        .user(&who.user)
        .session(session)
        .address(&origin.address)
        .fact("amr", who.proof.amr().to_vec())
        .fact("device", origin.device.label.as_str());
    entry.app = origin.app.clone();
    audit::append(tx, &[entry], &app.random).await
}
