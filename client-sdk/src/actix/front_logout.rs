//! `GET /sso/front-logout`: the browser tells of a logout, in a frame or on its way.

use actix_session::Session;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, LOCATION, REFERER, REFERRER_POLICY,
        },
    },
    web::Data,
};
use secrecy::ExposeSecret;

use super::{Passport, now, signed_in::KEY};
use crate::{
    front_logout::{Key, Notice, Told},
    session::AppSession,
};

const CLEAR: HeaderName = HeaderName::from_static("clear-site-data");

/// Ends the session that is named, here at this running copy, and takes its cookies from the browser.
///
/// A genuine address may be laid before a stranger's browser. So what is in that browser goes only if
/// it is of the session that is named, or, where the app's cookie was not sent along (a frame), if
/// Passport's own page is around it: the `Referer` says so, which no page can give another's name.
pub(super) async fn front_logout(
    passport: Data<Passport>,
    session: Session,
    request: HttpRequest,
) -> HttpResponse {
    let settings = passport.settings();
    let key = Key::of_secret(settings.secret().expose_secret());
    let told = Notice::open(request.query_string(), settings.app(), &key, now());
    let Ok(Told { notice, chain }) = told else {
        return finish(StatusCode::BAD_REQUEST, &passport, false, None);
    };
    passport.shared.know().end_behind(&notice.session, now());
    passport.shared.changes.send_modify(|_| ());
    let kept = session.get::<AppSession>(KEY).ok().flatten();
    let clear = match kept {
        Some(kept) if kept.session == notice.session => {
            session.purge();
            false
        }
        Some(_) => false,
        None => from_passport(&request, settings.passport()),
    };
    match chain {
        Some(chain) => finish(StatusCode::SEE_OTHER, &passport, clear, Some(&chain)),
        None => finish(StatusCode::OK, &passport, clear, None),
    }
}

fn from_passport(request: &HttpRequest, passport: &str) -> bool {
    let mut all = request.headers().get_all(REFERER);
    let (Some(referer), None) = (all.next(), all.next()) else { return false };
    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    referer.to_str().is_ok_and(|url| url.strip_prefix(passport).is_some_and(below))
}

fn finish(
    status: StatusCode,
    passport: &Passport,
    clear: bool,
    chain: Option<&str>,
) -> HttpResponse {
    let around = passport.settings().passport();
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((
            CONTENT_SECURITY_POLICY,
            format!("default-src 'none'; frame-ancestors {around}"),
        ));
    if clear {
        response.insert_header((CLEAR, "\"cookies\""));
    }
    if let Some(chain) = chain {
        // One place of Passport's, whatever the address says.
        response.insert_header((LOCATION, format!("{around}/logout/bounce?chain={chain}")));
    }
    response.finish()
}
