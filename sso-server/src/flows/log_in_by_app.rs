//! Logging in through an app's own form: the app's server passes on what was typed (the ajax mode).
//!
//! It goes the way of every password (`log_in::prove`) and of every session (`issue_session`), and is
//! counted and limited like them. What is different:
//! - **Where the person is, only the app can say.** So attempts count for the network that it names,
//!   and for the app as a whole, whatever it says (SECURITY-CASES L-10).
//! - **Nobody can be asked anything.** Where a person has too many sessions and would choose which one
//!   ends, this way is closed, and Passport's own page is open.
//! - **There is no browser yet.** The session's cookie goes to nobody: its token is thrown away here.
//!   A one-time link lets one browser take the session, under a new one (`establish_session`).

use std::sync::Arc;

use super::{
    check_login::ticket_in_page,
    issue_session::{IssueSessionError, IssuedSession, issue_session},
    issue_ticket::IssueTicketError,
    log_in::{Login, LoginError, Proven, device_cookie, prove, turned_away},
    past_deadlocks,
};
use crate::{
    app::App,
    domain::{MINUTE, Millis, app::App as Client, session::Acted, token::Token},
    store::{
        audit,
        establish_links::{self, EstablishLink},
        sessions::{self, Found},
    },
    tokens::keyring::KeyringError,
};

/// How long a browser may take to fetch its session: the app's answer travels to the page, and the
/// page asks at once.
pub const LINK_LIFETIME: Millis = 2 * MINUTE;

/// What the app's server gets.
#[derive(Debug)]
pub struct LoggedInByApp {
    /// Lets the person into the app; redeemed without a return URL and with the verifier.
    pub ticket: String,
    /// Lets one browser take the session, once.
    pub link: Token,
    /// By which this browser is known from now on.
    pub device: String,
}

/// Why nobody is in.
#[derive(Debug, thiserror::Error)]
pub enum LogInByAppError {
    /// The app has not the right to.
    #[error("this app may not pass on passwords")]
    NotAllowed,
    /// As on the page.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Nothing can be signed.
    #[error(transparent)]
    Keys(#[from] KeyringError),
}

/// Logs somebody in whose name and password `client` passes on. `login.origin` is what it says of
/// the person's browser.
pub async fn log_in_by_app(
    app: &App,
    client: &Arc<Client>,
    login: Login<'_>,
    challenge: &str,
) -> Result<LoggedInByApp, LogInByAppError> {
    if client.may_login_since.is_none() {
        return Err(LogInByAppError::NotAllowed);
    }
    let proven = prove(app, &login).await?;
    let issued =
        past_deadlocks(IssueSessionError::is_victim, || issue(app, client, &login, &proven)).await;
    let (session, link) = match issued {
        Ok(Some(issued)) => issued,
        Ok(None) => return Err(LoginError::TooManySessions.into()),
        Err(error) => return Ok(turned_away(app, &login, &proven, error).await?),
    };
    let now = app.clock.now();
    let found = sessions::find_live(&app.db, &session.token.digest(), now).await;
    // Ended in between: disabled, or everybody's.
    let Found::Live(live) = found.map_err(LoginError::from)? else {
        return Err(LoginError::Refused.into());
    };
    let issued = ticket_in_page(app, &live, client, challenge, Acted::Proved).await;
    let ticket = match issued {
        Ok(ticket) => ticket,
        Err(IssueTicketError::Keys(error)) => return Err(error.into()),
        Err(IssueTicketError::Store(error)) => return Err(LoginError::from(error).into()),
        Err(IssueTicketError::LoginRequired | IssueTicketError::AskFirst) => {
            return Err(LoginError::Refused.into());
        }
        Err(IssueTicketError::AppDisabled) => return Err(LogInByAppError::NotAllowed),
    };
    let device = device_cookie(app, &proven.who.user, proven.device.clone(), now);
    Ok(LoggedInByApp { ticket, link, device })
}

/// The session and its link, in one transaction; `None` when there are too many sessions.
async fn issue(
    app: &App,
    client: &Client,
    login: &Login<'_>,
    proven: &Proven<'_>,
) -> Result<Option<(IssuedSession, Token)>, IssueSessionError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let issued = match issue_session(app, &mut tx, &proven.who, &login.origin, now).await {
        Ok(session) => {
            let link = Token::fresh(&app.random);
            let leads_to = EstablishLink {
                session: session.token.digest(),
                user: proven.who.user.clone(),
                app: client.id.clone(),
            };
            let until = now + LINK_LIFETIME;
            establish_links::insert(&mut tx, &link.digest(), &leads_to, now, until).await?;
            Some((session, link))
        }
        // The attempt is settled all the same: the password was right.
        Err(IssueSessionError::TooManySessions | IssueSessionError::ChooseWhichEnds) => {
            audit::append(&mut tx, &[proven.one_too_many(app, login)], &app.random).await?;
            None
        }
        Err(error) => return Err(error),
    };
    proven.upgrade_hash(&mut tx).await?;
    tx.commit().await?;
    Ok(issued)
}
