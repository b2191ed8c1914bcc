//! `/api/v1/admin/…`: the console for programs. Each call needs a token with the one scope that it
//! names; whoever has none learns nothing, not even whether what they ask for is there.

pub mod apps;
pub mod audit;
pub mod logouts;
pub mod proof;
pub mod users;

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::AUTHORIZATION, web::Data};
use client_sdk::wire::ErrorCode;
use serde::{Deserialize, Serialize};

use super::{
    super::{Web, address::Address},
    error::ApiError,
};
use crate::{
    domain::{
        admin::{AdminToken, Scope},
        id::LogoutId,
    },
    flows::{
        admin_tokens::recognise,
        force_logout::{ForceLogoutError, Forced, Order},
    },
};

/// The program that calls, known by its token. What it may do is asked with [`AdminCaller::may`].
pub struct AdminCaller {
    name: String,
    scopes: Vec<Scope>,
    address: String,
}

/// A caller that has the scope of this call.
pub struct Allowed {
    /// As the audit log calls it.
    pub by: String,
    /// From where.
    pub address: String,
}

impl AdminCaller {
    /// Whether the token has the scope that this call needs.
    pub fn may(self, scope: Scope) -> Result<Allowed, ApiError> {
        if self.scopes.contains(&scope) {
            return Ok(Allowed { by: format!("token:{}", self.name), address: self.address });
        }
        Err(ApiError::new(
            ErrorCode::NotAllowed,
            "This token does not have the scope of this call.",
        ))
    }
}

impl Allowed {
    /// With a reason, to log others out.
    pub fn order<'a>(&'a self, reason: &'a str) -> Order<'a> {
        Order { by: &self.by, address: &self.address, reason }
    }
}

impl FromRequest for AdminCaller {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let web = request.app_data::<Data<Web>>().cloned();
        let token = bearer(request);
        let address = web.as_ref().map(|web| Address::of(request, &web.proxies).shown());
        Box::pin(async move {
            let web = web.ok_or_else(|| ApiError::unavailable("no application"))?;
            let unknown = || {
                ApiError::new(
                    ErrorCode::InvalidToken,
                    "Send a good admin token by the Authorization header, as Bearer.",
                )
            };
            let token = token.ok_or_else(unknown)?;
            let found = recognise(&web.app, &token).await?.ok_or_else(unknown)?;
            let address = address.unwrap_or_default();
            Ok(Self { name: found.name, scopes: found.scopes, address })
        })
    }
}

/// The token, from the one `Authorization` header (RFC 6750 section 2.1). Never from the query
/// (SECURITY-CASES D-11), and never from a cookie (D-08).
fn bearer(request: &HttpRequest) -> Option<AdminToken> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next()?.to_str().ok()?;
    if headers.next().is_some() {
        return None;
    }
    let (scheme, token) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    AdminToken::parse(token.trim())
}

/// The body of whatever is done to others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Because {
    /// Why.
    pub reason: String,
}

/// What a forced logout has come to so far.
#[derive(Debug, Serialize)]
pub struct ForcedJson {
    /// `GET …/logouts/{id}` has each app's confirmation; `null` when there was nothing to end.
    pub logout: Option<LogoutId>,
    /// Sessions ended so far.
    pub sessions: u64,
    /// App sessions ended so far.
    pub app_sessions: u64,
}

impl From<Forced> for ForcedJson {
    fn from(forced: Forced) -> Self {
        let Forced { sessions, app_sessions, logout } = forced;
        Self { logout, sessions, app_sessions }
    }
}

impl From<ForceLogoutError> for ApiError {
    fn from(error: ForceLogoutError) -> Self {
        match error {
            ForceLogoutError::Reason(_) => {
                Self::invalid_request("reason: 1 to 500 characters in one line.")
            }
            ForceLogoutError::NotFound => Self::not_found(),
            ForceLogoutError::Store(error) => error.into(),
        }
    }
}

/// Most entries of one answer.
const LIMIT_MAX: i64 = 200;
/// Entries of an answer when nothing is said.
const LIMIT: i64 = 50;

/// Reads `limit` (SECURITY-CASES D-13).
pub fn limit(asked: Option<i64>) -> Result<i64, ApiError> {
    match asked {
        None => Ok(LIMIT),
        Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(ApiError::invalid_request("limit: between 1 and 200.")),
    }
}
