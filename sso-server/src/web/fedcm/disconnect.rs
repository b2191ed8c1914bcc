//! `POST /fedcm/disconnect`: a page of an app has the browser forget that this person lets the app in
//! without a question.
//!
//! Nothing ends here. The cookie that comes along is the weaker twin, which says who somebody is to one
//! app and does nothing else (SECURITY-CASES S-01); the app ends its own session, and all of them if it
//! wants, by its API, as ever.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Web,
        address::Address,
        api::error::ApiError,
        cookies,
        in_page::answer::open_to,
        input::{BadInput, Form},
    },
    answer::{self, Refusal},
    asker,
};
use crate::flows::check_login::session_of_twin;

/// What the browser sends (FedCM, "The disconnect endpoint").
#[derive(Debug, Deserialize)]
pub struct Asked {
    client_id: String,
    /// The user's id, as the app knows it.
    account_hint: String,
}

/// Which account the browser is to forget.
#[derive(Serialize)]
struct Disconnected {
    account_id: String,
}

/// `POST /fedcm/disconnect`
pub async fn disconnect(web: Data<Web>, form: Form<Asked>, request: HttpRequest) -> HttpResponse {
    let mut response = match decide(&web, form.0, &request).await {
        Ok(response) => response,
        Err(error) => HttpResponse::from_error(error),
    };
    answer::seal(response.headers_mut());
    response
}

async fn decide(
    web: &Web,
    form: Result<Asked, BadInput>,
    request: &HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let headers = request.headers();
    let Some(origin) = asker::origin(headers).filter(|_| asker::is_the_browser(headers)) else {
        return Ok(Refusal::UnauthorizedClient.respond());
    };
    let Ok(asked) = form else { return Ok(Refusal::InvalidRequest.respond()) };
    let app = &web.app;
    let client = asker::page_of(&*app.db.apps().await?, &asked.client_id, origin);
    let Some(client) = client else { return Ok(Refusal::UnauthorizedClient.respond()) };
    let network = Address::of(request, &web.proxies).network();
    let limit = app.config.throttle.page_checks_per_minute;
    let too_many = app.page_checks.count(Some(&client.id), network, limit, app.clock.now());
    let session = match cookies::read(request, cookies::TWIN) {
        Some(twin) if too_many.is_none() => session_of_twin(app, twin).await?,
        _ => None,
    };
    let session = session.filter(|session| session.user.as_str() == asked.account_hint);
    let mut response = match (client.disabled_at, too_many, session) {
        (Some(_), _, _) => Refusal::UnauthorizedClient.respond(),
        (None, Some(seconds), _) => Refusal::TooMany(seconds).respond(),
        (None, None, None) => Refusal::AccessDenied.respond(),
        (None, None, Some(session)) => {
            HttpResponse::Ok().json(Disconnected { account_id: session.user.to_string() })
        }
    };
    open_to(response.headers_mut(), origin);
    Ok(response)
}
