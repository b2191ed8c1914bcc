//! The app that calls, known by HTTP Basic (RFC 7617).

use std::{future::Future, pin::Pin, sync::Arc};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::AUTHORIZATION, web::Data};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{super::Web, error::ApiError};
use crate::{
    domain::{
        app::{App as Client, AppId},
        token::{Digest, Token},
    },
    flows::signing_keys,
};

/// The calling app, authenticated and enabled. Unknown, disabled and wrongly secret apps are one
/// answer.
pub struct AuthenticatedClient(pub Arc<Client>);

impl FromRequest for AuthenticatedClient {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let web = request.app_data::<Data<Web>>().cloned();
        let presented = credentials(request);
        Box::pin(async move {
            let web = web.ok_or_else(|| ApiError::unavailable("no application"))?;
            let (id, secret) = presented.ok_or_else(ApiError::invalid_client)?;
            let apps = web.app.db.apps().await?;
            signing_keys::keep_up(&web.app, &apps).await?;
            let client = apps.get(&id).filter(|client| client.disabled_at.is_none());
            match client.filter(|client| client.accepts_secret(&secret, web.app.clock.now())) {
                Some(client) => Ok(Self(client.clone())),
                None => Err(ApiError::invalid_client()),
            }
        })
    }
}

/// Id and digest of the secret, from the one `Authorization` header. Never from the query.
fn credentials(request: &HttpRequest) -> Option<(AppId, Digest)> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next()?.to_str().ok()?;
    if headers.next().is_some() {
        return None;
    }
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((AppId::parse(id).ok()?, Token::parse(secret)?.digest()))
}
