//! `GET /api/v1/app-sessions/{id}` and `POST …/end`

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use client_sdk::wire::{EndRequest, ErrorCode};

use super::{
    super::{Web, address::Address, input::Json},
    client::AuthenticatedClient,
    error::ApiError,
};
use crate::flows::app_sessions::{self, EndError};

/// Is it alive, until when?
pub async fn status(
    web: Data<Web>,
    client: AuthenticatedClient,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let status = app_sessions::status(&web.app, &client.0, &id.into_inner().into()).await?;
    match status {
        Some(status) => Ok(HttpResponse::Ok().json(status)),
        None => Err(ApiError::not_found()),
    }
}

/// Ends it.
pub async fn end(
    web: Data<Web>,
    client: AuthenticatedClient,
    id: Path<String>,
    body: Json<EndRequest>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let scope = body.0?.scope;
    let address = Address::of(&request, &web.proxies).shown();
    let id = id.into_inner().into();
    match app_sessions::end(&web.app, &client.0, &id, scope, &address).await {
        Ok(ended) => Ok(HttpResponse::Ok().json(ended)),
        Err(EndError::NotFound) => Err(ApiError::not_found()),
        Err(EndError::NotAllowed) => Err(ApiError::new(
            ErrorCode::NotAllowed,
            "An operator lets an app end every session of a person: sso-server app set ID --may-end-user.",
        )),
        Err(EndError::Store(error)) => Err(error.into()),
    }
}
