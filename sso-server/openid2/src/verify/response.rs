//! The answer as it comes through the browser.

use std::fmt;

use crate::{
    message::{self, Fields, MessageError},
    realm::split_query,
};

/// An answer that could be read. Nothing in it is believed yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    request_url: String,
    ours: Vec<(String, String)>,
    fields: Fields,
}

impl fmt::Debug for Response {
    /// Names only: whoever has the rest can try to log in with it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields.fmt(f)
    }
}

/// Why an answer is not even read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The message itself.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// Fields of OpenID in the URL of a posted answer, or foreign ones in its body.
    #[error("the message is in two places")]
    TwoPlaces,
}

impl Response {
    /// From a GET. `request_url` is the whole URL of the request: our configured origin (never the
    /// `Host` header), then path and query as they came.
    pub fn from_get(request_url: &str) -> Result<Self, ResponseError> {
        let (_, query) = split_query(request_url);
        let mut fields = Fields::new();
        let mut ours = Vec::new();
        for (name, value) in message::parameters(query.as_bytes())? {
            match name.strip_prefix("openid.") {
                Some(name) => fields.add(name.to_owned(), value)?,
                None => ours.push((name, value)),
            }
        }
        Ok(Self { request_url: request_url.to_owned(), ours, fields })
    }

    /// From a POST of a form (section 4.1.2): the message is in the body alone, what is ours in the
    /// URL alone. A body may repeat what is ours, but not say otherwise.
    pub fn from_post(request_url: &str, body: &[u8]) -> Result<Self, ResponseError> {
        let (_, query) = split_query(request_url);
        let ours = message::parameters(query.as_bytes())?;
        if ours.iter().any(|(name, _)| name.starts_with("openid.")) {
            return Err(ResponseError::TwoPlaces);
        }
        let mut fields = Fields::new();
        for parameter in message::parameters(body)? {
            if let Some(name) = parameter.0.strip_prefix("openid.") {
                fields.add(name.to_owned(), parameter.1)?;
            } else if !ours.contains(&parameter) {
                return Err(ResponseError::TwoPlaces);
            }
        }
        Ok(Self { request_url: request_url.to_owned(), ours, fields })
    }

    /// One of our own parameters: the one that names the login.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.ours.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Under which handle to look for an association, of the endpoint that was asked.
    pub fn assoc_handle(&self) -> Option<&str> {
        self.fields.get("assoc_handle")
    }

    /// The message, unbelieved.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Where it came to.
    pub fn request_url(&self) -> &str {
        &self.request_url
    }
}
