//! `…/admin/audit`

use actix_web::{HttpResponse, web::Data};
use client_sdk::wire::Seconds;
use serde::{Deserialize, Serialize};

use super::{
    super::super::{Web, input::Query},
    AdminCaller, limit,
};
use crate::{
    domain::{SECOND, admin::Scope, seconds},
    store::audit::{self, Filter, Line},
    web::api::error::ApiError,
};

/// Which lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    kind: Option<String>,
    user: Option<String>,
    app: Option<String>,
    since: Option<Seconds>,
    until: Option<Seconds>,
    before: Option<String>,
    limit: Option<i64>,
}

/// A line; the same in the API, in exports and at the command line.
#[derive(Debug, Serialize)]
pub struct LineJson {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Seconds,
    /// What.
    pub kind: String,
    /// Whom it concerns.
    pub user: Option<String>,
    /// Which session.
    pub session: Option<String>,
    /// Which app.
    pub app: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// Further facts.
    pub detail: serde_json::Value,
    /// Its number in the chain, once it is sealed.
    pub seq: Option<i64>,
    /// Its link.
    pub link: Option<String>,
}

impl From<Line> for LineJson {
    fn from(line: Line) -> Self {
        let (seq, link) = line.sealed.unzip();
        Self {
            id: line.id,
            at: seconds(line.at),
            kind: line.kind,
            user: line.user,
            session: line.session,
            app: line.app,
            address: line.address,
            detail: serde_json::from_str(&line.detail).unwrap_or_default(),
            seq,
            link,
        }
    }
}

#[derive(Debug, Serialize)]
struct LinesJson {
    lines: Vec<LineJson>,
    /// For `before`; `null` on the last page.
    next: Option<String>,
}

/// `GET …/audit?kind&user&app&since&until&before&limit`: latest first.
pub async fn list(
    web: Data<Web>,
    caller: AdminCaller,
    asked: Query<Asked>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Scope::AuditRead)?;
    let asked = asked.0?;
    let limit = limit(asked.limit)?;
    let filter = Filter {
        kind: asked.kind,
        user: asked.user,
        app: asked.app,
        since: asked.since.map(|at| at.saturating_mul(SECOND)),
        until: asked.until.map(|at| at.saturating_mul(SECOND)),
        before: asked.before,
    };
    let lines = audit::page(&mut *web.app.db.read().await?, &filter, limit).await?;
    let full = i64::try_from(lines.len()).is_ok_and(|found| found == limit);
    let next = lines.last().filter(|_| full).map(|last| last.id.clone());
    let lines = lines.into_iter().map(LineJson::from).collect();
    Ok(HttpResponse::Ok().json(LinesJson { lines, next }))
}
