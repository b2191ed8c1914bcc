//! Where an app's events are pushed.

use std::fmt;

use url::Url;

use super::return_url::{UrlError, checked, checked_server};

/// A registered events URL: `https:`, or `http:` to this machine. These exact bytes are requested;
/// whether the address behind the name may be reached is looked at when it is
/// ([`crate::upstream::transport`]).
#[derive(Clone, PartialEq, Eq)]
pub struct EventsUrl(String);

impl EventsUrl {
    /// Checks a URL that an operator registers. A private-use scheme leads to an app on somebody's
    /// phone: nobody listens there.
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

    /// Scheme, host and port, fit to be shown: path and query may hold secrets of the app.
    pub fn origin(&self) -> String {
        self.parsed().map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
    }

    /// The same, parsed.
    pub fn parsed(&self) -> Result<Url, UrlError> {
        checked(&self.0)
    }
}

impl fmt::Debug for EventsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SECURITY-CASES F-04.
    #[test]
    fn what_can_be_registered() {
        for good in [
            "https://aw.example/events",
            "https://aw.example:8443/events?tenant=1",
            "http://aw.localhost:8801/sso/events",
            "http://127.0.0.1:8801/",
            "http://[::1]:8801/",
        ] {
            assert!(EventsUrl::register(good).is_ok(), "{good}");
        }
        let url = EventsUrl::register("https://aw.example:8443/hooks/secret?tenant=1").unwrap();
        assert_eq!(url.origin(), "https://aw.example:8443");
        for bad in [
            "http://aw.example/events",
            "com.example.app:/events",
            "gopher://aw.example/",
            "file:///etc/passwd",
            "https://user@aw.example/",
            "https://user:password@aw.example/",
            "https://aw.example/#events",
            "https://aw.example\r\n/x",
            "https://aw.example/a b",
            "https://aw.example./",
            "https://*.example/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://①②⑦.0.0.1/",
            "",
        ] {
            assert!(EventsUrl::register(bad).is_err(), "{bad}");
        }
    }
}
