//! Somebody with too many sessions chooses which one makes room (`session.on_excess = "ask"`).
//!
//! The password was right and is not asked for again: what was proven waits for some minutes under
//! a token that only that browser was told.

use super::{
    issue_session::{Authenticated, IssueSessionError, Origin, issue_session},
    log_in::{LoggedIn, counter_of, device_cookie, known_device},
};
use crate::{
    app::App,
    domain::{MINUTE, Millis, id::SessionId, identity::Proof, throttle::is_blocked, token::Token},
    store::{
        StoreError, Stored, Tx,
        pending_logins::{self, PendingLogin},
        sessions::{self, ListedSession},
        throttles,
    },
};

/// How long a choice may take.
const OPEN_FOR: Millis = 10 * MINUTE;
/// Most sessions that are shown.
const SHOWN: i64 = 100;

/// What there is to choose from.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Comes back with the choice.
    pub token: Token,
    /// The person's sessions.
    pub sessions: Vec<ListedSession>,
}

/// Why a choice did not let anybody in.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// Used, too old, or the account was disabled, blocked or got a new password meanwhile.
    #[error("this choice is not open any more")]
    Void,
    /// There is more to give up.
    #[error("too many sessions still")]
    StillTooMany(Choice),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes down that somebody waits to choose, inside the transaction that found them to be who they
/// say.
pub(super) async fn offer(
    app: &App,
    tx: &mut Tx,
    who: &Authenticated,
    keep: bool,
    now: Millis,
) -> Stored<Choice> {
    let token = Token::fresh(&app.random);
    let pending = PendingLogin {
        user: who.user.clone(),
        proven_at: who.proven_at,
        proof: who.proof.clone(),
        keep,
    };
    pending_logins::insert(tx, &token.digest(), &pending, now + OPEN_FOR).await?;
    let sessions = sessions::live_of_user(tx, &who.user, now, SHOWN).await?;
    Ok(Choice { token, sessions })
}

/// Lets somebody in who has chosen; `origin.gives_up` is what ends. `device` is the cookie of a known
/// device.
pub async fn choose_session(
    app: &App,
    token: &Token,
    origin: Origin,
    device: Option<&str>,
) -> Result<LoggedIn, ChooseError> {
    let now = app.clock.now();
    let digest = token.digest();
    let mut tx = app.db.write().await?;
    let pending = pending_logins::take(&mut tx, &digest, now).await?.ok_or(ChooseError::Void)?;
    let origin = Origin { keep: pending.keep, ..origin };
    let user = pending.user.clone();
    let device = known_device(app, &user, device);
    // Blocked since the password was right: nobody gets in by what began before (INV-03). Guesses at
    // the password say nothing about an identity.
    if let Proof::Password { .. } = pending.proof {
        let counter = counter_of(&user, device.as_deref());
        let until = throttles::blocked_until(&mut tx, &counter).await?;
        if until.is_some_and(|until| is_blocked(until, now)) {
            return Err(ChooseError::Void);
        }
    }
    let who = Authenticated {
        user: user.clone(),
        proven_at: pending.proven_at,
        proof: pending.proof,
        attempt: None,
        shared: Vec::new(),
    };
    match issue_session(app, &mut tx, &who, &origin, now).await {
        Ok(session) => {
            tx.commit().await?;
            Ok(LoggedIn { session, device_cookie: device_cookie(app, &user, device, now) })
        }
        Err(IssueSessionError::Store(error)) => Err(error.into()),
        Err(IssueSessionError::ChooseWhichEnds) => {
            // Nothing has ended, nothing is used up: the transaction is dropped.
            drop(tx);
            let mut connection = app.db.read().await?;
            let mut sessions = sessions::live_of_user(&mut connection, &user, now, SHOWN).await?;
            sessions.retain(|session| !origin.gives_up.contains(&session.id));
            Err(ChooseError::StillTooMany(Choice { token: token.clone(), sessions }))
        }
        Err(_) => Err(ChooseError::Void),
    }
}

/// Session ids as they come back with the form: separated by blanks.
pub fn read_chosen(text: &str) -> Vec<SessionId> {
    text.split_ascii_whitespace()
        .take(usize::try_from(SHOWN).unwrap_or(0))
        .map(Into::into)
        .collect()
}
