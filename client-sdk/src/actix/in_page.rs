//! `/sso/session`, `/sso/begin`, `/sso/finish`, `/sso/popup`: sign-in from within a page, for
//! Passport's `sso.js`.
//!
//! The page gets a ticket; this server makes a session of it. What keeps others out of it
//! (SECURITY-CASES J-07, L-18, Y-01):
//!
//! - A ticket is redeemed with the verifier, which was made here and is in a cookie that no script
//!   reads and no other host sets. A stolen ticket is of no use, and a foreign one cannot be slipped
//!   into somebody's browser, as it was not asked for with this browser's challenge.
//! - `begin` and `finish` are for our own pages: `Origin` is ours, exactly. Browsers send it with every
//!   POST and pages cannot change it.
//! - Both take `application/json`, which no form can send, and `SameSite=Strict` cookies.

use actix_session::Session;
use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    http::{
        StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ORIGIN, REFERRER_POLICY,
            RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
        },
    },
    web::{Data, Json, Query},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    NotSignedIn, Passport,
    cookies::{cookie, keep_waiting, removal, secure},
    now,
    signed_in::{KEY, MaybeSignedIn},
};
use crate::{
    client::random,
    login::{
        Finish, IN_PAGE_PREFIX, LEFT_COOKIE, PENDING_SECONDS, Pending, begin_in_page, local_path,
    },
    session::AppSession,
    wire::{ErrorCode, User},
};

/// Whether somebody is signed in here, and who. Only for our own pages: without CORS no other can
/// read it, and as JSON none can run it.
pub(super) async fn session(visitor: Result<MaybeSignedIn, NotSignedIn>) -> HttpResponse {
    match visitor {
        Ok(MaybeSignedIn(Some(person))) => signed_in(person.user()),
        Ok(MaybeSignedIn(None)) => answer(StatusCode::OK, json!({ "status": "signed_out" })),
        // Nobody knows: neither yes nor no.
        Err(_) => unavailable(),
    }
}

/// What a page wants to begin.
#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    /// Nobody has clicked anything.
    #[serde(default)]
    silent: bool,
}

/// What a page asks Passport with. Who has signed out of this app is not looked for in silence.
pub(super) async fn begin(
    passport: Data<Passport>,
    wish: Json<Begin>,
    request: HttpRequest,
) -> HttpResponse {
    if !is_our_page(&request, &passport) {
        return refused();
    }
    if wish.silent && cookie(&request, LEFT_COOKIE).is_some() {
        return answer(StatusCode::OK, json!({ "status": "signed_out" }));
    }
    let (sent, pending) = begin_in_page(passport.settings(), random());
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    let name = Pending::in_page_cookie_name(&pending.state);
    let waits = secure(Cookie::build(name, pending.cookie_value()))
        .same_site(SameSite::Strict)
        .max_age(Duration::seconds(PENDING_SECONDS))
        .finish();
    keep_waiting(&mut response, &request, IN_PAGE_PREFIX, waits);
    response.json(sent)
}

/// Makes a session of a ticket. It gets a new id and holds nothing from before (Y-02).
pub(super) async fn finish(
    passport: Data<Passport>,
    session: Session,
    finish: Json<Finish>,
    request: HttpRequest,
) -> HttpResponse {
    if !is_our_page(&request, &passport) {
        return refused();
    }
    let name = Pending::in_page_cookie_name(&finish.state);
    let pending = Some(&finish).filter(|finish| finish.is_sound());
    let pending =
        pending.and_then(|finish| Pending::from_cookie(&finish.state, cookie(&request, &name)?));
    let Some(pending) = pending else {
        return answer(StatusCode::UNAUTHORIZED, json!({ "code": "not_begun" }));
    };
    let mut response = match passport.client().redeem(&pending.redeem_in_page(&finish.ticket)).await
    {
        Ok(redeemed) => {
            session.clear();
            session.renew();
            let kept = AppSession::new(redeemed, now());
            match session.insert(KEY, &kept) {
                Ok(()) => signed_in(&kept.user),
                Err(_) => unavailable(),
            }
        }
        Err(error) => {
            tracing::warn!(%error, "a page's ticket was not accepted");
            match error.code() {
                Some(code @ ErrorCode::InvalidTicket) => {
                    answer(StatusCode::UNAUTHORIZED, json!({ "code": code }))
                }
                Some(code @ (ErrorCode::AccountDisabled | ErrorCode::NotAllowed)) => {
                    answer(StatusCode::FORBIDDEN, json!({ "code": code }))
                }
                // Nobody is let in because Passport is away (Y-09).
                _ => unavailable(),
            }
        }
    };
    let mut gone = vec![name];
    if response.status().is_success() && cookie(&request, LEFT_COOKIE).is_some() {
        gone.push(LEFT_COOKIE.to_owned());
    }
    for name in gone {
        // Its name is one that this request has brought.
        if response.add_cookie(&removal(name)).is_err() {
            return unavailable();
        }
    }
    response
}

/// Where the window leads if nobody waits for it.
#[derive(Debug, Deserialize)]
pub(super) struct Popup {
    #[serde(default)]
    next: String,
}

/// The last page of a window that `login()` has opened: tells the page that opened it, and closes. It
/// is a page of our own origin, so it needs no word from or to another.
pub(super) async fn popup(passport: Data<Passport>, query: Query<Popup>) -> HttpResponse {
    let (settings, next) = (passport.settings(), local_path(&query.next));
    // A path holds none of `<`, `>`, `"` after this.
    let next =
        next.replace('&', "&amp;").replace('"', "%22").replace('<', "%3C").replace('>', "%3E");
    let at = settings.passport();
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><title>Sign-in</title>\
         <script defer src=\"{at}/sso.js\" data-mount=\"{}\" data-popup></script></head>\
         <body><p>You can close this window. · 可以关闭此窗口。 · Это окно можно закрыть.</p><p><a href=\"{next}\">Go on · 继续 · Дальше</a></p></body></html>",
        settings.mount
    );
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, format!("default-src 'none'; script-src {at}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(page)
}

/// Whether one of our own pages sent this. A missing `Origin` is nobody's browser.
fn is_our_page(request: &HttpRequest, passport: &Passport) -> bool {
    let mut origins = request.headers().get_all(ORIGIN);
    let ours =
        origins.next().is_some_and(|o| o.as_bytes() == passport.settings().base_url().as_bytes());
    let site = request.headers().get("sec-fetch-site");
    ours && origins.next().is_none() && site.is_none_or(|site| site == "same-origin")
}

fn signed_in(user: &User) -> HttpResponse {
    let user = json!({ "id": user.id, "username": user.username, "nickname": user.nickname });
    answer(StatusCode::OK, json!({ "status": "signed_in", "user": user }))
}

fn refused() -> HttpResponse {
    answer(StatusCode::FORBIDDEN, json!({ "code": "not_our_page" }))
}

/// Neither yes nor no.
pub(super) fn unavailable() -> HttpResponse {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "code": "unavailable" }));
    response.headers_mut().insert(RETRY_AFTER, 2.into());
    response
}

fn answer(status: StatusCode, body: Value) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .json(body)
}
