//! `…/admin/logouts`

use std::time::Duration;

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};

use super::{
    super::super::{
        Web,
        input::{Json, Query},
    },
    AdminCaller, ForcedJson, limit,
    proof::{LogoutJson, ProofJson},
};
use crate::{
    domain::{admin::Scope, reach::Reach},
    flows::{
        force_logout::{Whom, force_logout},
        prove_logout::wait_for_apps,
    },
    store::logouts,
    web::api::error::ApiError,
};

/// Longest wait for the apps, in seconds.
const WAIT_MAX: u64 = 50;

/// Which logouts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    before: Option<String>,
    limit: Option<i64>,
}

#[derive(Debug, Serialize)]
struct LogoutsJson {
    logouts: Vec<LogoutJson>,
    /// For `before`; `null` on the last page.
    next: Option<String>,
}

/// `GET …/logouts?before&limit`: latest first.
pub async fn list(
    web: Data<Web>,
    caller: AdminCaller,
    asked: Query<Asked>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Scope::LogoutsRead)?;
    let asked = asked.0?;
    let limit = limit(asked.limit)?;
    let mut connection = web.app.db.read().await?;
    let rows = match &asked.before {
        Some(id) => logouts::before(&mut connection, id, limit).await?,
        None => logouts::latest(&mut connection, limit).await?,
    };
    let full = i64::try_from(rows.len()).is_ok_and(|found| found == limit);
    let next = rows.last().filter(|_| full).map(|last| last.id.to_string());
    let logouts = rows.iter().map(LogoutJson::from).collect();
    Ok(HttpResponse::Ok().json(LogoutsJson { logouts, next }))
}

/// A logout of many.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderJson {
    reach: Reach,
    reason: String,
}

/// `POST …/logouts` `{"reach":{"kind":"everybody"|"device_class"|"app",…},"reason"}`: written down
/// when this answers, and carried out beside.
pub async fn order(
    web: Data<Web>,
    caller: AdminCaller,
    body: Json<OrderJson>,
) -> Result<HttpResponse, ApiError> {
    let allowed = caller.may(Scope::LogoutsOrder)?;
    let OrderJson { reach, reason } = body.0?;
    let forced = force_logout(&web.app, &Whom::Many(reach), allowed.order(&reason)).await?;
    Ok(HttpResponse::Accepted().json(ForcedJson::from(forced)))
}

/// How long to wait for it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    wait: Option<u64>,
}

/// `GET …/logouts/{id}[?wait=SECONDS]`: the proof; with `wait`, as soon as every app is done, or
/// then.
pub async fn show(
    web: Data<Web>,
    caller: AdminCaller,
    id: Path<String>,
    patience: Query<Patience>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Scope::LogoutsRead)?;
    let wait = patience.0?.wait.unwrap_or_default();
    if wait > WAIT_MAX {
        return Err(ApiError::invalid_request("wait: at most 50 seconds."));
    }
    let id = id.into_inner().into();
    let proof = wait_for_apps(&web.app, &id, Duration::from_secs(wait), |_| ()).await?;
    let proof = proof.ok_or_else(ApiError::not_found)?;
    Ok(HttpResponse::Ok().json(ProofJson::from(&proof)))
}
