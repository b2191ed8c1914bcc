//! The one function that issues sessions.

use client_sdk::wire::Cause;

use super::end_session::{self, Ending, Target};
use crate::{
    app::App,
    domain::{
        Millis,
        audit::{Act, Entry},
        device::Device,
        id::{SessionId, UserId},
        session::LiveSession,
        throttle::Attempt,
        token::Token,
    },
    store::{StoreError, Tx, audit, sessions, throttles, users},
};

/// Somebody who proved who they are. Only the flows that take a proof can make one, so no way in
/// can do without (SECURITY-CASES INV-10).
#[derive(Debug)]
pub struct Authenticated {
    pub(super) user: UserId,
    /// Factors (RFC 8176).
    pub(super) amr: &'static [&'static str],
    /// The counted attempt that this log-in is, at the account or the known device …
    pub(super) attempt: Attempt,
    /// … and at the network, unless the device is known.
    pub(super) network: Option<Attempt>,
}

/// Where a session begins.
#[derive(Debug)]
pub struct Origin {
    /// The device.
    pub device: Device,
    /// The address.
    pub address: String,
    /// "Keep me signed in".
    pub keep: bool,
    /// The session that this browser has now.
    pub current: Option<LiveSession>,
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
    /// Others' attempts have blocked the account since this log-in began.
    #[error("the account is blocked for a while")]
    Blocked,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
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
    if !users::note_login(tx, &who.user, now).await? {
        return Err(IssueSessionError::Disabled);
    }
    if !throttles::settle(tx, &who.attempt, who.network.as_ref(), now).await? {
        return Err(IssueSessionError::Blocked);
    }
    let limits = app.config.session_limits();
    let token = Token::fresh(&app.random);
    let digest = token.digest();

    if let Some(current) = &origin.current {
        if current.user == who.user {
            let renewal = sessions::Renewal {
                id: &current.id,
                digest: &digest,
                amr: who.amr,
                kept: origin.keep,
                now,
                idle_until: limits.idle_until(now, current.expires_at, origin.keep),
            };
            if sessions::renew(tx, &current.digest(), renewal).await? {
                note(app, tx, Act::LoggedInAgain, who, &current.id, origin, now).await?;
                let kept_for = origin.keep.then_some(current.expires_at - now);
                return Ok(IssuedSession { id: current.id.clone(), token, kept_for });
            }
        } else {
            let why = Ending {
                address: Some(&origin.address),
                ..Ending::by(Cause::User, "another log-in in this browser")
            };
            let target = Target::Sessions(vec![current.id.clone()]);
            end_session::end(app, tx, &target, why, now).await?;
        }
    }

    let id = SessionId::fresh(now, &app.random);
    let expires_at = now + limits.lifetime;
    let new = sessions::NewSession {
        id: &id,
        digest: &digest,
        user: &who.user,
        amr: who.amr,
        kept: origin.keep,
        device: &origin.device,
        address: &origin.address,
        now,
        idle_until: limits.idle_until(now, expires_at, origin.keep),
        expires_at,
    };
    sessions::insert(tx, new).await?;
    note(app, tx, Act::LoggedIn, who, &id, origin, now).await?;
    Ok(IssuedSession { id, token, kept_for: origin.keep.then_some(limits.lifetime) })
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
    let entry = Entry::new(now, act)
        .user(&who.user)
        .session(session)
        .address(&origin.address)
        .fact("amr", who.amr.to_vec())
        .fact("device", origin.device.label.as_str());
    audit::append(tx, &[entry], &app.random).await
}
