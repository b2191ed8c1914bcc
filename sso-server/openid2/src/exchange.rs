//! Exchanges: conversations with other servers, without the servers.
//!
//! An exchange that needs something from outside says so with [`Step::Fetch`] and is handed the
//! [`Answer`]. One `Fetch` is one HTTP request. Redirects are *not* for the driver to follow: an
//! exchange judges each hop and asks for it by another `Fetch`.

use std::{fmt, time::Duration};

/// A conversation in which we are not finished.
///
/// `receive` takes the exchange away, so no answer can be given twice and none after the end.
pub trait Exchange: Sized {
    /// What comes out.
    type Output;
    /// Why nothing came out.
    type Error;

    /// Hands in what became of the last [`Fetch`].
    fn receive(self, answer: Result<Answer, Unreachable>) -> Step<Self>;
}

/// Where an [`Exchange`] stands.
#[derive(Debug)]
#[must_use]
pub enum Step<E: Exchange> {
    /// Send this, then call [`Exchange::receive`].
    Fetch(Fetch, E),
    /// Finished.
    Done(E::Output),
    /// Given up.
    Failed(E::Error),
}

/// How a [`Fetch`] is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, without a body.
    Get,
    /// POST of a form (`application/x-www-form-urlencoded`).
    Post,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
        })
    }
}

/// One request to be sent.
///
/// What the sender owes, whatever the URL: every address that the host resolves to is checked and
/// one of the checked is connected to; certificates are verified; no redirects, cookies,
/// credentials, proxies from the environment, client certificates or `Accept-Encoding`.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetch {
    /// GET or POST.
    pub method: Method,
    /// Absolute, http or https, of checked syntax, without fragment.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Empty for GET.
    pub body: String,
    /// Bounds that the sender keeps.
    pub limits: Limits,
}

impl fmt::Debug for Fetch {
    /// Without the body: it may hold an assertion about somebody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.url, self.body.len())
    }
}

/// Bounds of one request. What passes them is [`Unreachable::TooLarge`] or
/// [`Unreachable::TimedOut`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body that may be read.
    pub body: usize,
    /// Bytes of all headers that may be read.
    pub headers: usize,
    /// Until the connection stands.
    pub connect: Duration,
    /// The whole request, its answer included.
    pub total: Duration,
}

impl Limits {
    /// For what discovery reads: pages of strangers.
    pub const DOCUMENT: Self = Self {
        body: 512 * 1024,
        headers: 32 * 1024,
        connect: Duration::from_secs(3),
        total: Duration::from_secs(5),
    };
    /// For direct answers of a provider: a few lines.
    pub const DIRECT: Self = Self { body: 16 * 1024, ..Self::DOCUMENT };
}

/// Every exchange should be over after this long, however many steps it takes.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// What came back, whatever its status.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// In order, repeated ones repeatedly. What is not UTF-8 may be replaced.
    pub headers: Vec<(String, String)>,
    /// As sent: no content coding is undone.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    /// Without the body: it may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

impl Answer {
    /// The values of a header; `name` in lower case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.trim())
    }

    /// The media type in lower case, without parameters.
    pub(crate) fn media_type(&self) -> Option<String> {
        let value = self.header("content-type").next()?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// Whether the body is what its bytes say, and not more than was asked for. The sender has
    /// counted already; a decompressed bomb would be larger than what was counted.
    pub(crate) fn plain(&self, limits: &Limits) -> bool {
        let coded = |value: &str| !value.is_empty() && !value.eq_ignore_ascii_case("identity");
        self.body.len() <= limits.body && !self.header("content-encoding").any(coded)
    }
}

/// Why nothing came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The address is none that we talk to.
    #[error("the address is not allowed")]
    Forbidden,
    /// Nobody answers there, or the name is not known.
    #[error("nobody answers")]
    Nobody,
    /// TLS did not come about. Never a reason to try without it.
    #[error("the certificate is not valid")]
    Certificate,
    /// Too slow.
    #[error("too slow")]
    TimedOut,
    /// Too large.
    #[error("too large")]
    TooLarge,
    /// It broke in the middle, or was not HTTP.
    #[error("broken off")]
    Broken,
}
