//! Cookies by their raw names. `HttpRequest::cookie` decodes names, so that `__%48ost-x` reads as
//! `__Host-x` without the protection of that prefix (SECURITY-CASES S-02).

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time::Duration},
    http::header::{COOKIE, HeaderMap, HeaderValue},
};

/// The session: HttpOnly, Secure, SameSite=Lax, this host only.
pub const SESSION: &str = "__Host-passport";
/// Ties a form to the browser that it was shown in, before there is a session.
pub const FORM: &str = "__Host-passport-form";
/// By which a browser is known from which somebody logged in before.
pub const DEVICE: &str = "__Host-passport-device";
/// The chosen language.
pub const LANGUAGE: &str = "__Host-passport-lang";
/// A one-time link on its way out of the URL.
pub const SETUP: &str = "__Host-passport-setup";

/// Most cookies of a request.
const MOST: usize = 64;

/// Blanks around names and values (RFC 6265 section 5.2).
const BLANKS: [char; 2] = [' ', '\t'];

/// What is wrong with a request's cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadCookies {
    /// A name is percent-encoded or not plain ASCII, or there are two of one name: somebody tries to
    /// pass off a cookie as another. (A neighbouring host can set such cookies for us; it cannot set
    /// `__Host-` ones.)
    Ambiguous,
    /// More than anybody needs.
    TooMany,
}

/// Checks the names of all cookies of a request.
pub fn check(headers: &HeaderMap) -> Result<(), BadCookies> {
    let mut names: Vec<&str> = Vec::new();
    // actix reads no cookie at all from a request with such a header.
    if headers.get_all(COOKIE).any(|header| text(header).is_none()) {
        return Err(BadCookies::Ambiguous);
    }
    for name in pairs(headers).map(|(name, _)| name) {
        // actix trims what Unicode calls a blank: `\u{2003}__Host-x` would become `__Host-x`.
        let plain = name.bytes().all(|b| b.is_ascii() && b != b'%');
        if !plain || names.contains(&name) {
            return Err(BadCookies::Ambiguous);
        }
        if names.len() == MOST {
            return Err(BadCookies::TooMany);
        }
        names.push(name);
    }
    Ok(())
}

/// The value of the one cookie of exactly this name.
pub fn read<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    pairs(request.headers()).find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .filter_map(text)
        .flat_map(|header| header.split(';'))
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.trim_matches(BLANKS), value.trim_matches(BLANKS)))
        .filter(|(name, value)| !name.is_empty() || !value.is_empty())
}

/// As actix reads it: `HeaderValue::to_str` would be blind to any header with a letter beyond ASCII.
fn text(header: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(header.as_bytes()).ok()
}

/// A cookie of ours. `seconds` is its life; without, it goes with the browser.
pub fn make(name: &'static str, value: String, seconds: Option<i64>) -> Cookie<'static> {
    let cookie =
        Cookie::build(name, value).path("/").secure(true).http_only(true).same_site(SameSite::Lax);
    match seconds {
        Some(seconds) => cookie.max_age(Duration::seconds(seconds)).finish(),
        None => cookie.finish(),
    }
}

/// A cookie that removes another, with the same attributes.
pub fn remove(name: &'static str) -> Cookie<'static> {
    let mut cookie = make(name, String::new(), None);
    cookie.make_removal();
    cookie
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn headers(values: &[&str]) -> HttpRequest {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((COOKIE, *value));
        }
        request.to_http_request()
    }

    // SECURITY-CASES S-02.
    #[test]
    fn raw_names_only() {
        let good = headers(&["a=1; __Host-passport=good; b=x=y"]);
        assert_eq!(check(good.headers()), Ok(()));
        assert_eq!(read(&good, SESSION), Some("good"));
        assert_eq!(read(&good, "b"), Some("x=y"));
        for bad in [
            &["__%48ost-passport=evil; __Host-passport=good"][..],
            &["__Host-passport=good; __%48ost-passport=evil"],
            &["__Host-passport=one; __Host-passport=two"],
            &["__Host-passport=one", "__Host-passport=two"],
            &["a%3d=1"],
            // A letter beyond ASCII anywhere must not blind us to the rest.
            &["__%48ost-passport=evil; x=é"],
            &["\u{2003}__Host-passport=evil"],
            &["__Host-passport=one; __Host-passport=two; x=é"],
        ] {
            assert_eq!(check(headers(bad).headers()), Err(BadCookies::Ambiguous), "{bad:?}");
        }
        let many = (0..65).map(|n| format!("c{n}=1")).collect::<Vec<_>>().join("; ");
        assert_eq!(check(headers(&[&many]).headers()), Err(BadCookies::TooMany));
    }
}
