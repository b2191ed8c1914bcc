//! Absolute http and https URLs, checked and normalised (RFC 3986 section 6.2).
//!
//! The `url` crate alone is not enough here. It repairs: it drops tabs and newlines, turns `\` into
//! `/`, and reads `https:evil.example` as a host. It also leaves percent-escapes as they are. What
//! two parties read differently is a hole, so this module refuses what needs repair, and only asks
//! `url` about hosts.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use url::Host;

/// Bytes of a URL.
pub const MAX_URL: usize = 2048;

/// What is escaped besides everything that is not ASCII: nothing, the rest was refused before.
const NON_ASCII: &AsciiSet = &CONTROLS.add(b' ');

/// An absolute http or https URL without user, password or fragment.
///
/// Holds the text as it was given to [`WebUrl::parse`], or the canonical text that
/// [`WebUrl::normalise`] made of it. Compared byte for byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebUrl {
    text: String,
    https: bool,
    host: String,
}

/// Why a text is no such URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Longer than [`MAX_URL`].
    #[error("the URL is too long")]
    TooLong,
    /// Does not begin with `http://` or `https://`.
    #[error("not an http or https URL")]
    Scheme,
    /// A character that no URL has, or half an escape.
    #[error("the URL has a character that does not belong there")]
    Character,
    /// `user@` or `user:password@`.
    #[error("the URL names a user")]
    User,
    /// The host is none.
    #[error("the URL has no valid host")]
    Host,
    /// The port is none.
    #[error("the URL has no valid port")]
    Port,
    /// A fragment where none may be.
    #[error("the URL has a fragment")]
    Fragment,
}

/// A URL taken apart.
struct Parts<'a> {
    https: bool,
    host: String,
    port: Option<u16>,
    path: &'a str,
    query: Option<&'a str>,
}

impl WebUrl {
    /// Checks and keeps the text as it is. For what is compared byte for byte: endpoints of
    /// providers, our own `return_to`.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if !text.is_ascii() {
            return Err(UrlError::Character);
        }
        let (rest, fragment) = cut_fragment(text);
        if fragment.is_some() {
            return Err(UrlError::Fragment);
        }
        let parts = Parts::of(rest)?;
        normal_path(parts.path)?;
        Ok(Self { text: text.to_owned(), https: parts.https, host: parts.host })
    }

    /// Checks, drops the fragment, and makes the one canonical form (OpenID 2.0 section 7.2;
    /// RFC 3986 section 6.2.2 and 6.2.3): scheme and host in lower case, host in its ASCII form
    /// (UTS 46, non-transitional), no default port, no dot segments, no escaped letters. The query
    /// and trailing slashes are left alone.
    pub fn normalise(text: &str) -> Result<Self, UrlError> {
        let (text, _) = cut_fragment(text);
        let parts = Parts::of(text)?;
        let scheme = if parts.https { "https" } else { "http" };
        let mut normal = format!("{scheme}://{}", parts.host);
        if let Some(port) = parts.port {
            normal.push_str(&format!(":{port}"));
        }
        normal.push_str(&normal_path(parts.path)?);
        if let Some(query) = parts.query {
            normal.push('?');
            normal.extend(utf8_percent_encode(query, NON_ASCII));
        }
        if normal.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        Ok(Self { text: normal, https: parts.https, host: parts.host })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether TLS is spoken there.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host in its canonical form: `xn--bcher-kva.example`, `[::1]`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the text is its own canonical form.
    pub fn is_normal(&self) -> bool {
        Self::normalise(&self.text).is_ok_and(|normal| normal == *self)
    }

    /// What a `Location` says, seen from here, in its canonical form.
    pub(crate) fn join(&self, location: &str) -> Result<Self, UrlError> {
        if location.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        if location.chars().any(|c| c.is_control() || c == '\\') {
            return Err(UrlError::Character);
        }
        // An absolute one is read by our own rules alone, without repair.
        if location.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':')) {
            return Self::normalise(location);
        }
        let base = url::Url::parse(&self.text).map_err(|_| UrlError::Host)?;
        let joined = base.join(location).map_err(|_| UrlError::Host)?;
        Self::normalise(joined.as_str())
    }

    /// The URL for people: international hosts in their own script, unless they could be mistaken
    /// for others (UTS 39). Never for comparing.
    pub fn display(&self) -> String {
        let (unicode, valid) = idna::domain_to_unicode(&self.host);
        if valid.is_err() || unicode == self.host || misleading(&unicode) {
            return self.text.clone();
        }
        self.text.replacen(&self.host, &unicode, 1)
    }
}

/// Whether a host could be taken for another one: mixed scripts, or a label that looks like ASCII.
fn misleading(host: &str) -> bool {
    use unicode_security::{RestrictionLevel, RestrictionLevelDetection, confusable_detection};
    host.split('.').filter(|label| !label.is_ascii()).any(|label| {
        !label.check_restriction_level(RestrictionLevel::SingleScript)
            || confusable_detection::skeleton(label).all(|c| c.is_ascii())
    })
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl TryFrom<String> for WebUrl {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        Self::parse(&text)
    }
}

impl From<WebUrl> for String {
    fn from(url: WebUrl) -> Self {
        url.text
    }
}

/// The URL without its fragment, and the fragment.
pub(crate) fn cut_fragment(text: &str) -> (&str, Option<&str>) {
    match text.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (text, None),
    }
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        let (https, rest) = if let Some(rest) = strip_ignoring_case(text, "http://") {
            (false, rest)
        } else if let Some(rest) = strip_ignoring_case(text, "https://") {
            (true, rest)
        } else {
            return Err(UrlError::Scheme);
        };
        if !rest.chars().all(in_urls) {
            return Err(UrlError::Character);
        }
        let (before_query, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (rest, None),
        };
        let at = before_query.find('/').unwrap_or(before_query.len());
        let (authority, path) = before_query.split_at(at);
        if authority.contains('@') {
            return Err(UrlError::User);
        }
        let (host, port) = split_port(authority)?;
        let default = if https { 443 } else { 80 };
        Ok(Self {
            https,
            host: canonical_host(host)?,
            port: port.filter(|port| *port != default),
            path,
            query,
        })
    }
}

/// `prefix` in lower case.
pub(crate) fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// RFC 3986 section 2, and letters of other scripts (RFC 3987): those are encoded.
fn in_urls(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        _ if c.is_ascii() => "-._~:/?[]@!$&'()*+,;=%".contains(c),
        // Direction marks, joiners and the like change what is seen, not what is meant.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => false,
        '\u{feff}' | '\u{fff0}'..='\u{ffff}' => false,
        _ => !c.is_control() && !c.is_whitespace(),
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let end_of_host = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[end_of_host..].find(':').map(|at| at + end_of_host) else {
        return Ok((authority, None));
    };
    let (host, port) = (&authority[..colon], &authority[colon + 1..]);
    if port.is_empty() {
        return Ok((host, None));
    }
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    match port.parse() {
        Ok(0) | Err(_) => Err(UrlError::Port),
        Ok(port) => Ok((host, Some(port))),
    }
}

/// Escapes are not decoded in hosts, addresses have one spelling, and no name ends in a dot: other
/// spellings of the same host would pass by lists of hosts.
fn canonical_host(host: &str) -> Result<String, UrlError> {
    if host.is_empty() || host.contains('%') {
        return Err(UrlError::Host);
    }
    match Host::parse(host).map_err(|_| UrlError::Host)? {
        Host::Domain(name) if !name.split('.').all(|label| (1..=63).contains(&label.len())) => {
            Err(UrlError::Host)
        }
        Host::Domain(name) if name.len() > 253 => Err(UrlError::Host),
        // What else RFC 3986 would allow is in no name that can be resolved.
        Host::Domain(name) if !name.bytes().all(in_names) => Err(UrlError::Host),
        Host::Ipv4(address) if address.to_string() != host => Err(UrlError::Host),
        canonical => Ok(canonical.to_string()),
    }
}

fn in_names(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._".contains(&b)
}

/// Escapes first, dot segments after: `%2e%2e` is `..`.
fn normal_path(path: &str) -> Result<String, UrlError> {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        let hex = rest.get(at + 1..at + 3).ok_or(UrlError::Character)?;
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(UrlError::Character);
        }
        let byte = u8::from_str_radix(hex, 16).map_err(|_| UrlError::Character)?;
        match char::from(byte) {
            c @ ('a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' | '~') => decoded.push(c),
            _ => decoded.push_str(&format!("%{byte:02X}")),
        }
        rest = &rest[at + 3..];
    }
    decoded.push_str(rest);
    let encoded = utf8_percent_encode(&decoded, NON_ASCII).to_string();
    Ok(without_dots(&encoded))
}

/// RFC 3986 section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_read_from_where_it_was_said() {
        let here = WebUrl::normalise("https://a.example/x/y?q").unwrap();
        let to = |location: &str| here.join(location).map(|url| url.as_str().to_owned());
        assert_eq!(to("/z"), Ok("https://a.example/z".to_owned()));
        assert_eq!(to("z#f"), Ok("https://a.example/x/z".to_owned()));
        assert_eq!(to("//b.example/z"), Ok("https://b.example/z".to_owned()));
        assert_eq!(to("HTTP://b.example"), Ok("http://b.example/".to_owned()));
        assert_eq!(
            to("z?u=http://b.example/"),
            Ok("https://a.example/x/z?u=http://b.example/".to_owned())
        );
        for bad in
            ["\\\\b.example", "file:///etc/passwd", "ftp://b.example/", "javascript:x", "a\nb"]
        {
            assert!(to(bad).is_err(), "{bad}");
        }
    }

    // SECURITY-CASES O-11: what the `url` crate repairs is refused.
    #[test]
    fn nothing_is_repaired() {
        for bad in [
            "https:evil.example/",
            "https:/evil.example/",
            "https:\\\\evil.example/",
            "https://a.example\\@evil.example/",
            "https://a.exa\tmple/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://%61.example/",
            "https://a.example./",
            "https://*.example/",
            "https://a,b.example/",
            "https://a;b=c.example/",
            "https://..example/",
            "https://a.example:0/",
            "https://a.example:99999/",
            "https://a.example:+80/",
            "https://[::1/",
            "https://a.example/%",
            "https://a.example/%zz",
            "https://a.example/\u{202e}x",
        ] {
            assert!(WebUrl::normalise(bad).is_err(), "{bad}");
            assert!(WebUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_for_people() {
        let shown = |text: &str| WebUrl::normalise(text).unwrap().display();
        assert_eq!(shown("http://BÜCHER.example/a"), "http://bücher.example/a");
        assert_eq!(shown("http://b.example/ü"), "http://b.example/%C3%BC");
        // Cyrillic letters that look like "apple", and one among Latin ones.
        assert_eq!(shown("http://аррӏе.example/"), "http://xn--80ak6aa92e.example/");
        assert!(shown("http://pаypal.example/").starts_with("http://xn--"));
    }

    #[test]
    fn an_address_is_a_host() {
        assert_eq!(WebUrl::normalise("http://[::0:1]:80").unwrap().as_str(), "http://[::1]/");
        assert_eq!(
            WebUrl::normalise("http://127.0.0.1:81").unwrap().as_str(),
            "http://127.0.0.1:81/"
        );
    }
}
