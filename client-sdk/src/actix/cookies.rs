//! The app's cookies that wait for the end of a sign-in.

use actix_web::{
    HttpRequest, HttpResponseBuilder,
    cookie::{Cookie, SameSite},
};

/// So many logins wait at once in one browser.
const PENDING_MOST: usize = 5;

/// The attributes that all of them share.
pub(super) fn secure(
    cookie: actix_web::cookie::CookieBuilder<'_>,
) -> actix_web::cookie::CookieBuilder<'_> {
    // Lax and not Strict: the person comes back from another site.
    cookie.path("/").secure(true).http_only(true).same_site(SameSite::Lax)
}

/// Takes one away.
pub(super) fn removal(name: String) -> Cookie<'static> {
    let mut cookie = secure(Cookie::build(name, "")).finish();
    cookie.make_removal();
    cookie
}

/// The value of a cookie by its raw name; none when there are two (SECURITY-CASES S-02).
pub(super) fn cookie<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let mut found = pairs(request).filter(|(other, _)| *other == name.as_bytes());
    let (_, value) = found.next()?;
    std::str::from_utf8(value).ok().filter(|_| found.next().is_none())
}

/// Sets a cookie that waits for the end of a sign-in. So many wait at once in one browser; with the
/// next one, all that were there are let go.
pub(super) fn keep_waiting(
    response: &mut HttpResponseBuilder,
    request: &HttpRequest,
    prefix: &str,
    cookie: Cookie<'static>,
) {
    let waiting = waiting(request, prefix);
    if waiting.len() >= PENDING_MOST {
        for name in waiting {
            response.cookie(removal(name));
        }
    }
    response.cookie(cookie);
}

fn waiting(request: &HttpRequest, prefix: &str) -> Vec<String> {
    pairs(request)
        .filter_map(|(name, _)| std::str::from_utf8(name).ok())
        .filter(|name| name.starts_with(prefix))
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
    use crate::login::PENDING_PREFIX;

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
        assert_eq!(waiting(&names, PENDING_PREFIX), [format!("{PENDING_PREFIX}one")]);
    }
}
