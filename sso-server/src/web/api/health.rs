//! `/healthz` and `/readyz`, for whoever restarts and routes.

use actix_web::{HttpResponse, http::header::RETRY_AFTER, web::Data};
use serde_json::json;

use super::super::{RETRY_AFTER_SECONDS, Web};

/// The process answers. Says nothing of the database: restarting would not mend it.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Whether to send people here: the database answers and a key signs.
pub async fn ready(web: Data<Web>) -> HttpResponse {
    let database = web.app.db.ping().await.is_ok();
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
