//! Pages for people: a file each, with its handler, its form and the struct that its template shows.

pub mod account;
pub mod admin;
pub mod assets;
pub mod choose;
pub mod error;
pub mod establish;
pub mod front_logout;
pub mod go_on;
pub mod identities;
pub mod login;
pub mod login_request;
pub mod logout;
pub mod openid;
mod origin;
pub mod progress;
pub mod register;
pub mod secure;
pub mod setup;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{ACCEPT, CONTENT_TYPE, LOCATION, VARY},
    },
    web::Data,
};
use openid2::names::XRDS_MEDIA_TYPE;
use serde::Serialize;

use self::error::PageError;
use super::{
    Web, cookies,
    locale::{self, Locale},
    view::LanguageLink,
};
use crate::upstream::openid::RelyingParty;

/// `GET /`: there is nothing here but one's own account. And it is our realm: a provider that asks
/// for the document in which we name the page that logins come back to, gets it here, without a
/// redirect (OpenID 2.0 section 13).
pub async fn home(web: Data<Web>, request: HttpRequest) -> HttpResponse {
    let mut accepted = request.headers().get_all(ACCEPT).filter_map(|accept| accept.to_str().ok());
    let wanted = accepted.any(|accept| accept.contains(XRDS_MEDIA_TYPE));
    match web.app.openid.as_ref().and_then(RelyingParty::document) {
        Some(document) if wanted => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, XRDS_MEDIA_TYPE))
            .insert_header((VARY, "accept"))
            .body(document),
        _ => see_other("/account"),
    }
}

/// Redirects with 303: whatever was posted is not posted on (SECURITY-CASES T-28).
pub fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// In the request's extensions: the query under which a page can be asked for again, when it was
/// drawn in answer to a form.
#[derive(Clone, Debug)]
pub struct ShownAt(pub String);

/// A drawn page, and the answer that it goes into.
pub struct Page {
    text: String,
    response: HttpResponseBuilder,
}

impl Page {
    /// Draws a template in the browser's language; a language chosen by its link is remembered.
    pub fn draw(
        web: &Web,
        request: &HttpRequest,
        template: &'static str,
        content: &impl Serialize,
    ) -> Result<Self, PageError> {
        let locale = Locale::of(request, web.view.default_locale);
        let shown_at = request.extensions().get::<ShownAt>().map(|at| at.0.clone());
        let query = shown_at.unwrap_or_else(|| request.query_string().to_owned());
        let languages = LanguageLink::all(request.path(), &query);
        let mut page = Self::draw_in(web, locale, &languages, template, content)?;
        if let Some(chosen) = locale::asked_for(request) {
            let year = 365 * 24 * 3600;
            let cookie = cookies::make(cookies::LANGUAGE, chosen.tag().to_owned(), Some(year));
            page.response.cookie(cookie);
        }
        Ok(page)
    }

    /// Draws a template in a language.
    fn draw_in(
        web: &Web,
        locale: Locale,
        languages: &[LanguageLink],
        template: &'static str,
        content: &impl Serialize,
    ) -> Result<Self, PageError> {
        let text = web.view.draw(template, locale, languages, content)?;
        let mut response = HttpResponse::build(StatusCode::OK);
        response.insert_header((CONTENT_TYPE, "text/html; charset=utf-8"));
        Ok(Self { text, response })
    }

    /// The answer, for more headers.
    pub fn response(&mut self) -> &mut HttpResponseBuilder {
        &mut self.response
    }

    /// The finished answer.
    pub fn finish(mut self) -> HttpResponse {
        self.response.body(self.text)
    }
}
