//! The extractors: who is signed in here.

use std::fmt;

use actix_session::SessionExt;
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    dev::Payload,
    http::{
        Method, StatusCode,
        header::{CACHE_CONTROL, LOCATION},
    },
    web::Data,
};
use std::future::{Ready, ready};

use super::{Passport, moment, sorry};
use crate::{
    events::Verdict,
    session::AppSession,
    wire::{Seconds, User},
};

/// Where the app session is kept in the app's own actix-session.
pub(super) const KEY: &str = "passport";

/// Somebody who is signed in. As an argument of a handler it keeps everybody else out: who opens a
/// page is sent to Passport and comes back to it, other requests get 401.
#[derive(Clone, Debug)]
pub struct SignedIn(AppSession);

/// Somebody who is signed in, or nobody. Still keeps out those of whom nobody knows.
#[derive(Clone, Debug)]
pub struct MaybeSignedIn(pub Option<SignedIn>);

/// Why a handler is not reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSignedIn {
    /// A page was opened: off to log in, then back.
    GoAndLogIn {
        /// Our own login route.
        location: String,
    },
    /// Not a page: there is nobody to send anywhere.
    Unauthorized,
    /// Passport was not heard for too long: a logout may have been missed.
    Unknown,
    /// The app is not set up: `Passport::routes` or the session middleware is missing.
    NotSetUp,
}

impl SignedIn {
    /// Who it is.
    pub fn user(&self) -> &User {
        &self.0.user
    }

    /// Signed in here since.
    pub fn since(&self) -> Seconds {
        self.0.since
    }

    /// The app's session.
    pub fn session(&self) -> &AppSession {
        &self.0
    }
}

impl FromRequest for MaybeSignedIn {
    type Error = NotSignedIn;
    type Future = Ready<Result<Self, NotSignedIn>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(look(request).map(Self))
    }
}

impl FromRequest for SignedIn {
    type Error = NotSignedIn;
    type Future = Ready<Result<Self, NotSignedIn>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(look(request).and_then(|found| found.ok_or_else(|| turned_away(request))))
    }
}

/// The check on each request: the app's own session, the clock, and what is known of ended
/// sessions. No network, no waiting.
fn look(request: &HttpRequest) -> Result<Option<SignedIn>, NotSignedIn> {
    let passport = request.app_data::<Data<Passport>>().ok_or(NotSignedIn::NotSetUp)?;
    let kept = request.get_session();
    let Ok(Some(session)) = kept.get::<AppSession>(KEY) else { return Ok(None) };
    let verdict = passport.shared.known().judge(&session, moment());
    match verdict {
        Verdict::Valid => Ok(Some(SignedIn(session))),
        Verdict::Unknown => Err(NotSignedIn::Unknown),
        Verdict::Expired | Verdict::Ended(_) => {
            kept.remove(KEY);
            Ok(None)
        }
    }
}

fn turned_away(request: &HttpRequest) -> NotSignedIn {
    let navigates = match request.headers().get("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        // A browser too old to say: a page is asked for by what it accepts.
        None => {
            let accept = request.headers().get("accept").and_then(|value| value.to_str().ok());
            accept.is_none_or(|accept| accept.contains("text/html") || accept.contains("*/*"))
        }
    };
    let Some(passport) = request.app_data::<Data<Passport>>() else { return NotSignedIn::NotSetUp };
    if request.method() != Method::GET || !navigates {
        return NotSignedIn::Unauthorized;
    }
    let next = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    NotSignedIn::GoAndLogIn { location: format!("{}/login?{query}", passport.settings().mount) }
}

impl fmt::Display for NotSignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GoAndLogIn { .. } | Self::Unauthorized => "nobody is signed in",
            Self::Unknown => "Passport has not been heard from: nobody knows who is signed in",
            Self::NotSetUp => "Passport::routes is not part of this app",
        })
    }
}

impl ResponseError for NotSignedIn {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::GoAndLogIn { .. } => StatusCode::SEE_OTHER,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Unknown => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotSetUp => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CACHE_CONTROL, "no-store"));
        match self {
            Self::GoAndLogIn { location } => {
                response.insert_header((LOCATION, location.as_str())).finish()
            }
            Self::Unknown => sorry::away(),
            Self::Unauthorized | Self::NotSetUp => response.finish(),
        }
    }
}
