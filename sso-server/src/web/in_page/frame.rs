//! `GET /frame`, `POST /frame/ticket`: the same question through a frame of ours in the app's page.
//!
//! Where the browser keeps our cookies from other sites' requests, a page of ours inside theirs may
//! ask it to let them through (Storage Access API), which it does when the person has allowed that, or
//! has signed in there with the browser's help. The frame is one static page for all; four locks keep
//! it to the app's own pages (SECURITY-CASES X-07, RFC 9700 section 4.17):
//!
//! 1. `frame-ancestors` names the app's registered origins, so no other page, and no page around it,
//!    can show the frame.
//! 2. Its script hears nobody but its parent, and takes the parent's origin from the browser.
//! 3. Our server compares that origin with the registered ones before it looks at a cookie.
//! 4. The answer is posted to that very origin, never to `*`.
//!
//! Requests for tickets come from our own origin or are refused, so no other page can send them.

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::header::{CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN},
    web::Data,
};
use serde::Deserialize;

use super::{
    answer::{self, As},
    asker::Claim,
    question::{self, Found, Question, malformed, not_a_page, too_many},
};
use crate::{
    domain::app::App as Client,
    web::{
        Web,
        api::error::ApiError,
        headers::FramedBy,
        input::{Json, Query},
        pages::assets,
    },
};

/// Which app's page the frame is in.
#[derive(Debug, Deserialize)]
pub struct Framed {
    app: String,
}

/// `GET /frame`: the same for whoever looks; no cookie is read.
pub async fn show(web: Data<Web>, framed: Query<Framed>, request: HttpRequest) -> HttpResponse {
    let Ok(framed) = framed.0 else { return malformed("400: app is required, once.\n") };
    let apps = match web.app.db.apps().await {
        Ok(apps) => apps,
        Err(error) => return HttpResponse::from_error(ApiError::from(error)),
    };
    let enabled = |client: &Client| client.disabled_at.is_none() && !client.origins.is_empty();
    let Some(client) = question::asker(&apps, &framed.app, enabled) else { return not_a_page() };
    let origins: Vec<&str> = client.origins.iter().map(|origin| origin.as_str()).collect();
    request.extensions_mut().insert(FramedBy(origins.join(" ")));
    let script = assets::url("frame.js");
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        // For apps that let nothing in that does not say it may be let in (COEP `require-corp`).
        .insert_header(("cross-origin-resource-policy", "cross-origin"))
        .insert_header(("cross-origin-embedder-policy", "require-corp"));
    response.body(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Passport</title>\
         <script src=\"{script}\" defer></script></html>"
    ))
}

/// What the frame's script sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    app: String,
    /// Of the page around the frame, as the browser told the frame.
    origin: String,
    state: String,
    challenge: String,
}

/// `POST /frame/ticket`
pub async fn ticket(web: Data<Web>, asked: Json<Asked>, request: HttpRequest) -> HttpResponse {
    let mut response = decide(&web, asked, &request).await;
    answer::seal(response.headers_mut());
    response
}

async fn decide(web: &Web, asked: Json<Asked>, request: &HttpRequest) -> HttpResponse {
    if !is_our_own(request, &web.app.config.server.public_url) {
        return not_a_page();
    }
    let Ok(asked) = asked.0 else {
        return malformed("400: app, origin, state and challenge are required, each once.\n");
    };
    let Ok(claim) = Claim::read(request.headers()) else { return not_a_page() };
    let question = Question {
        app: &asked.app,
        state: &asked.state,
        challenge: &asked.challenge,
        storage: claim.storage,
    };
    let may =
        |client: &Client| client.disabled_at.is_none() && client.origin(&asked.origin).is_some();
    match question::find(web, &question, may, request).await {
        Ok(Found::Answer(check)) => answer::respond(&check, As::Json),
        Ok(Found::NotAPage) => not_a_page(),
        Ok(Found::Malformed(text)) => malformed(text),
        Ok(Found::TooMany(seconds)) => too_many(seconds),
        Err(error) => HttpResponse::from_error(error),
    }
}

/// Whether our own page sent this. A browser says so with every POST and no page can make it say
/// otherwise; other programs bring no cookie of anybody's.
fn is_our_own(request: &HttpRequest, public_url: &str) -> bool {
    let mut origins = request.headers().get_all(ORIGIN);
    let ours =
        |value: Option<&HeaderValue>| value.is_some_and(|v| v.as_bytes() == public_url.as_bytes());
    let site = request.headers().get(HeaderName::from_static("sec-fetch-site"));
    ours(origins.next())
        && origins.next().is_none()
        && site.is_none_or(|site| site.as_bytes() == b"same-origin")
}
