//! The one function that issues tickets. It writes nothing: a ticket is a signed statement, and the
//! redemption is what counts.

use crate::{
    app::App,
    domain::{
        app::App as Client,
        id::fresh_text,
        return_url::ReturnUrl,
        session::{LiveSession, Prompt, is_fresh_enough},
        ticket::claims,
    },
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
}

/// Why no ticket is issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueTicketError {
    /// The person has to log in, or to log in again.
    #[error("login required")]
    LoginRequired,
    /// The app is shut off.
    #[error("the app is disabled")]
    AppDisabled,
    /// Nothing can be signed.
    #[error(transparent)]
    Keys(#[from] KeyringError),
}

/// Issues a ticket: session and user were alive a moment ago ([`LiveSession`]), its time is not up,
/// the app is enabled, the login is as fresh as the app wants it. All of it but the freshness is
/// checked again, under lock, at redemption.
pub fn issue_ticket(
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
