//! Whether the person in front of an app's page is signed in, and a ticket if so. Writes nothing, and
//! moves nothing: a page that asks in silence is no sign of life (SECURITY-CASES J-09).

use std::sync::Arc;

use super::issue_ticket::{Demand, IssueTicketError, issue_ticket};
use crate::{
    app::App,
    domain::{
        app::App as Client,
        session::{Acted, LiveSession, Prompt},
    },
    store::{
        Stored,
        sessions::{self, Found},
    },
    tokens::twin,
};

/// The live session that a twin cookie names. One whose time is up is left for others to write down.
pub async fn session_of_twin(app: &App, cookie: &str) -> Stored<Option<Arc<LiveSession>>> {
    let Some(digest) = twin::read(&app.secrets, cookie) else { return Ok(None) };
    match sessions::find_live(&app.db, &digest, app.clock.now()).await? {
        Found::Live(session) => Ok(Some(session)),
        Found::Over(..) | Found::Nothing => Ok(None),
    }
}

/// A ticket for a page of `client`. It goes to no return URL, so nobody can use it in a redirect, and
/// a redirect's ticket cannot be used here (J-08). The challenge ties it to the browser that asked:
/// whoever steals it has no verifier.
pub async fn ticket_in_page(
    app: &App,
    session: &LiveSession,
    client: &Client,
    challenge: &str,
    acted: Acted,
) -> Result<String, IssueTicketError> {
    let demand = Demand {
        return_to: None,
        challenge: Some(challenge),
        prompt: Prompt::Never,
        max_age: None,
        acted,
    };
    issue_ticket(app, session, client, demand).await
}
