//! Where the browser tells an app of a logout (front-channel logout).

use std::fmt;

use url::Url;

use super::return_url::{UrlError, checked_server};

/// A registered front-channel logout URL: `https:`, or `http:` to this machine. The browser is sent
/// to these exact bytes, with parameters added.
#[derive(Clone, PartialEq, Eq)]
pub struct FrontLogoutUrl(String);

impl FrontLogoutUrl {
    /// Checks a URL that an operator registers. A frame cannot show a private-use scheme.
    pub fn register(text: &str) -> Result<Self, UrlError> {
        checked_server(text)?;
        Ok(Self(text.to_owned()))
    }

    /// As read back from the database.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The registered bytes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port: what a page that frames it must allow (CSP `frame-src`).
    pub fn origin(&self) -> String {
        Url::parse(&self.0).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
    }

    /// The URL with parameters added to its query.
    pub fn with(&self, parameters: &str) -> String {
        let mark = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{mark}{parameters}", self.0)
    }
}

impl fmt::Debug for FrontLogoutUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_registered() {
        let url = FrontLogoutUrl::register("https://aw.example:8443/sso/front-logout").unwrap();
        assert_eq!(url.origin(), "https://aw.example:8443");
        assert_eq!(url.with("a=1"), "https://aw.example:8443/sso/front-logout?a=1");
        let url = FrontLogoutUrl::register("http://aw.localhost:8801/out?x=1").unwrap();
        assert_eq!(url.with("a=1"), "http://aw.localhost:8801/out?x=1&a=1");
        for bad in ["http://aw.example/out", "com.example.app:/out", "https://aw.example/#x", ""] {
            assert!(FrontLogoutUrl::register(bad).is_err(), "{bad}");
        }
    }
}
