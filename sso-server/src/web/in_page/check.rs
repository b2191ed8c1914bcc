//! `GET /check`: may this page know whether its visitor is signed in, and if so, are they?
//!
//! Who asks is decided before the cookie is looked at, so a page that may not ask sees the same,
//! after the same work, whoever its visitor is. A page that may hears one of three: signed in, with a
//! ticket; surely out; or unknown, when the browser may have held the cookie back.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::RETRY_AFTER},
    web::Data,
};
use client_sdk::wire::Check;
use serde::Deserialize;

use super::{
    answer,
    asker::{self, Claim, Shape, StorageAccess},
    callback::Callback,
};
use crate::{
    domain::{
        app::{App as Client, AppId},
        token::is_base64url,
    },
    flows::{
        check_login::{session_of_twin, ticket_in_page},
        issue_ticket::IssueTicketError,
        signing_keys,
    },
    store::apps::Snapshot,
    web::{
        Web, address::Address, api::error::ApiError, cookies, input::Query,
        pages::login_request::is_state,
    },
};

/// What the page sends.
#[derive(Debug, Deserialize)]
pub struct Asked {
    app: String,
    state: String,
    challenge: String,
    callback: Option<String>,
}

impl Asked {
    fn shape(&self) -> Shape {
        if self.callback.is_some() { Shape::Script } else { Shape::Json }
    }
}

/// `GET /check`
pub async fn check(web: Data<Web>, asked: Query<Asked>, request: HttpRequest) -> HttpResponse {
    let mut response = decide(&web, asked, &request).await;
    answer::seal(response.headers_mut());
    response
}

async fn decide(web: &Web, asked: Query<Asked>, request: &HttpRequest) -> HttpResponse {
    if asker::is_ahead(request.headers()) {
        return HttpResponse::NoContent().finish();
    }
    let Ok(asked) = asked.0 else {
        return malformed("400: app, state and challenge are required, each once.\n");
    };
    let callback = match asked.callback.as_deref().map(Callback::parse) {
        None => None,
        Some(Some(callback)) => Some(callback),
        Some(None) => {
            return malformed("400: callback is a name, or up to four names with dots between.\n");
        }
    };
    let Ok(claim) = Claim::read(request.headers()) else { return not_a_page() };
    match admit(web, &asked, &claim).await {
        Ok(true) => {}
        Ok(false) => return not_a_page(),
        Err(error) => return HttpResponse::from_error(error),
    }
    let mut response = match find(web, &asked, &claim, request).await {
        Ok(Found::Answer(check)) => answer::respond(&check, callback),
        Ok(Found::Malformed(text)) => malformed(text),
        Ok(Found::TooMany(seconds)) => too_many(seconds),
        Ok(Found::NotAPage) => return not_a_page(),
        Err(error) => HttpResponse::from_error(error),
    };
    if let Some(origin) = claim.origin {
        answer::open_to(response.headers_mut(), origin);
        if claim.storage == StorageAccess::Inactive {
            answer::ask_for_cookies(response.headers_mut(), origin);
        }
    }
    response
}

/// What is found out for a page that may ask.
enum Found {
    Answer(Check),
    Malformed(&'static str),
    TooMany(i64),
    NotAPage,
}

/// Whether the page may ask at all. By the copy of the registry that is at hand; if that says no,
/// by a new one. A yes is looked at again when the session has named the present version: so this
/// costs a live session no further row.
async fn admit(web: &Web, asked: &Asked, claim: &Claim<'_>) -> Result<bool, ApiError> {
    let hoped =
        web.app.db.apps_at_hand().is_some_and(|apps| page_of(&apps, asked, claim).is_some());
    Ok(hoped || page_of(&*web.app.db.apps().await?, asked, claim).is_some())
}

fn page_of(apps: &Snapshot, asked: &Asked, claim: &Claim<'_>) -> Option<Arc<Client>> {
    let client = AppId::parse(&asked.app).ok().and_then(|id| apps.get(&id).cloned())?;
    claim.may_ask(&client, asked.shape()).then_some(client)
}

async fn find(
    web: &Web,
    asked: &Asked,
    claim: &Claim<'_>,
    request: &HttpRequest,
) -> Result<Found, ApiError> {
    if !is_state(&asked.state) {
        return Ok(Found::Malformed("400: state: 1 to 512 visible ASCII characters.\n"));
    }
    if !is_base64url(&asked.challenge, 43) {
        return Ok(Found::Malformed(
            "400: challenge: 43 characters of base64url, the SHA-256 of a verifier.\n",
        ));
    }
    let app = &web.app;
    if let Ok(id) = AppId::parse(&asked.app) {
        let network = Address::of(request, &web.proxies).network();
        let limit = app.config.throttle.page_checks_per_minute;
        if let Some(seconds) = app.page_checks.count(Some(&id), network, limit, app.clock.now()) {
            return Ok(Found::TooMany(seconds));
        }
    }
    // The twin alone: the session's own cookie may be here when app and Passport are of one site, but
    // what it is good for does not begin in a page of others.
    let twin = cookies::read(request, cookies::TWIN);
    let session = match twin {
        Some(twin) => session_of_twin(app, twin).await?,
        None => None,
    };
    let apps = match &session {
        Some(session) => app.db.apps_at(session.registry_version).await?,
        None => app.db.apps().await?,
    };
    let Some(client) = page_of(&apps, asked, claim) else { return Ok(Found::NotAPage) };
    let Some(session) = session else { return Ok(Found::Answer(without(twin, claim.storage))) };
    signing_keys::keep_up(app, &apps).await?;
    match ticket_in_page(app, &session, &client, &asked.challenge) {
        Ok(ticket) => Ok(Found::Answer(Check::SignedIn { ticket, state: asked.state.clone() })),
        // Its time was up just now.
        Err(IssueTicketError::LoginRequired) => Ok(Found::Answer(Check::SignedOut)),
        Err(IssueTicketError::AppDisabled) => Ok(Found::NotAPage),
        Err(IssueTicketError::Keys(error)) => Err(ApiError::unavailable(error)),
    }
}

/// What is known without a live session. Surely out is who brings a twin that names none, or whose
/// browser says that it sends us its cookies and has no twin among them. All others may be signed in,
/// behind a browser that keeps our cookies from other sites' pages.
fn without(twin: Option<&str>, storage: StorageAccess) -> Check {
    match (twin, storage) {
        (_, StorageAccess::Active) | (Some(_), StorageAccess::Unsaid) => Check::SignedOut,
        (_, StorageAccess::Inactive | StorageAccess::None) | (None, StorageAccess::Unsaid) => {
            Check::Unknown
        }
    }
}

fn malformed(text: &'static str) -> HttpResponse {
    answer::refuse(StatusCode::BAD_REQUEST, text)
}

/// The same for every reason.
fn not_a_page() -> HttpResponse {
    answer::refuse(
        StatusCode::FORBIDDEN,
        "403: This page may not ask here. Operators: `sso-server app set ID --origin ORIGIN` registers a \
         page's origin, `--jsonp` allows callbacks, `--old-browsers` knows pages by their Referer.\n",
    )
}

fn too_many(seconds: i64) -> HttpResponse {
    let mut response =
        answer::refuse(StatusCode::TOO_MANY_REQUESTS, "429: Wait as long as Retry-After says.\n");
    response.headers_mut().insert(RETRY_AFTER, seconds.into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surely_out_is_only_who_surely_is() {
        use StorageAccess::*;
        for (twin, storage, expected) in [
            (Option::None, Active, Check::SignedOut),
            (Some("void"), Active, Check::SignedOut),
            (Some("void"), Unsaid, Check::SignedOut),
            (Some("void"), Inactive, Check::Unknown),
            (Some("void"), None, Check::Unknown),
            (Option::None, Inactive, Check::Unknown),
            (Option::None, None, Check::Unknown),
            (Option::None, Unsaid, Check::Unknown),
        ] {
            assert_eq!(without(twin, storage), expected, "{twin:?} {storage:?}");
        }
    }
}
