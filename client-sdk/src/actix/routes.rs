//! `/sso/login`, `/sso/callback`, `/sso/logout`.

use actix_session::Session;
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    cookie::{Cookie, SameSite, time::Duration},
    http::{
        StatusCode,
        header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY},
    },
    web::{Data, Form, Query},
};
use serde::Deserialize;

use super::{Passport, now, signed_in::KEY, sorry::sorry};
use crate::{
    client::random,
    login::{Answer, Ask, Callback, PENDING_PREFIX, PENDING_SECONDS, Pending, begin, local_path},
    session::AppSession,
    wire::{EndScope, ErrorCode},
};

/// So many logins wait at once in one browser; with the next one, all of these are let go.
const PENDING_MOST: usize = 5;

/// What `/sso/login` may be asked.
#[derive(Debug, Deserialize)]
pub(super) struct Login {
    #[serde(default)]
    next: String,
    ui_locales: Option<String>,
}

/// Sends the person to Passport.
pub(super) async fn login(
    passport: Data<Passport>,
    query: Query<Login>,
    request: HttpRequest,
) -> HttpResponse {
    let Login { next, ui_locales } = query.into_inner();
    let ask = Ask { next, ui_locales, ..Ask::default() };
    let (location, pending) = begin(passport.settings(), &ask, random());
    let mut response = redirect(&location);
    let waiting = waiting(&request);
    if waiting.len() >= PENDING_MOST {
        for name in waiting {
            response.cookie(removal(name));
        }
    }
    let cookie = Cookie::build(Pending::cookie_name(&pending.state), pending.cookie_value());
    response.cookie(secure(cookie).max_age(Duration::seconds(PENDING_SECONDS)).finish());
    response.finish()
}

/// Takes the person back. The ticket leaves the URL with the redirect that follows (SECURITY-CASES
/// Y-06), the app's session gets a new id and holds nothing from before (Y-02).
pub(super) async fn callback(
    passport: Data<Passport>,
    session: Session,
    request: HttpRequest,
) -> HttpResponse {
    let Ok(callback) = Callback::read(request.query_string()) else {
        return sorry(
            StatusCode::BAD_REQUEST,
            "This address is not complete. Please sign in again.",
        );
    };
    let name = Pending::cookie_name(&callback.state);
    let pending =
        cookie(&request, &name).and_then(|value| Pending::from_cookie(&callback.state, value));
    let Some(pending) = pending else {
        // Begun in another browser, or long ago: not this browser's login (Y-01).
        return sorry(
            StatusCode::UNAUTHORIZED,
            "This sign-in was not begun in this browser, or too long ago. Please sign in again.",
        );
    };
    let done = |mut response: HttpResponseBuilder| response.cookie(removal(name.clone())).finish();
    let ticket = match callback.answer {
        Answer::Ticket(ticket) => ticket,
        Answer::LoginRequired => return done(redirect(&pending.next)),
        Answer::Refused(code) => {
            tracing::warn!(code, "Passport sent somebody back without a ticket");
            return sorry(
                StatusCode::FORBIDDEN,
                "You could not be signed in. Please try again later.",
            );
        }
    };
    match passport.client().redeem(&pending.redeem(passport.settings(), &ticket)).await {
        Ok(redeemed) => {
            session.clear();
            session.renew();
            if session.insert(KEY, AppSession::new(redeemed, now())).is_err() {
                return sorry(StatusCode::INTERNAL_SERVER_ERROR, "Your session could not be kept.");
            }
            done(redirect(&pending.next))
        }
        Err(error) => {
            tracing::warn!(%error, "a ticket was not accepted");
            let (status, text) = match error.code() {
                Some(ErrorCode::InvalidTicket) => (
                    StatusCode::UNAUTHORIZED,
                    "This sign-in is used up or too old. Please sign in again.",
                ),
                Some(ErrorCode::AccountDisabled | ErrorCode::NotAllowed) => {
                    (StatusCode::FORBIDDEN, "This account cannot be used here.")
                }
                // Nobody is let in because Passport is away (Y-09).
                _ => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The sign-in service cannot be reached at the moment. Please try again shortly.",
                ),
            };
            sorry(status, text)
        }
    }
}

/// How far a logout reaches.
#[derive(Debug, Deserialize)]
pub(super) struct Logout {
    scope: Option<String>,
    #[serde(default)]
    next: String,
}

/// Ends the session: here, or at all apps of this device.
pub(super) async fn logout(
    passport: Data<Passport>,
    session: Session,
    form: Form<Logout>,
    request: HttpRequest,
) -> HttpResponse {
    // The app's cookie is not sent by other sites' forms (SameSite); this is the second lock.
    let site = request.headers().get("sec-fetch-site").and_then(|site| site.to_str().ok());
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return sorry(StatusCode::FORBIDDEN, "Please sign out on our own page.");
    }
    let scope = match form.scope.as_deref() {
        None | Some("app") => EndScope::App,
        Some("session") => EndScope::Session,
        Some(_) => return sorry(StatusCode::BAD_REQUEST, "scope: app or session"),
    };
    // As it is kept, not as the extractors judge it: also whoever cannot be judged at the moment may
    // leave, and behind an app session that is over the session at Passport, and with it all other
    // apps', may go on. Whoever wants to be out everywhere must not take silence for that.
    let kept = session.get::<AppSession>(KEY).ok().flatten();
    session.purge();
    if let Some(kept) = kept
        && let Err(error) = passport.end(&kept, scope).await
        && scope == EndScope::Session
    {
        // Here it is over; everywhere is Passport's to say, and it did not.
        tracing::warn!(%error, "a logout could not be passed on");
        return sorry(
            StatusCode::SERVICE_UNAVAILABLE,
            "You are signed out here. The sign-in service cannot be reached, so you may still be signed in elsewhere; please try again there.",
        );
    }
    redirect(local_path(&form.next)).finish()
}

fn redirect(location: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    response
}

fn secure(cookie: actix_web::cookie::CookieBuilder<'_>) -> actix_web::cookie::CookieBuilder<'_> {
    // Lax and not Strict: the person comes back from another site.
    cookie.path("/").secure(true).http_only(true).same_site(SameSite::Lax)
}

fn removal(name: String) -> Cookie<'static> {
    let mut cookie = secure(Cookie::build(name, "")).finish();
    cookie.make_removal();
    cookie
}

/// The value of a cookie by its raw name; none when there are two (SECURITY-CASES S-02).
fn cookie<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut found = pairs(request).filter(|(other, _)| *other == name.as_bytes());
    let (_, value) = found.next()?;
    std::str::from_utf8(value).ok().filter(|_| found.next().is_none())
}

fn waiting(request: &HttpRequest) -> Vec<String> {
    pairs(request)
        .filter_map(|(name, _)| std::str::from_utf8(name).ok())
        .filter(|name| name.starts_with(PENDING_PREFIX))
        .map(str::to_owned)
        .collect()
}

/// As bytes: another host below the same parent can set cookies with any, and a header that is no
/// text must not hide ours.
fn pairs(request: &HttpRequest) -> impl Iterator<Item = (&[u8], &[u8])> {
    request
        .headers()
        .get_all("cookie")
        .flat_map(|header| header.as_bytes().split(|b| *b == b';'))
        .filter_map(|pair| {
            let equals = pair.iter().position(|b| *b == b'=')?;
            Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
        })
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header::HeaderValue, test::TestRequest};

    use super::*;

    // SECURITY-CASES S-02, S-03: a cookie of another host below the same parent hides nothing.
    #[test]
    fn cookies_are_read_byte_by_byte() {
        let request = |header: &[u8]| {
            let header = HeaderValue::from_bytes(header).unwrap();
            TestRequest::default().append_header(("cookie", header)).to_http_request()
        };
        let shared = request(b"x=\xff; \xfe=1; __Host-a=1; __%48ost-a=2; \xe2\x80\x83__Host-a=3");
        assert_eq!(cookie(&shared, "__Host-a"), Some("1"));
        assert_eq!(cookie(&request(b"__Host-a=1; __Host-a=2"), "__Host-a"), None);
        assert_eq!(cookie(&request(b"__Host-a=\xff"), "__Host-a"), None);
        let names = request(format!("x=\u{e9}; {PENDING_PREFIX}one=1; y=2").as_bytes());
        assert_eq!(waiting(&names), [format!("{PENDING_PREFIX}one")]);
    }
}
