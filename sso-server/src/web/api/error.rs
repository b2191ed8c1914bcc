//! Refusals of the API (RFC 9457), with stable codes.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use client_sdk::wire::{ErrorCode, Problem};

use super::super::{RETRY_AFTER_SECONDS, input::BadInput};
use crate::store::StoreError;

/// A refused call: a code to decide by, a sentence that says what to do, and a cause for our log.
#[derive(Debug)]
pub struct ApiError {
    code: ErrorCode,
    status: Option<StatusCode>,
    detail: &'static str,
    retry_after: Option<i64>,
    allow: Option<&'static str>,
    cause: Option<String>,
}

impl ApiError {
    /// A refusal by code.
    pub const fn new(code: ErrorCode, detail: &'static str) -> Self {
        Self { code, status: None, detail, retry_after: None, allow: None, cause: None }
    }

    /// The app's id and secret do not go together.
    pub const fn invalid_client() -> Self {
        Self::new(
            ErrorCode::InvalidClient,
            "Send the app's id and secret by HTTP Basic authentication.",
        )
    }

    /// The request makes no sense.
    pub const fn invalid_request(detail: &'static str) -> Self {
        Self::new(ErrorCode::InvalidRequest, detail)
    }

    /// There is no such thing, or it is another app's.
    pub const fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "There is nothing of this name for this app.")
    }

    /// Come back later.
    pub fn too_many(retry_after: i64, detail: &'static str) -> Self {
        let error = Self::new(ErrorCode::TooManyRequests, detail);
        Self { retry_after: Some(retry_after), ..error }
    }

    /// More than can be hashed. `jitter`, from 0 to 1: not all at the same moment.
    pub fn busy(jitter: f64) -> Self {
        let detail = "A great many people are signing in right now.";
        let retry_after = Some(1 + (jitter * 3.0) as i64);
        Self { retry_after, ..Self::new(ErrorCode::Unavailable, detail) }
    }

    /// We do not know.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        let error = Self::new(
            ErrorCode::Unavailable,
            "Passport cannot answer at the moment. Try again; take it for neither yes nor no.",
        );
        Self { retry_after: Some(RETRY_AFTER_SECONDS), cause: Some(cause.to_string()), ..error }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause.as_deref().unwrap_or(self.code.as_str()))
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        let by_code = StatusCode::from_u16(self.code.status());
        self.status.unwrap_or(by_code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Some(methods) = self.allow {
            response.insert_header((ALLOW, methods));
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = match self.code {
                ErrorCode::InvalidToken => "Bearer realm=\"passport admin\"",
                _ => "Basic realm=\"passport\", charset=\"UTF-8\"",
            };
            response.insert_header((WWW_AUTHENTICATE, scheme));
        }
        response.content_type("application/problem+json").json(Problem {
            kind: format!("urn:passport:problem:{}", self.code.as_str()),
            title: title(self.code).to_owned(),
            status: status.as_u16(),
            detail: self.detail.to_owned(),
            code: self.code,
        })
    }
}

const fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidClient => "The app is not known by this id and secret",
        ErrorCode::InvalidToken => "The admin token is not accepted",
        ErrorCode::InvalidTicket => "The ticket is not accepted",
        ErrorCode::InvalidCredentials => "Name or password are not accepted",
        ErrorCode::InvalidRequest => "The request is malformed",
        ErrorCode::AccountDisabled => "The account is disabled",
        ErrorCode::NotAllowed => "The app may not do this",
        ErrorCode::NotFound => "Not found",
        ErrorCode::Conflict => "Conflict",
        ErrorCode::TooManyRequests => "Too many requests",
        ErrorCode::Unavailable => "Passport cannot answer at the moment",
        ErrorCode::Unknown => "Something went wrong",
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error)
    }
}

impl From<BadInput> for ApiError {
    fn from(error: BadInput) -> Self {
        let detail = match error {
            BadInput::Malformed => "A field is missing, repeated, unknown or malformed.",
            BadInput::ContentType => "Send application/json, uncompressed.",
            BadInput::TooLarge => "The body is too large.",
            BadInput::TooSlow => "The body came too slowly.",
        };
        Self { status: Some(error.status()), ..Self::invalid_request(detail) }
    }
}

/// Whatever has no route.
pub async fn not_found() -> Result<HttpResponse, ApiError> {
    Err(ApiError::new(ErrorCode::NotFound, "There is no such call."))
}

/// A route, but not by this method.
pub async fn wrong_method(allow: &'static str) -> Result<HttpResponse, ApiError> {
    let error = ApiError::invalid_request("This call goes by another method, see Allow.");
    let status = Some(StatusCode::METHOD_NOT_ALLOWED);
    Err(ApiError { status, allow: Some(allow), ..error })
}
