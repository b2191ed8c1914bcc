//! The one function that issues tickets. It writes nothing: a ticket is a signed statement, and the
//! redemption is what counts.

use crate::{
    app::App,
    domain::{
        app::{App as Client, Silent},
        id::fresh_text,
        return_url::ReturnUrl,
        session::{Acted, LiveSession, Prompt, is_fresh_enough},
        ticket::claims,
    },
    store::{StoreError, Stored, users},
    tokens::{self, keyring::KeyringError},
};

/// What an app asks of the ticket.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// Where it goes; absent for in-page tickets.
    pub return_to: Option<&'a ReturnUrl>,
    /// What its verifier must match.
    pub challenge: Option<&'a str>,
    /// Whether the person must be asked.
    pub prompt: Prompt,
    /// How long ago the login may lie, in seconds.
    pub max_age: Option<i64>,
    /// What the person has just done about it.
    pub acted: Acted,
}

/// Why no ticket is issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueTicketError {
    /// The person has to log in, or to log in again.
    #[error("login required")]
    LoginRequired,
    /// The person is signed in, has never entered this app, and is to be asked first.
    #[error("the person is to be asked first")]
    AskFirst,
    /// The app is shut off.
    #[error("the app is disabled")]
    AppDisabled,
    /// Nothing can be signed.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Issues a ticket: session and user were alive a moment ago ([`LiveSession`]), its time is not up,
/// the app is enabled, the login is as fresh as the app wants it. All of it but the freshness is
/// checked again, under lock, at redemption.
///
/// Here is also decided who is asked before an app gets to know them, so that no way in, redirect,
/// page or another, forgets it: whoever has done nothing for it, and has not been there before, where
/// the app says so. "Before" is what redemptions write down (`activations::first_entry`), so an entry
/// that came to nothing asks again.
pub async fn issue_ticket(
    app: &App,
    session: &LiveSession,
    client: &Client,
    demand: Demand<'_>,
) -> Result<String, IssueTicketError> {
    let now = app.clock.now();
    if client.disabled_at.is_some() {
        return Err(IssueTicketError::AppDisabled);
    }
    if session.over(now).is_some()
        || !is_fresh_enough(session.auth_time, demand.prompt, demand.max_age, now)
    {
        return Err(IssueTicketError::LoginRequired);
    }
    if client.silent() == Silent::AskFirst
        && demand.acted == Acted::Not
        && !has_entered(app, session, client).await?
    {
        return Err(IssueTicketError::AskFirst);
    }
    let claims = claims(
        &app.config.server.public_url,
        &client.id,
        (session.user.as_str(), session.id.as_str()),
        fresh_text(now, &app.random),
        now,
        app.config.ticket.lifetime.as_seconds(),
        (demand.return_to.map(ReturnUrl::as_str), demand.challenge),
    );
    Ok(tokens::ticket::sign(&app.keyring, &claims, now)?)
}

/// Whether the person has entered the app before. The session at hand may be older than that entry,
/// never newer: nobody un-enters an app.
async fn has_entered(app: &App, session: &LiveSession, client: &Client) -> Stored<bool> {
    if session.app_flag & client.mask() != 0 {
        return Ok(true);
    }
    let flag = users::app_flag(&mut *app.db.read().await?, &session.user).await?;
    Ok(flag & client.mask() != 0)
}
