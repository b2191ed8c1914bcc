//! Every answer has a deadline.
//!
//! The store's own deadlines (a turn, a statement) end what a database does slowly. They do not end
//! the silence of one that cannot be heard: a network that drops packets answers nothing, not even
//! that it is broken (SECURITY-CASES W-07). Whoever asked then hears that nobody knows. What they
//! had begun is done or is not, as when they had hung up themselves.

use std::time::Duration;

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web::Data,
};
use tokio::{pin, time::timeout};

use super::{Web, api::error::ApiError};
use crate::flows::doctor;

/// Longer than a turn at the database and a statement may take by themselves (3 s and 5 s), so that
/// theirs are the answers wherever they can be.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest wait for the apps of a logout, in the console, on its pages and in its API.
const PROOF: Duration = Duration::from_secs(50);

/// Answers 503 instead of what does not come in time.
pub async fn keep(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let web = request.app_data::<Data<Web>>().cloned();
    let longest_poll =
        web.as_ref().map_or(PROOF, |web| web.app.config.events.longest_wait.duration());
    let within = WITHIN + waits(request.path(), longest_poll);
    let answer = next.call(request);
    pin!(answer);
    match timeout(within, &mut answer).await {
        Ok(answer) => answer,
        Err(_) => {
            // Before the connection goes back to the pool: it may never be heard of again.
            if let Some(web) = web {
                web.app.db.distrust();
            }
            Err(ApiError::unavailable("no answer within the deadline").into())
        }
    }
}

/// How long a route may wait for something to happen.
fn waits(path: &str, longest_poll: Duration) -> Duration {
    match path {
        "/api/v1/events" => longest_poll,
        "/logout/progress" => PROOF,
        path if path.starts_with("/api/v1/admin/") => PROOF,
        path if path.starts_with("/admin/") => doctor::LONGEST,
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_waits_may_wait() {
        let poll = Duration::from_secs(300);
        assert_eq!(waits("/api/v1/events", poll), poll);
        for path in ["/login", "/account", "/api/v1/tickets/redeem", "/admin"] {
            assert_eq!(waits(path, poll), Duration::ZERO, "{path}");
        }
    }
}
