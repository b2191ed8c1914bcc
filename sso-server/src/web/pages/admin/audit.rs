//! `/admin/audit`: who did what, to be filtered and taken along. Nothing here writes to the log but
//! the note that it was taken along (SECURITY-CASES H-15).

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{
    Error, HttpRequest, HttpResponse,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    web::{Bytes, Data},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::{
    super::{Page, error::PageError},
    AdminState, Frame, href,
};
use crate::{
    app::App,
    domain::{DAY, Millis, audit::Act, user::Username},
    flows::audit_log,
    store::{
        StoreError,
        audit::{self, Filter, Line},
        users,
    },
    web::{Web, api::admin::audit::LineJson, input::Query},
};

/// Lines on a page.
const SHOWN: i64 = 50;
/// Lines of an export that are read together.
const EXPORTED_AT_ONCE: i64 = 500;

/// What to show.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
    /// Of this kind only.
    pub kind: Option<String>,
    /// About the person of this name or id only.
    pub person: Option<String>,
    /// About this app only.
    pub app: Option<String>,
    /// From this day on (2026-11-22, UTC).
    pub since: Option<String>,
    /// Up to this day.
    pub until: Option<String>,
    /// Behind this line.
    pub before: Option<String>,
}

impl Asked {
    async fn filter(&self, web: &Web) -> Result<Filter, PageError> {
        let given = |field: &Option<String>| {
            field.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let mut user = given(&self.person);
        if let Some(Ok(name)) = user.as_deref().map(Username::parse) {
            let found = users::find_by_name(&mut *web.app.db.read().await?, &name).await?;
            user = found.map(|found| found.id.into()).or(user);
        }
        Ok(Filter {
            kind: given(&self.kind),
            user,
            app: given(&self.app),
            since: given(&self.since).and_then(|day| midnight(&day)),
            until: given(&self.until).and_then(|day| midnight(&day)).map(|day| day + DAY),
            before: given(&self.before),
        })
    }

    fn href(&self, path: &str, before: &str) -> String {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let (kind, person, app) = (text(&self.kind), text(&self.person), text(&self.app));
        let (since, until) = (text(&self.since), text(&self.until));
        let parts = [
            ("kind", kind.as_str()),
            ("person", &person),
            ("app", &app),
            ("since", &since),
            ("until", &until),
            ("before", before),
        ];
        href(path, &parts)
    }
}

fn midnight(day: &str) -> Option<Millis> {
    format!("{day}T00:00:00Z").parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond())
}

/// What `admin/audit.html` shows.
#[derive(Debug, Serialize)]
pub struct AuditPage {
    /// Around it.
    #[serde(flatten)]
    pub frame: Frame,
    /// What was asked.
    pub asked: Asked,
    /// What can be asked for.
    pub kinds: Vec<&'static str>,
    /// Latest first.
    pub lines: Vec<ShownLine>,
    /// Where the list goes on.
    pub next: Option<String>,
    /// The same lines as a file.
    pub export: String,
}

/// A line.
#[derive(Debug, Serialize)]
pub struct ShownLine {
    /// When.
    pub at: i64,
    /// What.
    pub kind: String,
    /// Whom it concerns: id and name.
    pub person: Option<(String, String)>,
    /// Which app.
    pub app: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// Further facts: name and value.
    pub facts: Vec<(String, String)>,
    /// Its number in the chain, once it is sealed.
    pub seq: Option<i64>,
}

fn facts(detail: &str) -> Vec<(String, String)> {
    let facts: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(detail).unwrap_or_default();
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    facts.into_iter().map(|(name, value)| (name, text(value))).collect()
}

/// `GET /admin/audit`
pub async fn list(
    web: Data<Web>,
    admin: AdminState,
    asked: Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let asked = asked.0?;
    let filter = asked.filter(&web).await?;
    let mut connection = web.app.db.read().await?;
    let lines = audit::page(&mut connection, &filter, SHOWN).await?;
    let mut names = BTreeMap::new();
    for id in lines.iter().filter_map(|line| line.user.clone()) {
        if !names.contains_key(&id) {
            let found = users::find(&mut connection, &id.as_str().into()).await?;
            names.insert(id.clone(), found.map_or(id, |user| user.username));
        }
    }
    drop(connection);
    let full = i64::try_from(lines.len()).is_ok_and(|found| found == SHOWN);
    let next = lines.last().filter(|_| full).map(|last| asked.href("/admin/audit", &last.id));
    let shown = |line: Line| ShownLine {
        at: line.at,
        kind: line.kind,
        person: line.user.map(|id| {
            let name = names.get(&id).cloned().unwrap_or_default();
            (id, name)
        }),
        app: line.app,
        address: line.address,
        facts: facts(&line.detail),
        seq: line.sealed.map(|(seq, _)| seq),
    };
    let page = AuditPage {
        frame: admin.frame(&web, &request, "audit", None),
        kinds: Act::ALL.iter().map(|act| act.as_str()).collect(),
        lines: lines.into_iter().map(shown).collect(),
        next,
        export: asked.href("/admin/audit/export", ""),
        asked,
    };
    Ok(Page::draw(&web, &request, "admin/audit.html", &page)?.finish())
}

/// `GET /admin/audit/export`: JSON, a line each, latest first. It is read while it is sent.
pub async fn export(
    web: Data<Web>,
    admin: AdminState,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let asked = asked.0.map_err(PageError::from)?;
    admin.fresh(&web, "/admin/audit")?;
    let filter = asked.filter(&web).await?;
    let noted = audit_log::note_export(&web.app, admin.user.id.as_str(), admin.address()).await;
    noted.map_err(PageError::from)?;
    let lines = stream::unfold(Some((web.app.clone(), filter)), |state| async {
        let (app, filter) = state?;
        match portion(&app, filter).await {
            Ok((text, next)) => Some((Ok(text), next.map(|filter| (app, filter)))),
            // The file ends in the middle, and the browser says so.
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/jsonl; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"passport-audit.jsonl\""))
        .streaming(Box::pin(lines)))
}

async fn portion(app: &Arc<App>, filter: Filter) -> Result<(Bytes, Option<Filter>), StoreError> {
    let lines = audit::page(&mut *app.db.read().await?, &filter, EXPORTED_AT_ONCE).await?;
    let full = i64::try_from(lines.len()).is_ok_and(|found| found == EXPORTED_AT_ONCE);
    let last = lines.last().filter(|_| full).map(|last| last.id.clone());
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(&LineJson::from(line)).unwrap_or_default());
        text.push('\n');
    }
    Ok((text.into(), last.map(|last| Filter { before: Some(last), ..filter })))
}
