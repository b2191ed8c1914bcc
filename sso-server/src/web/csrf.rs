//! Forms that only our own pages can send (SECURITY-CASES L-19, L-20).
//!
//! Each form carries a token that is bound to the browser: before login to a random cookie, after
//! it to the session. So a token from before is void after, and another browser's is void here.
//! Beside the token, `Origin` and `Sec-Fetch-Site` must not speak of another site.

use actix_web::{HttpRequest, HttpResponseBuilder};

use super::{Web, cookies};
use crate::domain::{session::LiveSession, token::Token};

/// What a form is bound to.
#[derive(Clone, Debug)]
pub struct Binding {
    kind: &'static str,
    value: String,
    /// A cookie to be set, because the browser had none yet.
    new: bool,
}

impl Binding {
    /// Of this browser: its session, or its form cookie, or a new one.
    pub fn of(request: &HttpRequest, session: Option<&LiveSession>, web: &Web) -> Self {
        if let Some(session) = session {
            // The digest changes with the cookie: a renewed session voids its old forms.
            return Self { kind: "form|session", value: session.digest.clone(), new: false };
        }
        match cookies::read(request, cookies::FORM).and_then(Token::parse) {
            Some(token) => {
                Self { kind: "form|browser", value: token.expose().to_owned(), new: false }
            }
            None => {
                let token = Token::fresh(&web.app.random);
                Self { kind: "form|browser", value: token.expose().to_owned(), new: true }
            }
        }
    }

    /// The token for the form. `purpose` names the form, so that one's token is void in another.
    pub fn token(&self, web: &Web, purpose: &str) -> String {
        web.app.secrets.mac(self.kind, &[purpose, &self.value])
    }

    /// Sets the cookie on the answer that shows the form, if the browser needs one.
    pub fn remember(&self, response: &mut HttpResponseBuilder) {
        if self.new {
            response.cookie(cookies::make(cookies::FORM, self.value.clone(), None));
        }
    }

    /// Whether a form with `token` was shown to this browser by us.
    pub fn accepts(&self, request: &HttpRequest, web: &Web, purpose: &str, token: &str) -> bool {
        !self.new
            && same_origin(request, &web.app.config.server.public_url)
            && web.app.secrets.verify_mac(token, self.kind, &[purpose, &self.value])
    }
}

/// Whether the browser says that the request comes from our own page. Our pages send no referrer,
/// so browsers send `Origin: null` with their forms; then `Sec-Fetch-Site` decides. A browser too
/// old for that header is left to the token, which no other site can know.
fn same_origin(request: &HttpRequest, public_url: &str) -> bool {
    let header =
        |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = match header("sec-fetch-site") {
        None => true,
        Some(site) => site == "same-origin",
    };
    let origin = match header("origin") {
        None | Some("null") => true,
        Some(origin) => origin == public_url,
    };
    site && origin
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn what_browsers_say_of_other_sites() {
        let says = |headers: &[(&str, &str)]| {
            let mut request = TestRequest::default();
            for header in headers {
                request = request.append_header(*header);
            }
            same_origin(&request.to_http_request(), "https://sso.example")
        };
        assert!(says(&[("Sec-Fetch-Site", "same-origin"), ("Origin", "null")]));
        assert!(says(&[("Sec-Fetch-Site", "same-origin"), ("Origin", "https://sso.example")]));
        assert!(says(&[]));
        for other in [
            &[("Sec-Fetch-Site", "cross-site")][..],
            &[("Sec-Fetch-Site", "same-site")],
            &[("Sec-Fetch-Site", "none")],
            &[("Origin", "https://evil.example")],
            &[("Origin", "https://sso.example.evil.example")],
            &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://sso.example")],
            &[("Sec-Fetch-Site", "same-origin"), ("Origin", "https://evil.example")],
        ] {
            assert!(!says(other), "{other:?}");
        }
    }
}
