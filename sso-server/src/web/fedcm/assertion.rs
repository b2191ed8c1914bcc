//! `POST /fedcm/assertion`: the person, or the browser for one who has come back, lets an app know who
//! they are. The assertion is an in-page ticket, bound to the challenge that the page sent along in
//! `params`: the app's server redeems it with the verifier, as one of `GET /check`.
//!
//! Who asks is decided before the cookie is looked at. A page that is none of the app's hears what a
//! broken network would say, signed in or not: without CORS headers the browser gives it nothing.

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
        pages::login_request::is_state,
    },
    answer::{self, Refusal},
    asker,
};
use crate::{
    domain::token::is_base64url,
    flows::{
        check_login::{session_of_twin, ticket_in_page},
        issue_ticket::IssueTicketError,
        signing_keys,
    },
};

/// What the browser sends (FedCM, "The identity assertion endpoint"); what else it says of its
/// dialog is left alone.
#[derive(Debug, Deserialize)]
pub struct Asked {
    client_id: String,
    account_id: String,
    /// What the page gave the browser for us, as JSON. `nonce`, which went before it, is not read: one
    /// way to say a thing.
    params: Option<String>,
}

/// Our part of `params`.
#[derive(Debug, Deserialize)]
struct Params {
    challenge: String,
    state: Option<String>,
}

/// The assertion.
#[derive(Serialize)]
struct Asserted {
    token: String,
}

/// `POST /fedcm/assertion`
pub async fn assert(web: Data<Web>, form: Form<Asked>, request: HttpRequest) -> HttpResponse {
    let mut response = decide(&web, form.0, &request).await;
    answer::seal(response.headers_mut());
    response
}

async fn decide(web: &Web, form: Result<Asked, BadInput>, request: &HttpRequest) -> HttpResponse {
    if !asker::is_the_browser(request.headers()) {
        return Refusal::UnauthorizedClient.respond();
    }
    let Ok(asked) = form else { return Refusal::InvalidRequest.respond() };
    let Some(origin) = asker::origin(request.headers()) else {
        return Refusal::UnauthorizedClient.respond();
    };
    let answer = match web.app.db.apps().await {
        Ok(apps) if asker::page_of(&apps, &asked.client_id, origin).is_some() => {
            find(web, &asked, origin, request).await
        }
        Ok(_) => return Refusal::UnauthorizedClient.respond(),
        Err(error) => return HttpResponse::from_error(ApiError::from(error)),
    };
    let mut response = match answer {
        Ok(Ok(token)) => HttpResponse::Ok().json(Asserted { token }),
        Ok(Err(refusal)) => refusal.respond(),
        Err(error) => HttpResponse::from_error(error),
    };
    open_to(response.headers_mut(), origin);
    response
}

/// A ticket for a page of the app.
async fn find(
    web: &Web,
    asked: &Asked,
    origin: &str,
    request: &HttpRequest,
) -> Result<Result<String, Refusal>, ApiError> {
    let params = asked.params.as_deref().and_then(read_params);
    let Some(params) = params else { return Ok(Err(Refusal::InvalidRequest)) };
    let app = &web.app;
    let session = match cookies::read(request, cookies::TWIN) {
        Some(twin) => session_of_twin(app, twin).await?,
        None => None,
    };
    let apps = match &session {
        Some(session) => app.db.apps_at(session.registry_version).await?,
        None => app.db.apps().await?,
    };
    let Some(client) = asker::page_of(&apps, &asked.client_id, origin) else {
        return Ok(Err(Refusal::UnauthorizedClient));
    };
    let network = Address::of(request, &web.proxies).network();
    let limit = app.config.throttle.page_checks_per_minute;
    if let Some(seconds) = app.page_checks.count(Some(&client.id), network, limit, app.clock.now())
    {
        return Ok(Err(Refusal::TooMany(seconds)));
    }
    if client.disabled_at.is_some() {
        return Ok(Err(Refusal::UnauthorizedClient));
    }
    // The person in the dialog is the one who is signed in: meanwhile it may be another, or nobody.
    let session = session.filter(|session| session.user.as_str() == asked.account_id);
    let Some(session) = session else { return Ok(Err(Refusal::AccessDenied)) };
    signing_keys::keep_up(app, &apps).await?;
    match ticket_in_page(app, &session, &client, &params.challenge) {
        Ok(ticket) => Ok(Ok(ticket)),
        // Its time was up just now.
        Err(IssueTicketError::LoginRequired) => Ok(Err(Refusal::AccessDenied)),
        Err(IssueTicketError::AppDisabled) => Ok(Err(Refusal::UnauthorizedClient)),
        Err(IssueTicketError::Keys(error)) => Err(ApiError::unavailable(error)),
    }
}

/// An object with a challenge; `state` is the page's own affair, and only has to look like one.
fn read_params(text: &str) -> Option<Params> {
    let object = text.trim_ascii_start().starts_with('{');
    let params = object.then(|| serde_json::from_str::<Params>(text).ok()).flatten()?;
    let fits = is_base64url(&params.challenge, 43) && params.state.as_deref().is_none_or(is_state);
    fits.then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_never_missing() {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for good in [
            format!("{{\"challenge\":\"{challenge}\"}}"),
            format!("{{\"challenge\":\"{challenge}\",\"state\":\"st-1\",\"more\":[1]}}"),
        ] {
            assert_eq!(read_params(&good).unwrap().challenge, challenge);
        }
        for bad in [
            String::new(),
            "null".to_owned(),
            "{}".to_owned(),
            format!("[\"{challenge}\"]"),
            format!("\"{challenge}\""),
            format!("{{\"challenge\":[\"{challenge}\"]}}"),
            format!("{{\"challenge\":\"{challenge}\",\"challenge\":\"{challenge}\"}}"),
            format!("{{\"challenge\":\"{}\"}}", &challenge[1..]),
            format!("{{\"challenge\":\"{challenge}=\"}}"),
            format!("{{\"challenge\":\"{challenge}\",\"state\":\"\"}}"),
            format!("{{\"challenge\":\"{challenge}\",\"state\":\"a b\"}}"),
            format!("{{\"challenge\":\"{challenge}\"}} x"),
        ] {
            assert!(read_params(&bad).is_none(), "{bad}");
        }
    }
}
