//! An admin logs others out: one session, a person, or many; with a reason, and answered by the
//! logout in which every app's confirmation is gathered (SECURITY-CASES D-17).

use std::sync::Arc;

use client_sdk::wire::Cause;

use super::{
    end_session::{Ending, end_all_of_user, end_session},
    log_out_many::{carry_out, order_in},
};
use crate::{
    app::App,
    domain::{
        admin::ReasonError,
        id::{LogoutId, SessionId, UserId},
        reach::Reach,
    },
    store::{StoreError, sessions, users},
};

/// Whom.
#[derive(Clone, Debug)]
pub enum Whom {
    /// One session.
    Session(SessionId),
    /// All of a person's.
    User(UserId),
    /// Many.
    Many(Reach),
}

/// Who wants it, from where, and why.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// An admin's user id, or `token:NAME`.
    pub by: &'a str,
    /// From where.
    pub address: &'a str,
    /// As it was given; checked here, so that no way in forgets it.
    pub reason: &'a str,
}

impl<'a> Order<'a> {
    /// As the reason for an end.
    pub fn ending(&self, cause: Cause) -> Result<Ending<'a>, ReasonError> {
        let reason = Some(crate::domain::admin::reason(self.reason)?);
        Ok(Ending { reason, address: Some(self.address), ..Ending::by(cause, self.by) })
    }
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Forced {
    /// Sessions that this order has ended so far.
    pub sessions: u64,
    /// App sessions that this order has ended so far.
    pub app_sessions: u64,
    /// Where the confirmations are. For a session that had ended before, the logout that ended it;
    /// `None` when there was nothing to end.
    pub logout: Option<LogoutId>,
}

/// Why nobody is logged out.
#[derive(Debug, thiserror::Error)]
pub enum ForceLogoutError {
    /// No reason was given.
    #[error(transparent)]
    Reason(#[from] ReasonError),
    /// There is no such session, person or app.
    #[error("there is nothing of this name")]
    NotFound,
    /// The database is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Logs them out. A logout of many is written down and carried out beside; whoever wants to know
/// how far it is looks at the logout.
pub async fn force_logout(
    app: &Arc<App>,
    whom: &Whom,
    order: Order<'_>,
) -> Result<Forced, ForceLogoutError> {
    let why = order.ending(Cause::Admin)?;
    match whom {
        Whom::Session(id) => {
            let ended = end_session(app, id, why).await?;
            let logout = match ended.logout {
                Some(logout) => Some(logout),
                None => sessions::ended_by(&mut *app.db.read().await?, id)
                    .await?
                    .ok_or(ForceLogoutError::NotFound)?,
            };
            Ok(Forced { sessions: ended.sessions, app_sessions: ended.app_sessions, logout })
        }
        Whom::User(id) => {
            if users::find(&mut *app.db.read().await?, id).await?.is_none() {
                return Err(ForceLogoutError::NotFound);
            }
            let ended = end_all_of_user(app, id, None, why).await?;
            Ok(Forced {
                sessions: ended.sessions,
                app_sessions: ended.app_sessions,
                logout: ended.logout,
            })
        }
        Whom::Many(reach) => {
            if let Reach::App { app: at } = reach
                && app.db.apps().await?.get(at).is_none()
            {
                return Err(ForceLogoutError::NotFound);
            }
            let now = app.clock.now();
            let mut tx = app.db.write().await?;
            let logout = order_in(app, &mut tx, reach, why, now).await?;
            tx.commit().await?;
            let (carrier, id) = (app.clone(), logout.clone());
            // If this node dies meanwhile, another one takes the order up (`log_out_many::resume`).
            tokio::spawn(async move {
                if let Err(error) = carry_out(&carrier, &id).await {
                    tracing::warn!(%error, logout = %id, "a logout stands still for a moment");
                }
            });
            Ok(Forced { sessions: 0, app_sessions: 0, logout: Some(logout) })
        }
    }
}
