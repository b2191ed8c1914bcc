//! The question itself, however it came: a page's own, or one through our frame. Whoever calls this
//! has found out whose page it is; here the registry has the last word on it, and then the twin cookie
//! is read, here alone.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::RETRY_AFTER},
};
use client_sdk::wire::Check;

use super::{answer, asker::StorageAccess};
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
    web::{Web, address::Address, api::error::ApiError, cookies, pages::login_request::is_state},
};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The app's id.
    pub app: &'a str,
    /// Comes back with the ticket.
    pub state: &'a str,
    /// S256 of a verifier (RFC 7636 section 4.2), which only the app's server and the browser's
    /// cookie of the app hold: a ticket is of no use without it.
    pub challenge: &'a str,
    /// What the browser says of our cookies there.
    pub storage: StorageAccess,
}

/// What is found out for a page that may ask.
#[derive(Debug)]
pub enum Found {
    /// One of three.
    Answer(Check),
    /// The question makes no sense.
    Malformed(&'static str),
    /// To be asked again in so many seconds.
    TooMany(i64),
    /// It may not ask after all.
    NotAPage,
}

/// The app of this id, if it exists and may ask.
pub fn asker(apps: &Snapshot, id: &str, may: impl Fn(&Client) -> bool) -> Option<Arc<Client>> {
    let client = AppId::parse(id).ok().and_then(|id| apps.get(&id).cloned())?;
    may(&client).then_some(client)
}

/// Finds the answer. Writes nothing.
pub async fn find(
    web: &Web,
    asked: &Question<'_>,
    may: impl Fn(&Client) -> bool,
    request: &HttpRequest,
) -> Result<Found, ApiError> {
    if !is_state(asked.state) {
        return Ok(Found::Malformed("400: state: 1 to 512 visible ASCII characters.\n"));
    }
    if !is_base64url(asked.challenge, 43) {
        return Ok(Found::Malformed(
            "400: challenge: 43 characters of base64url, the SHA-256 of a verifier.\n",
        ));
    }
    let app = &web.app;
    if let Ok(id) = AppId::parse(asked.app) {
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
    let Some(client) = asker(&apps, asked.app, may) else { return Ok(Found::NotAPage) };
    let Some(session) = session else { return Ok(Found::Answer(without(twin, asked.storage))) };
    signing_keys::keep_up(app, &apps).await?;
    match ticket_in_page(app, &session, &client, asked.challenge) {
        Ok(ticket) => Ok(Found::Answer(Check::SignedIn { ticket, state: asked.state.to_owned() })),
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

/// 400, in words.
pub fn malformed(text: &'static str) -> HttpResponse {
    answer::refuse(StatusCode::BAD_REQUEST, text)
}

/// 403: the same for every reason.
pub fn not_a_page() -> HttpResponse {
    answer::refuse(
        StatusCode::FORBIDDEN,
        "403: This page may not ask here. Operators: `sso-server app set ID --origin ORIGIN` registers a \
         page's origin, `--jsonp` allows callbacks, `--old-browsers` knows pages by their Referer.\n",
    )
}

/// 429, and when to come back.
pub fn too_many(seconds: i64) -> HttpResponse {
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
