//! What went wrong, as a page that says what to do next.
//!
//! A [`PageError`] never redirects: until a return URL is proven, errors stay on our page
//! (SECURITY-CASES R-17). What may travel to a proven URL is another type,
//! [`login_request::Answer`](super::login_request).

use std::fmt;

use actix_web::{
    Error, HttpResponse, ResponseError,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        StatusCode,
        header::{ALLOW, RETRY_AFTER, SET_COOKIE},
    },
    middleware::Next,
    web::Data,
};
use serde::Serialize;

use super::{
    super::{RETRY_AFTER_SECONDS, Web},
    Page,
};
use crate::{
    store::StoreError,
    web::{
        input::BadInput,
        locale::Wishes,
        view::{DrawError, LanguageLink},
    },
};

/// Why there is no other page.
#[derive(Debug)]
pub enum PageError {
    /// There is nothing here.
    NotFound,
    /// Another method is meant: one of these.
    WrongMethod(&'static str),
    /// The address or form is malformed.
    BadInput(BadInput),
    /// No registered, enabled app has this id.
    UnknownApp,
    /// The return URL is not registered for the app.
    UnknownReturnUrl,
    /// A parameter of the login request is missing or makes no sense.
    BadLoginRequest(&'static str),
    /// The form was not shown to this browser, or too long ago.
    StaleForm,
    /// The one-time link is used up or too old.
    VoidLink,
    /// Nothing proven waits to become an account.
    VoidRegistration,
    /// Too much at once; come back.
    Busy,
    /// The database is out of reach. We do not know, and say so.
    Unavailable(String),
    /// Our own fault.
    Internal(String),
}

impl PageError {
    /// The messages' name, and the HTTP status.
    const fn kind(&self) -> (&'static str, StatusCode) {
        match self {
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND),
            Self::WrongMethod(_) => ("wrong-method", StatusCode::METHOD_NOT_ALLOWED),
            Self::BadInput(error) => ("bad-input", error.status()),
            Self::UnknownApp => ("unknown-app", StatusCode::BAD_REQUEST),
            Self::UnknownReturnUrl => ("unknown-return-url", StatusCode::BAD_REQUEST),
            Self::BadLoginRequest(_) => ("bad-login-request", StatusCode::BAD_REQUEST),
            Self::StaleForm => ("stale-form", StatusCode::FORBIDDEN),
            Self::VoidLink => ("void-link", StatusCode::GONE),
            Self::VoidRegistration => ("void-registration", StatusCode::GONE),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE),
            Self::Unavailable(_) => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal(_) => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// What a developer of an app needs to know; no secret, no stranger's text.
    fn detail(&self) -> Option<&'static str> {
        match self {
            Self::BadLoginRequest(detail) => Some(detail),
            _ => None,
        }
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => f.write_str(cause),
            other => f.write_str(other.kind().0),
        }
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        self.kind().1
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<DrawError> for PageError {
    fn from(error: DrawError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<BadInput> for PageError {
    fn from(error: BadInput) -> Self {
        Self::BadInput(error)
    }
}

impl From<actix_session::SessionInsertError> for PageError {
    fn from(error: actix_session::SessionInsertError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// What `error.html` shows.
#[derive(Debug, Serialize)]
pub struct ErrorPage {
    /// The messages are `error-{kind}-title` and `error-{kind}-text`.
    pub kind: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// For developers.
    pub detail: Option<&'static str>,
}

/// Draws errors as pages. Also the ones of the login state, which come when its row cannot be read:
/// that is 503, and neither "signed in" nor "signed out".
pub async fn draw(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody, BoxBody>>, Error> {
    // The request itself goes inwards whole (actix demands to be its only holder).
    let web = request.app_data::<Data<Web>>().cloned();
    let wishes = Wishes::of(request.request());
    match next.call(request).await {
        Ok(response) => {
            let error = response.response().error().and_then(Error::as_error::<PageError>);
            let Some(drawn) = error.zip(web).map(|(error, web)| {
                let page = |content: &ErrorPage| {
                    Page::draw(&web, response.request(), "error.html", content)
                };
                error_response(error, response.request().path(), page)
            }) else {
                return Ok(response.map_into_left_body());
            };
            Ok(replace(response, drawn).map_into_right_body())
        }
        Err(error) => {
            let cause = PageError::Unavailable(error.to_string());
            let Some(web) = web else { return Err(error) };
            let locale = wishes.locale(web.view.default_locale);
            let links = LanguageLink::all("/account", "");
            let page =
                |content: &ErrorPage| Page::draw_in(&web, locale, &links, "error.html", content);
            let drawn = error_response(&cause, "", page);
            Err(InternalError::from_response(cause.to_string(), drawn).into())
        }
    }
}

/// The same answer with another body; what the layers inside have set, such as cookies, stays.
fn replace<B>(old: ServiceResponse<B>, mut new: HttpResponse) -> ServiceResponse {
    let (request, old) = old.into_parts();
    for (name, value) in old.headers() {
        if !new.headers().contains_key(name) || name == SET_COOKIE {
            new.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, new)
}

fn error_response(
    error: &PageError,
    path: &str,
    draw: impl FnOnce(&ErrorPage) -> Result<Page, PageError>,
) -> HttpResponse {
    let (kind, status) = error.kind();
    if status.is_server_error() {
        tracing::error!(path, cause = %error, "a page failed");
    }
    let content = ErrorPage { kind, status: status.as_u16(), detail: error.detail() };
    let Ok(mut page) = draw(&content) else { return HttpResponse::build(status).finish() };
    page.response().status(status);
    if let PageError::WrongMethod(methods) = error {
        page.response().insert_header((ALLOW, *methods));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        page.response().insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
    }
    page.finish()
}

/// Whatever has no route.
pub async fn not_found() -> Result<HttpResponse, PageError> {
    Err(PageError::NotFound)
}

/// A route, but not by this method.
pub async fn wrong_method(allow: &'static str) -> Result<HttpResponse, PageError> {
    Err(PageError::WrongMethod(allow))
}
