//! The request log, and the net under a handler that panics.

use std::{panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    middleware::Next,
};
use futures_util::FutureExt;

use super::headers;

/// Longest path that is logged, in bytes.
const PATH_MAX: usize = 200;

/// Logs each request by its path, never its query: tickets, states and tokens travel there
/// (SECURITY-CASES H-09). What failed on our side is logged always, the rest at `debug`. A panic
/// becomes a bare 500 and the process lives on (H-10).
pub async fn record(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let begun = Instant::now();
    let answered = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(cause = %error, "a request failed");
            return Err(error);
        }
        Err(_) => {
            tracing::error!("a handler panicked");
            let mut response = HttpResponse::InternalServerError().finish();
            headers::apply(response.headers_mut(), None, false);
            return Err(InternalError::from_response("panic", response).into());
        }
    };
    let status = response.status();
    let request = response.request();
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    if status.is_server_error() {
        let cause = response.response().error().map(ToString::to_string).unwrap_or_default();
        tracing::error!(method = %request.method(), path = path_of(request), status = status.as_u16(), micros, cause);
    } else {
        tracing::debug!(method = %request.method(), path = path_of(request), status = status.as_u16(), micros);
    }
    Ok(response)
}

fn path_of(request: &actix_web::HttpRequest) -> &str {
    let path = request.path();
    path.get(..PATH_MAX).unwrap_or(path)
}
