//! `…/admin/users` and `…/admin/sessions`

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use client_sdk::wire::{Cause, ErrorCode, Seconds};
use serde::{Deserialize, Serialize};

use super::{
    super::super::{
        Web,
        input::{Json, Query},
    },
    AdminCaller, Because, ForcedJson, limit,
};
use crate::{
    domain::{admin::Scope, id::UserId, seconds},
    flows::{
        find_people::find_people,
        force_logout::{Whom, force_logout},
        users::{self as accounts, UsersError},
    },
    store::{
        sessions::{self, ListedSession},
        users::{self, UserRow},
    },
    web::api::error::ApiError,
};

/// Most sessions of a person in one answer.
const SESSIONS: i64 = 1_000;

/// Which accounts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    query: Option<String>,
    after: Option<String>,
    limit: Option<i64>,
}

/// An account.
#[derive(Debug, Serialize)]
pub struct UserJson {
    id: String,
    username: String,
    nickname: Option<String>,
    email: Option<String>,
    admin: bool,
    disabled_at: Option<Seconds>,
    last_login_at: Option<Seconds>,
    created_at: Seconds,
}

impl From<&UserRow> for UserJson {
    fn from(user: &UserRow) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username.clone(),
            nickname: user.nickname.clone(),
            email: user.email.clone(),
            admin: user.admin_since.is_some(),
            disabled_at: user.disabled_at.map(seconds),
            last_login_at: user.last_login_at.map(seconds),
            created_at: seconds(user.created_at),
        }
    }
}

#[derive(Debug, Serialize)]
struct UsersJson {
    users: Vec<UserJson>,
    /// For `after`; `null` on the last page.
    next: Option<String>,
}

/// `GET …/users?query&after&limit`: by the beginning of a name, a mail address or an id.
pub async fn list(
    web: Data<Web>,
    caller: AdminCaller,
    asked: Query<Asked>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Scope::UsersRead)?;
    let asked = asked.0?;
    let query = asked.query.unwrap_or_default();
    let after = asked.after.unwrap_or_default();
    let found = find_people(&web.app, &query, &after, limit(asked.limit)?).await?;
    let users = found.people.iter().map(UserJson::from).collect();
    Ok(HttpResponse::Ok().json(UsersJson { users, next: found.next }))
}

/// A session.
#[derive(Debug, Serialize)]
pub struct SessionJson {
    id: String,
    device: String,
    device_class: String,
    address: String,
    created_at: Seconds,
    last_seen_at: Seconds,
    expires_at: Seconds,
    apps: Vec<String>,
}

impl From<ListedSession> for SessionJson {
    fn from(session: ListedSession) -> Self {
        Self {
            id: session.id.into(),
            device: session.device,
            device_class: session.device_class,
            address: session.address,
            created_at: seconds(session.created_at),
            last_seen_at: seconds(session.last_seen_at),
            expires_at: seconds(session.expires_at),
            apps: session.apps,
        }
    }
}

#[derive(Debug, Serialize)]
struct PersonJson {
    #[serde(flatten)]
    user: UserJson,
    sessions: Vec<SessionJson>,
}

/// `GET …/users/{id}`
pub async fn show(
    web: Data<Web>,
    caller: AdminCaller,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    caller.may(Scope::UsersRead)?;
    let user = known(&web, &id.into_inner().into()).await?;
    let now = web.app.clock.now();
    let mut connection = web.app.db.read().await?;
    let live = sessions::live_of_user(&mut connection, &user.id, now, SESSIONS).await?;
    let sessions = live.into_iter().map(SessionJson::from).collect();
    Ok(HttpResponse::Ok().json(PersonJson { user: (&user).into(), sessions }))
}

async fn known(web: &Web, id: &UserId) -> Result<UserRow, ApiError> {
    let found = users::find(&mut *web.app.db.read().await?, id).await?;
    found.ok_or_else(ApiError::not_found)
}

/// `POST …/users/{id}/logout`
pub async fn log_out(
    web: Data<Web>,
    caller: AdminCaller,
    id: Path<String>,
    body: Json<Because>,
) -> Result<HttpResponse, ApiError> {
    let allowed = caller.may(Scope::SessionsEnd)?;
    let because = body.0?;
    let whom = Whom::User(id.into_inner().into());
    let forced = force_logout(&web.app, &whom, allowed.order(&because.reason)).await?;
    Ok(HttpResponse::Ok().json(ForcedJson::from(forced)))
}

/// `POST …/sessions/{id}/end`: the same answer, however often it is asked.
pub async fn end_session(
    web: Data<Web>,
    caller: AdminCaller,
    id: Path<String>,
    body: Json<Because>,
) -> Result<HttpResponse, ApiError> {
    let allowed = caller.may(Scope::SessionsEnd)?;
    let because = body.0?;
    let whom = Whom::Session(id.into_inner().into());
    let forced = force_logout(&web.app, &whom, allowed.order(&because.reason)).await?;
    Ok(HttpResponse::Ok().json(ForcedJson::from(forced)))
}

/// `POST …/users/{id}/disable`
pub async fn disable(
    web: Data<Web>,
    caller: AdminCaller,
    id: Path<String>,
    body: Json<Because>,
) -> Result<HttpResponse, ApiError> {
    let allowed = caller.may(Scope::UsersDisable)?;
    let because = body.0?;
    let why = allowed.order(&because.reason).ending(Cause::Disabled).map_err(no_reason)?;
    let user = known(&web, &id.into_inner().into()).await?;
    let ended = accounts::shut_off(&web.app, &user, false, why).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(ForcedJson {
        logout: ended.logout,
        sessions: ended.sessions,
        app_sessions: ended.app_sessions,
    }))
}

/// `POST …/users/{id}/enable`
pub async fn enable(
    web: Data<Web>,
    caller: AdminCaller,
    id: Path<String>,
    body: Json<Because>,
) -> Result<HttpResponse, ApiError> {
    let allowed = caller.may(Scope::UsersDisable)?;
    let because = body.0?;
    let why = allowed.order(&because.reason).ending(Cause::Disabled).map_err(no_reason)?;
    let user = known(&web, &id.into_inner().into()).await?;
    accounts::let_in(&web.app, &user, why).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(ForcedJson { logout: None, sessions: 0, app_sessions: 0 }))
}

fn no_reason(_: crate::domain::admin::ReasonError) -> ApiError {
    ApiError::invalid_request("reason: 1 to 500 characters in one line.")
}

fn refused(error: UsersError) -> ApiError {
    match error {
        UsersError::Already(..) => ApiError::new(ErrorCode::Conflict, "It is so already."),
        UsersError::LastAdmin(_) => {
            ApiError::new(ErrorCode::Conflict, "This is the last admin; add another one first.")
        }
        UsersError::Store(error) => error.into(),
        other => ApiError::unavailable(other),
    }
}
