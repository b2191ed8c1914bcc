//! An app asks about its session, and ends it.

use client_sdk::wire::{AppSessionState, AppSessionStatus, Cause, EndScope, Ended as WireEnded};

use super::end_session::{Ending, end_all_of_user, end_app_session, end_session};
use crate::{
    app::App,
    domain::{app::App as Client, id::AppSessionId, seconds},
    store::{StoreError, Stored, app_sessions},
};

/// Is it alive, until when? `None` for unknown ids and for other apps' alike.
pub async fn status(
    app: &App,
    client: &Client,
    id: &AppSessionId,
) -> Stored<Option<AppSessionStatus>> {
    let row = app_sessions::find(&mut *app.db.read().await?, &client.id, id).await?;
    let now = app.clock.now();
    Ok(row.map(|row| {
        // Its own time is up: over, whether or not somebody has written that down.
        let ended =
            row.ended.or((row.expires_at <= now).then_some((row.expires_at, Cause::Expired)));
        AppSessionStatus {
            app_session: row.id.to_string(),
            session: row.session.to_string(),
            user: row.user.to_string(),
            state: match ended {
                None => AppSessionState::Active,
                Some(_) => AppSessionState::Ended,
            },
            cause: ended.map(|(_, cause)| cause),
            ended_at: ended.map(|(at, _)| seconds(at)),
            expires_at: seconds(row.expires_at),
        }
    }))
}

/// Why an app cannot end something.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// No such app session at this app.
    #[error("no such app session")]
    NotFound,
    /// The app lacks the permission.
    #[error("the app may not end every session of a person")]
    NotAllowed,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Ends it: at this app, at all apps of the device, or on every device of the person.
pub async fn end(
    app: &App,
    client: &Client,
    id: &AppSessionId,
    scope: EndScope,
    address: &str,
) -> Result<WireEnded, EndError> {
    let row = app_sessions::find(&mut *app.db.read().await?, &client.id, id).await?;
    let row = row.ok_or(EndError::NotFound)?;
    let why = Ending { address: Some(address), ..Ending::by(Cause::App, client.id.as_str()) };
    let ended = match scope {
        EndScope::App => {
            end_app_session(app, &client.id, id, why).await?.ok_or(EndError::NotFound)?
        }
        EndScope::Session => end_session(app, &row.session, why).await?,
        EndScope::User if client.may_end_user_since.is_none() => return Err(EndError::NotAllowed),
        EndScope::User => end_all_of_user(app, &row.user, None, why).await?,
    };
    Ok(WireEnded { ended: ended.app_sessions })
}
