//! Where a ticket may go: registered URLs, compared byte for byte.
//!
//! Redirect matching is where single sign-on systems break (SECURITY-CASES class 12: fourteen
//! published holes). So nothing is matched here: an app registers whole URLs, a request names one
//! of them, and the bytes are equal or it is refused. What remains is to refuse at registration
//! whatever a browser could read differently from us.

use std::fmt;

use url::{Host, Url};

/// The longest URL, in bytes; longer ones are refused, not cut.
pub const MAX_BYTES: usize = 2_000;

/// Query parameters that Passport itself adds.
const OURS: [&str; 4] = ["ticket", "state", "error", "sid"];

/// A registered return URL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ReturnUrl {
    text: String,
    native: bool,
}

/// Why a URL cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Longer than [`MAX_BYTES`].
    #[error("a URL has at most {MAX_BYTES} bytes")]
    TooLong,
    /// Blanks, control characters, backslashes, or anything beyond ASCII.
    #[error("a URL consists of visible ASCII characters without \\; write other names as xn--…")]
    Characters,
    /// A `*`: there are no patterns.
    #[error(
        "a URL is matched by exact bytes: patterns with * are not supported, register each URL"
    )]
    Pattern,
    /// Not an absolute URL.
    #[error("not an absolute URL: {0}")]
    Malformed(String),
    /// A browser would rewrite it.
    #[error("a browser would rewrite this URL; register it as {0}")]
    Rewritten(String),
    /// `http:` to a host on the network, `javascript:`, `file:`, …
    #[error(
        "only https:// URLs, http:// to localhost or a loopback address, and reverse-domain \
         schemes of native apps (com.example.app:/…) are possible"
    )]
    Scheme,
    /// `user:password@`.
    #[error("a URL cannot carry a user name or password")]
    UserInfo,
    /// `#…`.
    #[error("a URL cannot carry a fragment")]
    Fragment,
    /// The host ends with a dot, or is no proper host.
    #[error("the host of the URL is not a plain domain name or address")]
    Host,
    /// A query parameter that Passport adds itself.
    #[error("the query of a return URL cannot contain ticket, state, error or sid")]
    Reserved,
    /// A native app's scheme, where a server is needed: nobody listens behind it.
    #[error(
        "a URL that is called begins with https://, or with http:// to localhost or a loopback address"
    )]
    NotAServer,
    /// More than scheme, host and port.
    #[error("an origin is scheme://host or scheme://host:port and nothing more")]
    NotAnOrigin,
}

impl ReturnUrl {
    /// Checks a URL that an operator registers.
    pub fn register(text: &str) -> Result<Self, UrlError> {
        let url = checked(text)?;
        if let Some(query) = url.query()
            && url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| OURS.contains(&&*name))
        {
            return Err(UrlError::Reserved);
        }
        Ok(Self { text: text.to_owned(), native: is_native(&url) })
    }

    /// As read back from the database.
    pub fn stored(text: String) -> Self {
        let native = Url::parse(&text).is_ok_and(|url| is_native(&url));
        Self { text, native }
    }

    /// The registered bytes.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL with `parameters` added to its query. The empty fragment at the end stops the
    /// browser from carrying over the fragment of the page before (RFC 9110 section 10.2.2;
    /// SECURITY-CASES R-14).
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut location = String::with_capacity(self.text.len() + 640);
        location.push_str(&self.text);
        let mut separator = if self.text.contains('?') { '&' } else { '?' };
        for (name, value) in parameters {
            location.push(separator);
            separator = '&';
            location.push_str(name);
            location.push('=');
            // A ticket is made of these (RFC 7515 section 7.1), and is long; names are our own.
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            if value.bytes().all(plain) {
                location.push_str(value);
            } else {
                location.extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
            }
        }
        location.push('#');
        location
    }

    /// What a form on our page must be allowed to lead to (CSP `form-action`): browsers apply it
    /// to the redirect behind the form, too.
    pub fn form_action_source(&self) -> String {
        match Url::parse(&self.text) {
            Ok(url) if url.origin().is_tuple() => url.origin().ascii_serialization(),
            Ok(url) => format!("{}:", url.scheme()),
            Err(_) => "'none'".to_owned(),
        }
    }

    /// Whether other programs of the device could receive what is sent here: a loopback port or a
    /// private-use scheme. There a challenge is demanded (RFC 8252 section 8.1).
    pub const fn is_native(&self) -> bool {
        self.native
    }
}

fn is_native(url: &Url) -> bool {
    match url.scheme() {
        "https" => false,
        "http" => !matches!(url.host(), Some(Host::Domain(_))),
        _ => true,
    }
}

impl fmt::Debug for ReturnUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A registered origin (RFC 6454): who may ask from inside a page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// Checks an origin that an operator registers.
    pub fn register(text: &str) -> Result<Self, UrlError> {
        let url = checked(&format!("{text}/"))?;
        if url.origin().ascii_serialization() != text {
            return Err(UrlError::NotAnOrigin);
        }
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
}

/// The checks that every stored URL passes.
pub fn checked(text: &str) -> Result<Url, UrlError> {
    if text.len() > MAX_BYTES {
        return Err(UrlError::TooLong);
    }
    if text.contains('*') {
        return Err(UrlError::Pattern);
    }
    if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err(UrlError::Characters);
    }
    let url = Url::parse(text).map_err(|error| UrlError::Malformed(error.to_string()))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(UrlError::Scheme),
        private if is_private_use(private) => {}
        _ => return Err(UrlError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(UrlError::Fragment);
    }
    if matches!(url.host(), Some(Host::Domain(name)) if name.ends_with('.')) {
        return Err(UrlError::Host);
    }
    // The last word: what we compare and what a browser opens are the same bytes.
    if url.as_str() != text {
        return Err(UrlError::Rewritten(url.into()));
    }
    Ok(url)
}

/// The same for a URL that a server must answer behind: no private-use scheme.
pub fn checked_server(text: &str) -> Result<Url, UrlError> {
    let url = checked(text)?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(UrlError::NotAServer);
    }
    Ok(url)
}

/// Loopback by name or address; decided on the parsed host, never on text. An IPv4-mapped IPv6
/// address is not on the list, browsers treat it differently.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A scheme that belongs to a domain owner (RFC 8252 section 7.1): it holds a dot, which none of
/// `javascript`, `data`, `blob`, `file`, `view-source` does.
fn is_private_use(scheme: &str) -> bool {
    scheme.contains('.') && scheme.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_added_and_the_fragment_is_cut() {
        let plain = ReturnUrl::register("https://aw.example/cb").unwrap();
        assert_eq!(
            plain.with(&[("ticket", "t"), ("state", "a b&c")]),
            "https://aw.example/cb?ticket=t&state=a+b%26c#"
        );
        let query = ReturnUrl::register("https://aw.example/cb?x=1").unwrap();
        assert_eq!(query.with(&[("ticket", "t")]), "https://aw.example/cb?x=1&ticket=t#");
    }

    #[test]
    fn native_apps() {
        for native in ["http://127.0.0.1/cb", "http://[::1]:9/cb", "com.example.app:/cb"] {
            assert!(ReturnUrl::register(native).unwrap().is_native(), "{native}");
        }
        for web in ["https://aw.example/cb", "http://aw.localhost:8801/cb"] {
            assert!(!ReturnUrl::register(web).unwrap().is_native(), "{web}");
        }
    }

    #[test]
    fn form_actions() {
        let source = |url| ReturnUrl::register(url).unwrap().form_action_source();
        assert_eq!(source("https://aw.example/cb"), "https://aw.example");
        assert_eq!(source("http://aw.localhost:8801/cb"), "http://aw.localhost:8801");
        assert_eq!(source("com.example.app:/cb"), "com.example.app:");
    }

    #[test]
    fn origins() {
        for good in ["https://aw.example", "http://aw.localhost:8801", "https://aw.example:8443"] {
            assert!(Origin::register(good).is_ok(), "{good}");
        }
        for bad in [
            "https://aw.example/",
            "https://aw.example/x",
            "https://aw.example:443",
            "null",
            "*",
            "https://*.example",
            "http://aw.example",
            "https://AW.example",
            "https://a@aw.example",
            "",
        ] {
            assert!(Origin::register(bad).is_err(), "{bad}");
        }
    }
}
