//! Whose page asks.
//!
//! A browser says so and a page cannot make it say otherwise: `Origin` goes with every `fetch` and
//! every script with `crossorigin`, whatever the page's referrer policy, and `Sec-Fetch-*` with every
//! request over https. A bare script has no `Origin`; its `Referer` can be left out by the page, but not
//! be another's. It counts only for apps that have asked for it, for the sake of old browsers.
//! `Sec-Fetch-Site` tells one foreign site from another as little as cookies do.

use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN, REFERER};

use crate::domain::app::App as Client;

/// How the page reads the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// JSON under CORS: by `fetch`, only with `Origin`.
    Json,
    /// A call of the page's function: by a script element.
    Script,
}

/// What the browser says of our cookies in that page (Storage Access Headers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageAccess {
    /// They are sent.
    Active,
    /// They would be if we asked for it.
    Inactive,
    /// They are not.
    None,
    /// It says nothing.
    Unsaid,
}

/// What a request says of where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// `Origin`.
    pub origin: Option<&'a str>,
    referer: Option<&'a str>,
    fetch: Option<Fetch<'a>>,
    /// `Sec-Fetch-Storage-Access`.
    pub storage: StorageAccess,
}

/// Fetch metadata: all of it or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fetch<'a> {
    site: &'a str,
    mode: &'a str,
    dest: &'a str,
}

/// A header is there twice, or by halves, or no text: nobody's browser says that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclear;

impl<'a> Claim<'a> {
    /// Reads the headers, each of which may be there once.
    pub fn read(headers: &'a HeaderMap) -> Result<Self, Unclear> {
        let named = |name| once(headers, &HeaderName::from_static(name));
        let fetch =
            match (named("sec-fetch-site")?, named("sec-fetch-mode")?, named("sec-fetch-dest")?) {
                (None, None, None) => None,
                (Some(site), Some(mode), Some(dest)) => Some(Fetch { site, mode, dest }),
                _ => return Err(Unclear),
            };
        let storage = match named("sec-fetch-storage-access")? {
            Some("active") => StorageAccess::Active,
            Some("inactive") => StorageAccess::Inactive,
            Some("none") => StorageAccess::None,
            _ => StorageAccess::Unsaid,
        };
        let (origin, referer) = (once(headers, &ORIGIN)?, once(headers, &REFERER)?);
        Ok(Self { origin, referer, fetch, storage })
    }

    /// Whether this is a page of `client` that may have an answer of this shape. All of it must hold
    /// (SECURITY-CASES J-06).
    pub fn may_ask(&self, client: &Client, shape: Shape) -> bool {
        let allowed = match shape {
            Shape::Json => true,
            Shape::Script => client.jsonp_since.is_some(),
        };
        let known = match (self.origin, self.referer) {
            (Some(origin), referer) => {
                client.origin(origin).is_some() && referer.is_none_or(|url| is_page_of(client, url))
            }
            (None, Some(referer)) => {
                shape == Shape::Script
                    && client.old_browsers_since.is_some()
                    && is_page_of(client, referer)
            }
            (None, None) => false,
        };
        allowed && client.disabled_at.is_none() && known && self.is_by_script(shape)
    }

    /// Whether a script asks, or a script element: not a picture, a frame, a page.
    fn is_by_script(&self, shape: Shape) -> bool {
        // Without: a browser from before 2023, known by its `Origin` or, where that is allowed, `Referer`.
        let Some(fetch) = self.fetch else { return true };
        let mode = match fetch.mode {
            "cors" => self.origin.is_some(),
            "no-cors" => shape == Shape::Script,
            _ => false,
        };
        // `empty` also for a script that passes through the app's service worker.
        mode && matches!(fetch.dest, "script" | "empty")
            && matches!(fetch.site, "cross-site" | "same-site")
    }
}

/// Whether a URL is below one of the app's origins: those bytes, and then its path.
fn is_page_of(client: &Client, url: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    client.origins.iter().any(|origin| url.strip_prefix(origin.as_str()).is_some_and(below))
}

/// The one value of a header; `None` when it is not there.
pub fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Unclear> {
    let mut all = headers.get_all(name);
    let Some(first) = all.next() else { return Ok(None) };
    match all.next() {
        Some(_) => Err(Unclear),
        None => first.to_str().map(Some).map_err(|_| Unclear),
    }
}

/// Whether the browser only fetches ahead what nobody has opened (SECURITY-CASES J-11).
pub fn is_ahead(headers: &HeaderMap) -> bool {
    let says = |name: &str| {
        headers.get_all(name).any(|value| {
            value.as_bytes().to_ascii_lowercase().windows(8).any(|eight| eight == b"prefetch")
        })
    };
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].into_iter().any(says)
}
