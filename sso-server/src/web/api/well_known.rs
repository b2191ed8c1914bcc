//! `/.well-known/…`: what a program needs to know to begin.

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, web::Data};
use client_sdk::wire::Configuration;

use super::super::{Web, locale};

/// Shorter than the time a new key is published before it signs.
const CACHED: &str = "public, max-age=15";

/// `GET /.well-known/passport-configuration`
pub async fn configuration(web: Data<Web>) -> HttpResponse {
    let issuer = &web.app.config.server.public_url;
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    HttpResponse::Ok().insert_header((CACHE_CONTROL, CACHED)).json(Configuration {
        issuer: issuer.clone(),
        login_endpoint: format!("{issuer}/login"),
        logout_endpoint: format!("{issuer}/logout"),
        redeem_endpoint: format!("{issuer}/api/v1/tickets/redeem"),
        events_endpoint: format!("{issuer}/api/v1/events"),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        ticket_signing_alg_values_supported: words(&["EdDSA"]),
        challenge_methods_supported: words(&["S256"]),
        prompt_values_supported: words(&["none", "login"]),
        ui_locales_supported: locale::ALL.iter().map(|one| one.tag().to_owned()).collect(),
    })
}

/// `GET /.well-known/jwks.json`
pub async fn jwks(web: Data<Web>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, CACHED))
        .content_type("application/jwk-set+json")
        .json(web.app.keyring.jwks(web.app.clock.now()))
}
