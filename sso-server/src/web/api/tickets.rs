//! `POST /api/v1/tickets/redeem`

use actix_web::{HttpRequest, HttpResponse, web::Data};
use client_sdk::wire::{ErrorCode, RedeemRequest};

use super::{
    super::{Web, address::Address, input::Json},
    client::AuthenticatedClient,
    error::ApiError,
};
use crate::flows::redeem_ticket::{RedeemError, Redemption, redeem_ticket};

/// Longest `Idempotency-Key`, in bytes.
const KEY_MAX: usize = 255;

/// Redeems a ticket.
pub async fn redeem(
    web: Data<Web>,
    client: AuthenticatedClient,
    body: Json<RedeemRequest>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    // A ticket in the URL would end up in logs, and two of them could be read differently by
    // different readers (SECURITY-CASES T-31).
    if !request.query_string().is_empty() {
        return Err(ApiError::invalid_request(
            "Send everything in the body, nothing in the query.",
        ));
    }
    let body = body.0?;
    let redemption = Redemption {
        client: client.0,
        idempotency_key: idempotency_key(&request)?,
        request: body,
        address: Address::of(&request, &web.proxies).shown(),
    };
    match redeem_ticket(&web.app, redemption).await {
        Ok(redeemed) => Ok(HttpResponse::Ok().json(redeemed)),
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: RedeemError) -> ApiError {
    match error {
        RedeemError::Refused(_) => ApiError::new(
            ErrorCode::InvalidTicket,
            "Send the person to /login again; the audit log says why this ticket is refused.",
        ),
        RedeemError::AccountDisabled => {
            ApiError::new(ErrorCode::AccountDisabled, "The person cannot sign in at the moment.")
        }
        // As it would have been a moment later, before anything was looked at.
        RedeemError::AppDisabled => ApiError::invalid_client(),
        RedeemError::Suspended => {
            ApiError::new(ErrorCode::NotAllowed, "The person is suspended at this app.")
        }
        RedeemError::TooMany { retry_after } => {
            ApiError::too_many(retry_after, "Wait as long as Retry-After says.")
        }
        RedeemError::Store(error) => error.into(),
    }
}

/// The key under which a lost answer may be asked for again.
fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let bad =
        || ApiError::invalid_request("Idempotency-Key: one header of 1 to 255 visible characters.");
    let mut headers = request.headers().get_all("idempotency-key");
    let Some(header) = headers.next() else { return Ok(None) };
    let key = header.to_str().map_err(|_| bad())?;
    let fits = (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if !fits || headers.next().is_some() {
        return Err(bad());
    }
    Ok(Some(key.to_owned()))
}
