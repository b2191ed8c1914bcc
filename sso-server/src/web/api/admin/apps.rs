//! `…/admin/apps`

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use client_sdk::wire::Seconds;
use serde::{Deserialize, Serialize};

use super::{
    super::super::{
        Web,
        input::{Json, Query},
    },
    AdminCaller, Because, ForcedJson, limit,
    proof::ListenerJson,
};
use crate::{
    domain::{
        admin::Scope,
        app::{App as Client, AppId},
        reach::Reach,
        seconds,
    },
    flows::{
        apps,
        force_logout::{Whom, force_logout},
    },
    store::{app_instances, app_sessions, push_streams},
    web::api::error::ApiError,
};

/// An app.
#[derive(Debug, Serialize)]
pub struct AppJson {
    id: String,
    name: String,
    disabled_at: Option<Seconds>,
    created_at: Seconds,
    origins: Vec<String>,
    jsonp: bool,
    old_browsers: bool,
    may_end_user: bool,
    may_login: bool,
    /// `always` or `ask_first`.
    silent: &'static str,
    front_logout_url: Option<String>,
    /// Live sessions at it.
    sessions: i64,
}

#[derive(Debug, Serialize)]
struct AppsJson {
    apps: Vec<AppJson>,
}

async fn of(web: &Web, client: &Client) -> Result<AppJson, ApiError> {
    let now = web.app.clock.now();
    let mut connection = web.app.db.read().await?;
    Ok(AppJson {
        id: client.id.to_string(),
        name: client.name.clone(),
        disabled_at: client.disabled_at.map(seconds),
        created_at: seconds(client.created_at),
        origins: client.origins.iter().map(|origin| origin.as_str().to_owned()).collect(),
        jsonp: client.jsonp_since.is_some(),
        old_browsers: client.old_browsers_since.is_some(),
        may_end_user: client.may_end_user_since.is_some(),
        may_login: client.may_login_since.is_some(),
        silent: client.silent().as_str(),
        front_logout_url: client.front_logout_url.as_ref().map(|url| url.as_str().to_owned()),
        sessions: app_sessions::count_live_at(&mut connection, &client.id, now).await?,
    })
}

/// `GET …/apps`
pub async fn list(web: Data<Web>, caller: AdminCaller) -> Result<HttpResponse, ApiError> {
    caller.may(Scope::AppsRead)?;
    let mut listed = Vec::new();
    for client in apps::list(&web.app).await? {
        listed.push(of(&web, &client).await?);
    }
    Ok(HttpResponse::Ok().json(AppsJson { apps: listed }))
}

/// Which sessions at the app.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    after: Option<String>,
    limit: Option<i64>,
}

#[derive(Debug, Serialize)]
struct AppSessionJson {
    id: String,
    session: String,
    user: String,
    username: String,
    device: String,
    created_at: Seconds,
    expires_at: Seconds,
}

#[derive(Debug, Serialize)]
struct OneAppJson {
    #[serde(flatten)]
    app: AppJson,
    listeners: Vec<ListenerJson>,
    app_sessions: Vec<AppSessionJson>,
    /// For `after`; `null` on the last page.
    next: Option<String>,
}

/// `GET …/apps/{id}`: the app, who listens for it, and its sessions.
pub async fn show(
    web: Data<Web>,
    caller: AdminCaller,
    id: Path<String>,
    asked: Query<Asked>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Scope::AppsRead)?;
    let asked = asked.0?;
    let limit = limit(asked.limit)?;
    let client = known(&web, &id).await?;
    let app = of(&web, &client).await?;
    let now = web.app.clock.now();
    let mut connection = web.app.db.read().await?;
    let listeners = app_instances::of_app(&mut connection, &client.id).await?;
    let push = push_streams::find(&mut connection, &client.id).await?;
    let after = asked.after.unwrap_or_default();
    let found = app_sessions::live_at(&mut connection, &client.id, now, &after, limit).await?;
    let full = i64::try_from(found.len()).is_ok_and(|found| found == limit);
    let next = found.last().filter(|_| full).map(|last| last.id.to_string());
    let app_sessions = found
        .into_iter()
        .map(|one| AppSessionJson {
            id: one.id.into(),
            session: one.session.into(),
            user: one.user.into(),
            username: one.username,
            device: one.device,
            created_at: seconds(one.created_at),
            expires_at: seconds(one.expires_at),
        })
        .collect();
    let url = client.events_url.as_ref();
    let listeners =
        listeners.iter().map(|listener| ListenerJson::of(listener, url, push.as_ref())).collect();
    Ok(HttpResponse::Ok().json(OneAppJson { app, listeners, app_sessions, next }))
}

async fn known(web: &Web, id: &str) -> Result<Client, ApiError> {
    let id = AppId::parse(id).map_err(|_| ApiError::not_found())?;
    let apps = web.app.db.apps().await?;
    apps.get(&id).map(|client| (**client).clone()).ok_or_else(ApiError::not_found)
}

/// `POST …/apps/{id}/logout`: everybody out of it; their sessions at Passport go on.
pub async fn log_out(
    web: Data<Web>,
    caller: AdminCaller,
    id: Path<String>,
    body: Json<Because>,
) -> Result<HttpResponse, ApiError> {
    let allowed = caller.may(Scope::LogoutsOrder)?;
    let because = body.0?;
    let client = known(&web, &id).await?;
    let whom = Whom::Many(Reach::App { app: client.id });
    let forced = force_logout(&web.app, &whom, allowed.order(&because.reason)).await?;
    Ok(HttpResponse::Accepted().json(ForcedJson::from(forced)))
}
