//! What the browser hears: JSON, kept by nobody, and errors in FedCM's own words.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{
            CACHE_CONTROL, CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap, HeaderValue, RETRY_AFTER, VARY,
        },
    },
};
use serde::Serialize;

/// What an answer depends on, beside the body: no cache may give one person's to another.
const DEPENDS_ON: HeaderValue = HeaderValue::from_static("Cookie, Origin, Sec-Fetch-Dest");

/// Why there is no assertion (FedCM, "The identity assertion endpoint"; the words are RFC 6749's).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What was sent makes no sense.
    InvalidRequest,
    /// No such app, not a page of it, or the app is shut off.
    UnauthorizedClient,
    /// Nobody is signed in, or somebody else.
    AccessDenied,
    /// Too often, in seconds until it may be tried again.
    TooMany(i64),
}

#[derive(Serialize)]
struct Failed {
    error: Words,
}

/// The same word twice: `code` is what browsers of today read, `error` what the standard has since.
#[derive(Serialize)]
struct Words {
    code: &'static str,
    error: &'static str,
}

impl Refusal {
    const fn word(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::TooMany(_) => "temporarily_unavailable",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::UnauthorizedClient | Self::AccessDenied => StatusCode::FORBIDDEN,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The answer.
    pub fn respond(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        if let Self::TooMany(seconds) = self {
            response.insert_header((RETRY_AFTER, seconds));
        }
        let word = self.word();
        response.json(Failed { error: Words { code: word, error: word } })
    }
}

/// Lets the browser have what it asks for on behalf of another site's page: it applies that page's
/// rules to its own requests, and `same-origin`, which our other answers bear, keeps this from it.
pub fn hand_out(headers: &mut HeaderMap) {
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
}

/// Kept by nobody.
pub fn seal(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    headers.insert(VARY, DEPENDS_ON);
}
