//! `/healthz` and `/readyz`, for whoever restarts and routes.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_TYPE, RETRY_AFTER},
    web::Data,
};
use serde_json::json;
use tokio::{pin, time::timeout};

use super::{
    super::{RETRY_AFTER_SECONDS, Web, address::Address},
    error::ApiError,
};

/// The process answers. Says nothing of the database: restarting would not mend it.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// A database that takes longer is none to send people to.
const WITHIN: Duration = Duration::from_secs(3);

/// Whether to send people here: the database answers and a key signs.
pub async fn ready(web: Data<Web>) -> HttpResponse {
    let database = {
        let ping = web.app.db.ping();
        pin!(ping);
        let asked = timeout(WITHIN, &mut ping).await;
        if asked.is_err() {
            web.app.db.distrust();
        }
        asked.is_ok_and(|asked| asked.is_ok())
    };
    let keys = web.app.keyring.signing(web.app.clock.now()).is_ok();
    let word = |good| if good { "ok" } else { "failing" };
    let body = json!({ "status": word(database && keys), "database": word(database), "signing_keys": word(keys) });
    if database && keys {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS))
            .json(body)
    }
}

/// `/metrics`, for the networks in `server.metrics_from`; to others there is no such page.
pub async fn metrics(web: Data<Web>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let from = Address::of(&request, &web.proxies).ip();
    // Behind a proxy that was not configured everybody would be the proxy.
    let hidden = web.proxies.is_empty() && request.headers().contains_key("x-forwarded-for");
    if hidden || !web.metrics_from.iter().any(|network| network.contains(&from)) {
        return Err(ApiError::not_found());
    }
    let text = web.app.metrics.render();
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(text))
}
