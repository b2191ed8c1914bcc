//! `POST /establish` from a page of the app, by `fetch`: this browser takes the session that the app's
//! server began (`flows::establish_session` has the argument).
//!
//! What comes from inside another site's page sets only cookies that travel there, so the session's
//! own (`SameSite=Lax`) cannot be set here. The browser gets the twin, good for questions of pages at
//! once, and a cookie that the first page of ours exchanges for the session's own. Where the browser
//! takes no such cookies, or does not say that it does, nothing is used up: the link is still good
//! for a visit.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::HeaderMap},
};
use client_sdk::wire::{ErrorCode, Establishment};

use super::{
    answer,
    asker::{Claim, StorageAccess},
};
use crate::{
    domain::{app::App as Client, session::LiveSession, token::Token},
    flows::{
        check_login::session_of_twin,
        establish_session::{establish, look},
    },
    web::{Web, address::Address, api::error::ApiError, cookies, login_state},
};

/// The answer to a script in a page of `client`, which the caller has made sure of.
pub async fn from_page(
    web: &Web,
    request: &HttpRequest,
    claim: &Claim<'_>,
    client: &Arc<Client>,
    link: &Token,
) -> HttpResponse {
    let mut response = match decide(web, request, claim, client, link).await {
        Ok(response) => response,
        Err(error) => HttpResponse::from_error(error),
    };
    let headers = response.headers_mut();
    answer::seal(headers);
    if let Some(origin) = claim.origin {
        answer::open_to(headers, origin);
        retry(headers, claim, origin);
    }
    response
}

/// To everybody else, the same for every reason.
pub fn not_a_page() -> HttpResponse {
    let mut response = answer::refuse(
        StatusCode::FORBIDDEN,
        "403: This page may not do this. Operators: `sso-server app set ID --origin ORIGIN` registers a \
         page's origin.\n",
    );
    answer::seal(response.headers_mut());
    response
}

fn retry(headers: &mut HeaderMap, claim: &Claim<'_>, origin: &str) {
    if claim.storage == StorageAccess::Inactive {
        answer::ask_for_cookies(headers, origin);
    }
}

async fn decide(
    web: &Web,
    request: &HttpRequest,
    claim: &Claim<'_>,
    client: &Client,
    link: &Token,
) -> Result<HttpResponse, ApiError> {
    let app = &web.app;
    let void = || ApiError::new(ErrorCode::NotFound, "This link is used, or too old.");
    let offer = look(app, link).await?.filter(|offer| offer.app == client.id).ok_or_else(void)?;
    let visit = || HttpResponse::Ok().json(Establishment::Visit);
    if claim.storage != StorageAccess::Active {
        return Ok(visit());
    }
    let current = current(web, request).await?;
    // Somebody else is signed in here: that is asked on our own page.
    if current.as_ref().is_some_and(|current| current.user != offer.user) {
        return Ok(visit());
    }
    let address = Address::of(request, &web.proxies).shown();
    let issued = establish(app, link, current.as_deref(), &address).await?.ok_or_else(void)?;
    let mut response = HttpResponse::Ok().json(Establishment::Established);
    for cookie in login_state::cookies_in_page(web, &issued) {
        response.add_cookie(&cookie).map_err(ApiError::unavailable)?;
    }
    Ok(response)
}

/// The session that this browser has, as far as it says so in another site's page.
pub async fn current(
    web: &Web,
    request: &HttpRequest,
) -> crate::store::Stored<Option<Arc<LiveSession>>> {
    match cookies::read(request, cookies::TWIN) {
        Some(twin) => session_of_twin(&web.app, twin).await,
        None => Ok(None),
    }
}
