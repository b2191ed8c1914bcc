//! What comes back, and how much of it is read.

use std::fmt;

use reqwest::{
    Response,
    header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use url::Url;

use super::{TransportError, error::understood};
use crate::domain::{Millis, SECOND};

/// So much of an answer is read, and thrown away.
const ANSWER_MAX: usize = 4 * 1024;
/// A redirect's target is shown so far.
const SHOWN: usize = 200;

/// What came back. Its body is nobody's business (SECURITY-CASES F-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status; never 3xx.
    pub status: u16,
    /// When to come again, if it says so: milliseconds from now.
    pub retry_after: Option<Millis>,
}

impl Answer {
    /// Takes what `url` answered.
    pub(super) async fn take(url: &Url, response: Response) -> Result<Self, TransportError> {
        let status = response.status();
        if status.is_redirection() {
            let to = target(url, response.headers());
            return Err(TransportError::Redirect { status: status.as_u16(), to });
        }
        let retry_after = retry_after(response.headers());
        read_to_end(response).await?;
        Ok(Self { status: status.as_u16(), retry_after })
    }
}

/// An answer that was read. A redirect is one, too: it is the asker's to judge, and to ask anew.
#[derive(Clone)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it was sent: nothing is decompressed.
    pub body: Vec<u8>,
}

impl Fetched {
    /// Reads an answer, if it keeps within these limits, in bytes.
    pub(super) async fn read(
        mut response: Response,
        headers_max: usize,
        body_max: usize,
    ) -> Result<Self, TransportError> {
        let headers = std::mem::take(response.headers_mut());
        let size =
            |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
        if headers.iter().map(size).sum::<usize>() > headers_max {
            return Err(TransportError::TooLarge);
        }
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(understood)? {
            if body.len() + chunk.len() > body_max {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status, headers, body })
    }
}

impl fmt::Debug for Fetched {
    /// Without the rest: it may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// Reads what is small, so that the connection can be used again; what is larger is left.
async fn read_to_end(mut response: Response) -> Result<(), TransportError> {
    let mut read = 0;
    while read < ANSWER_MAX {
        match response.chunk().await.map_err(understood)? {
            Some(chunk) => read += chunk.len(),
            None => break,
        }
    }
    Ok(())
}

/// Where a redirect leads, fit to be shown: the query may hold secrets of the app.
fn target(url: &Url, headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
    let Some(Ok(mut to)) = location.map(|location| url.join(location)) else {
        return "nowhere".to_owned();
    };
    to.set_query(None);
    to.set_fragment(None);
    let _ = (to.set_username(""), to.set_password(None));
    to.as_str().chars().take(SHOWN).collect()
}

/// `Retry-After` (RFC 9110 section 10.2.3) in seconds. The form with a date needs two clocks that
/// agree; without it the app is asked again in our own time.
fn retry_after(headers: &HeaderMap) -> Option<Millis> {
    let seconds: i64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.clamp(0, i64::from(u32::MAX)) * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_redirect() {
        let url = Url::parse("https://aw.example/events").unwrap();
        let shown = |location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, location.parse().unwrap());
            target(&url, &headers)
        };
        assert_eq!(shown("/login?token=secret#x"), "https://aw.example/login");
        assert_eq!(shown("http://a:b@10.0.0.1/"), "http://10.0.0.1/");
        assert_eq!(target(&url, &HeaderMap::new()), "nowhere");
    }
}
