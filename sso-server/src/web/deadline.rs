//! Every answer has a deadline.
//!
//! The store's own deadlines (a turn, a statement) end what a database does slowly. They do not end
//! the silence of one that cannot be heard: a network that drops packets answers nothing, not even
//! that it is broken (SECURITY-CASES W-07). Whoever asked then hears that nobody knows. What they
//! had begun is done or is not, as when they had hung up themselves.
//!
//! A PostgreSQL that falls silent is noticed after [`NOTICED_WITHIN`], and every answer that waits is
//! given then; the deadline is for all else.
//!
//! [`NOTICED_WITHIN`]: crate::store::NOTICED_WITHIN

use std::{future::pending, time::Duration};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web::Data,
};
use tokio::{pin, select, time::sleep};

use super::{Web, api::error::ApiError, input::BODY_WITHIN, pages::admin::doctor};
use crate::upstream::openid;

/// Longer than a turn at the database and a statement may take by themselves (3 s and 5 s), so that
/// theirs are the answers wherever they can be.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest wait for the apps of a logout, on the pages that follow one and in the API.
const PROOF: Duration = Duration::from_secs(50);

/// What waits for no database is answered by then, also while there is none.
const GRACE: Duration = Duration::from_millis(200);

/// Answers 503 instead of what does not come in time.
pub async fn keep(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let web = request.app_data::<Data<Web>>().cloned();
    let longest_poll =
        web.as_ref().map_or(PROOF, |web| web.app.config.events.longest_wait.duration());
    let mut within = WITHIN + waits(request.path(), longest_poll);
    if !request.method().is_safe() {
        // A body that comes too slowly has its own answer, and says nothing about the database:
        // nobody outside makes us distrust that.
        within += BODY_WITHIN;
    }
    let answer = next.call(request);
    pin!(answer);
    let silence = async {
        sleep(GRACE).await;
        match &web {
            Some(web) => web.app.db.falls_silent().await,
            None => pending().await,
        }
    };
    select! {
        biased;
        answer = &mut answer => return answer,
        () = silence => {}
        () = sleep(within) => {}
    }
    // Before the connection goes back to the pool: it may never be heard of again.
    if let Some(web) = web {
        web.app.db.distrust();
    }
    Err(ApiError::unavailable("no answer within the deadline").into())
}

/// How long a route may wait for something to happen. By the bytes of the path: one that is spelt in
/// another way gets the time of all others.
fn waits(path: &str, longest_poll: Duration) -> Duration {
    match path {
        "/api/v1/events" => longest_poll,
        "/logout/progress" => PROOF,
        // Providers are asked, for as long as one exchange may take each time.
        "/login/openid" => openid::START_WITHIN,
        "/complete/openid" => openid::COMPLETE_WITHIN,
        path if path.starts_with("/api/v1/admin/logouts/") => PROOF,
        path if path.starts_with("/admin/logouts/") && path.ends_with("/progress") => PROOF,
        path if path.starts_with("/admin/apps/") && path.ends_with("/doctor") => doctor::WITHIN,
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_waits_may_wait() {
        let poll = Duration::from_secs(300);
        for (path, wait) in [
            ("/api/v1/events", poll),
            ("/logout/progress", PROOF),
            ("/login/openid", openid::START_WITHIN),
            ("/complete/openid", openid::COMPLETE_WITHIN),
            ("/api/v1/admin/logouts/ID", PROOF),
            ("/admin/logouts/ID/progress", PROOF),
            ("/admin/apps/aw/doctor", doctor::WITHIN),
        ] {
            assert_eq!(waits(path, poll), wait, "{path}");
        }
        for path in [
            "/login",
            "/account",
            "/api/v1/tickets/redeem",
            "/api/v1/admin/users",
            "/api/v1/admin/logouts",
            "/admin",
            "/admin/people/ID",
            "/admin/logouts",
            "/admin/logouts/ID",
            "/admin/apps/aw",
            "/admin/audit",
        ] {
            assert_eq!(waits(path, poll), Duration::ZERO, "{path}");
        }
    }
}
