//! Cookies by their raw names. `HttpRequest::cookie` decodes names, so that `__%48ost-x` reads as
//! `__Host-x` without the protection of that prefix (SECURITY-CASES S-02).
//!
//! A neighbouring host can set cookies for all hosts below a common parent, ours among them, with any
//! name and any bytes, but for names that begin with `__Host-`. So what is not ours is neither believed
//! nor held against anybody: the door takes it out of the request ([`keep_ours`]), and whatever reads
//! cookies further in, actix and actix-session too, sees only ours (S-03).

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time::Duration},
    http::header::{COOKIE, HeaderMap, HeaderValue},
};
use percent_encoding::percent_decode;

/// The session: HttpOnly, Secure, SameSite=Lax, this host only.
pub const SESSION: &str = "__Host-passport";
/// The weaker twin of the session, for questions from inside apps' pages: HttpOnly, Secure, this host
/// only, SameSite=None. Not `Partitioned`: each app's site would have its own jar, and what is set at
/// our login is in none of them.
pub const TWIN: &str = "__Host-passport-x";
/// A session that was taken inside an app's page, until our first page exchanges it for [`SESSION`]:
/// HttpOnly, Secure, this host only, SameSite=None. Good for that alone, and once.
pub const ARRIVAL: &str = "__Host-passport-new";
/// Ties a form to the browser that it was shown in, before there is a session.
pub const FORM: &str = "__Host-passport-form";
/// By which a browser is known from which somebody logged in before.
pub const DEVICE: &str = "__Host-passport-device";
/// The chosen language.
pub const LANGUAGE: &str = "__Host-passport-lang";
/// A one-time link on its way out of the URL.
pub const SETUP: &str = "__Host-passport-setup";

/// Ties a login at a provider to the browser in which it began.
pub const UPSTREAM: &str = "__Host-passport-upstream";
/// The OpenID that was last used here, where the person wants it offered.
pub const OPENID: &str = "__Host-passport-openid";

/// All of them.
const OURS: [&str; 9] = [SESSION, TWIN, ARRIVAL, FORM, DEVICE, LANGUAGE, SETUP, UPSTREAM, OPENID];

/// There are two cookies of one of our names, or a name is percent-encoded and would decode to one of
/// ours: somebody tries to pass off a cookie as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

/// Leaves only our cookies in a request: pairs whose name is one of ours byte for byte. Works on bytes,
/// since others' cookies hold any.
pub fn keep_ours(headers: &mut HeaderMap) -> Result<(), Ambiguous> {
    let mut kept: [Option<&[u8]>; OURS.len()] = [None; OURS.len()];
    for pair in headers.get_all(COOKIE).flat_map(|header| header.as_bytes().split(|b| *b == b';')) {
        // Without a name it is nobody's, and not one that other readers could take for ours.
        let Some(equals) = pair.iter().position(|b| *b == b'=') else { continue };
        let (name, value) = (trim(&pair[..equals]), trim(&pair[equals + 1..]));
        let one_of_ours = |name: &[u8]| OURS.iter().position(|ours| ours.as_bytes() == name);
        match one_of_ours(name) {
            Some(place) if kept[place].is_some() => return Err(Ambiguous),
            // We set visible ASCII only. Other bytes would keep actix from reading the whole header.
            Some(place) => kept[place] = Some(value).filter(|v| v.iter().all(u8::is_ascii_graphic)),
            None if name.contains(&b'%') => {
                let decoded: Vec<u8> = percent_decode(name).collect();
                if one_of_ours(&decoded).is_some() {
                    return Err(Ambiguous);
                }
            }
            None => {}
        }
    }
    let mut ours = Vec::new();
    for (name, value) in OURS.iter().zip(kept) {
        let Some(value) = value else { continue };
        if !ours.is_empty() {
            ours.extend_from_slice(b"; ");
        }
        ours.extend([name.as_bytes(), b"=", value].into_iter().flatten());
    }
    let ours = HeaderValue::try_from(ours).ok().filter(|ours| !ours.is_empty());
    headers.remove(COOKIE);
    if let Some(ours) = ours {
        headers.insert(COOKIE, ours);
    }
    Ok(())
}

/// Without the blanks around it (RFC 6265 section 5.2), and no others: some readers also trim what
/// Unicode calls a blank, and would read `\u{2003}__Host-x` as `__Host-x`.
fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// The value of the one cookie of exactly this name. The door has left no other.
pub fn read<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    read_from(request.headers().get(COOKIE)?, name)
}

/// The same of such a request's header.
pub fn read_from<'a>(ours: &'a HeaderValue, name: &str) -> Option<&'a str> {
    let mut pairs = ours.as_bytes().split(|b| *b == b';').map(trim);
    let value = pairs.find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    std::str::from_utf8(value).ok()
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

/// A cookie that travels in other sites' pages: the twin of a session cookie, a session on its way.
pub fn make_travelling(name: &'static str, value: String, seconds: Option<i64>) -> Cookie<'static> {
    let mut cookie = make(name, value, seconds);
    cookie.set_same_site(SameSite::None);
    cookie
}

/// Removes such a cookie, with the same attributes.
pub fn remove_travelling(name: &'static str) -> Cookie<'static> {
    let mut cookie = make_travelling(name, String::new(), None);
    cookie.make_removal();
    cookie
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

    /// What is left of a request with these `Cookie` headers.
    fn kept(values: &[&[u8]]) -> Result<HttpRequest, Ambiguous> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(COOKIE, HeaderValue::from_bytes(value).unwrap());
        }
        keep_ours(&mut headers)?;
        let mut request = TestRequest::default();
        for (_, value) in &headers {
            request = request.append_header((COOKIE, value.clone()));
        }
        Ok(request.to_http_request())
    }

    fn header(request: &HttpRequest) -> &[u8] {
        request.headers().get(COOKIE).map_or(&[], HeaderValue::as_bytes)
    }

    // SECURITY-CASES S-02.
    #[test]
    fn who_passes_off_a_cookie_as_ours_is_refused() {
        for bad in [
            &["__%48ost-passport=evil; __Host-passport=good"][..],
            &["__Host-passport=good; __%48ost-passport=evil"],
            &["__Host-passport=good; __Host-passport%2Dform=evil"],
            &["__Host-passport=one; __Host-passport=two"],
            &["__Host-passport=one", "__Host-passport=two"],
            // A letter beyond ASCII anywhere must not blind us to the rest.
            &["__%48ost-passport=evil; x=é"],
            &["__Host-passport=one; __Host-passport=two; x=é"],
        ] {
            let bytes: Vec<&[u8]> = bad.iter().map(|text| text.as_bytes()).collect();
            assert_eq!(kept(&bytes).err(), Some(Ambiguous), "{bad:?}");
        }
    }

    // SECURITY-CASES S-03: whatever a neighbour sets, our own are read, by us and by actix.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "what actix reads is the point")]
    fn what_is_not_ours_is_not_there() {
        let many = (0..500).map(|n| format!("c{n}=1; ")).collect::<String>();
        for foreign in [
            &b"a=1; b=2; "[..],
            b"a=1; a=1; ",
            b"x=\xff\xfe; ",
            b"\xff=1; ",
            "é=é; ".as_bytes(),
            b"a%3d=1; %=; %zz=1; a%00b=1; ",
            b"foo; =; ; =x; __Host-passport; ",
            "\u{2003}__Host-passport=evil; __Host-passport\u{a0}=evil; ".as_bytes(),
            b"__host-passport=evil; __Host-passport-y=evil; passport=evil; ",
            many.as_bytes(),
        ] {
            let request = kept(&[foreign, b"__Host-passport=x=y ; b=\xff", foreign]).unwrap();
            assert_eq!(header(&request), b"__Host-passport=x=y");
            assert_eq!(read(&request, SESSION), Some("x=y"));
            assert_eq!(request.cookie(SESSION).unwrap().value(), "x=y");
            assert_eq!(read(&request, FORM), None);
            assert_eq!(header(&kept(&[foreign]).unwrap()), b"");
        }
        let all =
            kept(&[b"__Host-passport=s;__Host-passport-form=\xff", b"__Host-passport-lang=ru"]);
        let all = all.unwrap();
        assert_eq!(header(&all), b"__Host-passport=s; __Host-passport-lang=ru");
        assert_eq!((read(&all, SESSION), read(&all, LANGUAGE)), (Some("s"), Some("ru")));
    }
}
