//! Who we are to providers: the realm, and the page that answers come back to.

use crate::{
    message::{self, MessageError},
    names::TYPE_RETURN_TO,
    url::{UrlError, WebUrl},
};

/// The URL pattern that a person is asked to trust (section 9.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    text: String,
    /// Without `*.`.
    url: WebUrl,
    wildcard: bool,
}

/// Why a text is no realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealmError {
    /// No URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// `*.com`, `*.co.uk`: everybody.
    #[error("the realm is too wide")]
    TooWide,
}

impl Realm {
    /// Reads a realm. Wildcards are understood, since the standard has them; our own realm has
    /// none, because it would hand our logins to every host below.
    pub fn parse(text: &str) -> Result<Self, RealmError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let (wildcard, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let written = format!("{scheme}://{rest}");
        if written.contains('#') {
            return Err(UrlError::Fragment.into());
        }
        let url = WebUrl::normalise(&written)?;
        if wildcard && too_wide(url.host()) {
            return Err(RealmError::TooWide);
        }
        Ok(Self { text: text.to_owned(), url, wildcard })
    }

    /// The text, as it is sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it holds for more than one host.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// Whether a page lies under the realm (section 9.2): same scheme and port, same host or one
    /// below `*.`, same path or one below. A realm with a query covers what begins with it.
    pub fn covers(&self, page: &WebUrl) -> bool {
        let Ok(page) = WebUrl::normalise(page.as_str()) else {
            return false;
        };
        let host = page.host() == self.url.host()
            || (self.wildcard
                && page.host().strip_suffix(self.url.host()).is_some_and(|sub| sub.ends_with('.')));
        let covers = match self.url.as_str().split_once('?') {
            None => path_covers(path(&self.url), path(&page)),
            Some((_, query)) => {
                let (_, asked) = split_query(page.as_str());
                let rest = asked.strip_prefix(query);
                path(&page) == path(&self.url)
                    && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('&'))
            }
        };
        host && port(&page) == port(&self.url) && covers
    }
}

/// A suffix that the public may register under. Without the list of all of them: one label, or a
/// country's two letters after two letters.
fn too_wide(host: &str) -> bool {
    match host.split('.').collect::<Vec<_>>()[..] {
        [_] => host != "localhost",
        [second, country] => country.len() == 2 && second.len() <= 2,
        _ => false,
    }
}

fn port(url: &WebUrl) -> (bool, &str) {
    let after_host = after_scheme(url).strip_prefix(url.host()).unwrap_or_default();
    let end = after_host.find('/').unwrap_or(after_host.len());
    (url.is_https(), &after_host[..end])
}

fn path(url: &WebUrl) -> &str {
    let rest = after_scheme(url);
    let path = &rest[rest.find('/').unwrap_or(rest.len())..];
    path.split('?').next().unwrap_or_default()
}

fn after_scheme(url: &WebUrl) -> &str {
    url.as_str().split_once("://").map_or("", |(_, rest)| rest)
}

/// Whole segments: `/sub/fold` is not under `/sub/folder`.
fn path_covers(realm: &str, page: &str) -> bool {
    let realm = realm.trim_end_matches('/');
    page.strip_prefix(realm).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a request came to the page that we had named (section 11.1): same scheme, host, port and
/// path as `return_to`, every parameter of it there with the same value, and no parameter that is
/// neither ours nor `openid.*` (SECURITY-CASES O-05).
///
/// The standard would allow others. Parameters that somebody added were how a provider and its
/// relying parties came to read different messages (Steam, 2024).
pub fn is_return_to(return_to: &str, request_url: &str) -> Result<bool, MessageError> {
    let (ours, our_query) = split_query(return_to);
    let (theirs, their_query) = split_query(request_url);
    let (Ok(exact), Ok(arrived)) = (WebUrl::parse(ours), WebUrl::normalise(theirs)) else {
        return Ok(false);
    };
    // Paths are compared as they were written: we wrote ours, so it has no other spelling. Only a
    // default port may be written out.
    let same_origin = exact.host() == arrived.host() && {
        let normal = WebUrl::normalise(ours).unwrap_or_else(|_| exact.clone());
        port(&normal) == port(&arrived)
    };
    if !same_origin || path(&exact) != path(&arrived) || theirs.contains('#') {
        return Ok(false);
    }
    let ours = message::parameters(our_query.as_bytes())?;
    let theirs = message::parameters(their_query.as_bytes())?;
    let all_there = ours.iter().all(|parameter| theirs.contains(parameter));
    let none_added = theirs.iter().all(|(name, value)| {
        name.starts_with("openid.") || ours.contains(&(name.clone(), value.clone()))
    });
    Ok(all_there && none_added)
}

pub(crate) fn split_query(url: &str) -> (&str, &str) {
    url.split_once('?').unwrap_or((url, ""))
}

/// The document by which a provider checks that a `return_to` is ours (section 13). To be served at
/// the realm's URL as `application/xrds+xml`, without a redirect.
pub fn relying_party_document(return_to: &WebUrl) -> String {
    let page = quick_xml::escape::escape(return_to.as_str());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <xrds:XRDS xmlns:xrds=\"xri://$xrds\" xmlns=\"xri://$xrd*($v*2.0)\">\n \
         <XRD>\n  <Service>\n   <Type>{TYPE_RETURN_TO}</Type>\n   <URI>{page}</URI>\n  \
         </Service>\n </XRD>\n</xrds:XRDS>\n"
    )
}
