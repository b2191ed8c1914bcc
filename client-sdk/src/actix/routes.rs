//! `/sso/login`, `/sso/callback`, `/sso/logout`: sign-in by redirect.

use actix_session::Session;
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    cookie::{Cookie, time::Duration},
    http::{
        StatusCode,
        header::{ACCEPT, CACHE_CONTROL, LOCATION, REFERRER_POLICY},
    },
    web::{Data, Form, Query},
};
use serde::Deserialize;

use super::{
    Passport,
    cookies::{cookie, keep_waiting, removal, secure},
    in_page::unavailable,
    now,
    signed_in::KEY,
    sorry::sorry,
};
use crate::{
    client::random,
    login::{
        Answer, Ask, Callback, LEFT_COOKIE, PENDING_PREFIX, PENDING_SECONDS, Pending, Prompt,
        begin, local_path,
    },
    session::AppSession,
    wire::{EndScope, ErrorCode},
};

/// What `/sso/login` may be asked.
#[derive(Debug, Deserialize)]
pub(super) struct Login {
    #[serde(default)]
    next: String,
    ui_locales: Option<String>,
    prompt: Option<String>,
}

/// Sends the person to Passport; with `prompt=none` only to look whether they are signed in there.
pub(super) async fn login(
    passport: Data<Passport>,
    query: Query<Login>,
    request: HttpRequest,
) -> HttpResponse {
    let Login { next, ui_locales, prompt } = query.into_inner();
    let prompt = match prompt.as_deref() {
        Some("none") => Prompt::Never,
        _ => Prompt::WhenNeeded,
    };
    let ask = Ask { next, ui_locales, prompt, ..Ask::default() };
    let (location, pending) = begin(passport.settings(), &ask, random());
    let mut response = redirect(&location);
    let cookie = Cookie::build(Pending::cookie_name(&pending.state), pending.cookie_value());
    let cookie = secure(cookie).max_age(Duration::seconds(PENDING_SECONDS)).finish();
    keep_waiting(&mut response, &request, PENDING_PREFIX, cookie);
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
            let mut response = redirect(&pending.next);
            if cookie(&request, LEFT_COOKIE).is_some() {
                response.cookie(removal(LEFT_COOKIE.to_owned()));
            }
            done(response)
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
    // A script asks for no page.
    let for_script = request.headers().get_all(ACCEPT).any(|kind| kind == "application/json");
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
        if for_script {
            return unavailable();
        }
        return sorry(
            StatusCode::SERVICE_UNAVAILABLE,
            "You are signed out here. The sign-in service cannot be reached, so you may still be signed in elsewhere; please try again there.",
        );
    }
    let mut response = if for_script {
        let mut response = HttpResponse::NoContent();
        response.insert_header((CACHE_CONTROL, "no-store"));
        response
    } else {
        redirect(local_path(&form.next))
    };
    // Whoever leaves this app alone is still signed in at Passport, and would be let in again by the
    // next silent look.
    if scope == EndScope::App {
        response.cookie(secure(Cookie::build(LEFT_COOKIE, "1")).finish());
    }
    response.finish()
}

fn redirect(location: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    response
}
