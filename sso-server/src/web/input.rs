//! What comes in, read strictly: bounded, in time, UTF-8, each field once.
//!
//! actix's own extractors turn invalid UTF-8 into replacement characters, keep the last of
//! duplicates in maps, and wait for ever on a slow body. Here each of these is a 400, 413 or 408.

use std::{future::Future, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{
        StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
    web::Bytes,
};
use futures_util::{StreamExt, future::Ready, future::ready};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

/// The content type of forms.
const FORM: &str = "application/x-www-form-urlencoded";
/// The content type of JSON.
const JSON: &str = "application/json";
/// Largest form.
const FORM_MAX: usize = 16 * 1024;
/// Largest JSON body.
const JSON_MAX: usize = 64 * 1024;
/// A body must be here within.
pub(super) const BODY_WITHIN: Duration = Duration::from_secs(10);

/// What is wrong with what came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadInput {
    /// A field is missing, twice there, unknown, or no text.
    #[error("a parameter is missing, repeated, unknown or malformed")]
    Malformed,
    /// Another content type than the one that is read here, or a compressed body.
    #[error("the Content-Type is not the one expected here")]
    ContentType,
    /// More than is read here.
    #[error("the body is too large")]
    TooLarge,
    /// Not here in time.
    #[error("the body came too slowly")]
    TooSlow,
}

impl BadInput {
    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// The query, read into a `T`. Unknown parameters are left alone, known ones may occur once.
#[derive(Debug)]
pub struct Query<T>(pub Result<T, BadInput>);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(query(request))))
    }
}

/// The query, read into a `T`, for a handler that does not always need it.
pub fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, BadInput> {
    urlencoded(request.query_string())
}

/// A form body, read into a `T`.
#[derive(Debug)]
pub struct Form<T>(pub Result<T, BadInput>);

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = body(request, payload.take(), FORM, FORM_MAX);
        Box::pin(async move {
            let read = body.await.and_then(|bytes| {
                urlencoded(std::str::from_utf8(&bytes).map_err(|_| BadInput::Malformed)?)
            });
            Ok(Self(read))
        })
    }
}

/// A form body as it came, for what is read by rules of its own.
#[derive(Debug)]
pub struct FormBody(pub Result<Bytes, BadInput>);

impl FromRequest for FormBody {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = body(request, payload.take(), FORM, FORM_MAX);
        Box::pin(async move { Ok(Self(body.await)) })
    }
}

/// A JSON body, read into a `T`.
#[derive(Debug)]
pub struct Json<T>(pub Result<T, BadInput>);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = body(request, payload.take(), JSON, JSON_MAX);
        Box::pin(async move { Ok(Self(body.await.and_then(|bytes| object(&bytes)))) })
    }
}

/// The body, if it is of this type, is not larger than `most` bytes and comes in time.
fn body(
    request: &HttpRequest,
    payload: Payload,
    expected: &str,
    most: usize,
) -> impl Future<Output = Result<Bytes, BadInput>> + use<> {
    let typed = is_type(request, expected);
    let announced = request
        .headers()
        .get("content-length")
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    async move {
        if !typed {
            return Err(BadInput::ContentType);
        }
        if announced.is_some_and(|length| length > most) {
            return Err(BadInput::TooLarge);
        }
        tokio::time::timeout(BODY_WITHIN, collect(payload, most))
            .await
            .unwrap_or(Err(BadInput::TooSlow))
    }
}

/// A cross-site page can send JSON as `text/plain` without asking; so the type is demanded.
fn is_type(request: &HttpRequest, expected: &str) -> bool {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(expected)
        && !request.headers().contains_key(CONTENT_ENCODING)
}

async fn collect(mut payload: Payload, most: usize) -> Result<Bytes, BadInput> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| BadInput::Malformed)?;
        if body.len() + chunk.len() > most {
            return Err(BadInput::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// Reads a JSON object. Serde would fill a struct from an array, too, by position: a second way to
/// say the same, which no reader of the contract expects.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadInput> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(BadInput::Malformed);
    }
    serde_json::from_slice(bytes).map_err(|_| BadInput::Malformed)
}

/// Reads `a=1&b=2`. Whatever does not decode to UTF-8 without NUL is refused as a whole.
fn urlencoded<T: DeserializeOwned>(text: &str) -> Result<T, BadInput> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| BadInput::Malformed)?;
    if decoded.contains('\0') {
        return Err(BadInput::Malformed);
    }
    serde_urlencoded::from_str(text).map_err(|_| BadInput::Malformed)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Two {
        a: String,
        b: Option<String>,
    }

    // SECURITY-CASES T-31, L-13.
    #[test]
    fn each_field_once_and_in_utf8() {
        assert_eq!(urlencoded("a=1&c=3"), Ok(Two { a: "1".into(), b: None }));
        assert_eq!(urlencoded("a=%D0%B6+%2B"), Ok(Two { a: "ж +".into(), b: None }));
        for bad in ["", "b=1", "a=1&a=2", "a=1&b=2&b=2", "a=%ff", "a=%ed%a0%80", "a=x%00y"] {
            assert_eq!(urlencoded::<Two>(bad), Err(BadInput::Malformed), "{bad}");
        }
    }
}
