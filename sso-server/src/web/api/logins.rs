//! `POST /api/v1/logins`: an app's server passes on what was typed into its own form.

use actix_web::{HttpResponse, web::Data};
use client_sdk::wire::{ErrorCode, LoggedInByApp, LoginByApp};

use super::{
    super::{Web, address::Address, input::Json},
    client::AuthenticatedClient,
    error::ApiError,
};
use crate::{
    domain::{device::Device, token::is_base64url},
    flows::{
        issue_session::Origin,
        log_in::{Login, LoginError},
        log_in_by_app::{LogInByAppError, log_in_by_app},
    },
};

/// Logs somebody in.
pub async fn log_in(
    web: Data<Web>,
    client: AuthenticatedClient,
    body: Json<LoginByApp>,
) -> Result<HttpResponse, ApiError> {
    let body = body.0?;
    if !is_base64url(&body.challenge, 43) {
        return Err(ApiError::invalid_request(
            "challenge: 43 characters of base64url, the SHA-256 of a verifier.",
        ));
    }
    let address = Address::reported(&body.address).ok_or_else(|| {
        ApiError::invalid_request("address: the IPv4 or IPv6 address of the person's browser.")
    })?;
    let login = Login {
        name: &body.username,
        password: &body.password,
        device_cookie: body.device.as_deref(),
        origin: Origin {
            device: Device::from_user_agent(body.user_agent.as_deref()),
            address: address.shown(),
            network: address.network(),
            keep: body.keep,
            current: None,
            gives_up: Vec::new(),
            app: Some(client.0.id.clone()),
        },
    };
    match log_in_by_app(&web.app, &client.0, login, &body.challenge).await {
        Ok(done) => {
            let (url, app) = (&web.app.config.server.public_url, &client.0.id);
            let link = done.link.expose();
            let establish_url = format!("{url}/establish?app={app}&link={link}");
            let answer = LoggedInByApp { ticket: done.ticket, establish_url, device: done.device };
            Ok(HttpResponse::Ok().json(answer))
        }
        Err(error) => Err(refused(&web, error)),
    }
}

fn refused(web: &Web, error: LogInByAppError) -> ApiError {
    let error = match error {
        LogInByAppError::Login(error) => error,
        LogInByAppError::NotAllowed => {
            return ApiError::new(
                ErrorCode::NotAllowed,
                "An operator lets an app pass on passwords: sso-server app set ID --may-login.",
            );
        }
        LogInByAppError::Keys(error) => return ApiError::unavailable(error),
    };
    match error {
        // One answer for unknown, wrong, disabled and blocked, behind one hash (SECURITY-CASES L-01).
        LoginError::Refused => ApiError::new(
            ErrorCode::InvalidCredentials,
            "Let the person try again; after several tries, in some minutes.",
        ),
        LoginError::Malformed(_) => ApiError::invalid_request(
            "password: this cannot be one. It is empty, too long, or holds control characters.",
        ),
        LoginError::TooMany { retry_after } => {
            ApiError::too_many(retry_after, "Wait as long as Retry-After says.")
        }
        LoginError::TooManySessions | LoginError::Choose(_) => ApiError::new(
            ErrorCode::Conflict,
            "The person has as many sessions as are allowed. Send them to /login: there they are told, \
             or choose which one ends.",
        ),
        LoginError::Busy(_) => ApiError::busy(web.app.random.fraction()),
        LoginError::Store(error) => error.into(),
    }
}
