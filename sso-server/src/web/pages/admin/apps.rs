//! `/admin/apps`: the apps, who listens for each, who is in, and everybody out of one.

use actix_web::{
    Error, HttpRequest, HttpResponse,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};

use super::{
    super::{Page, error::PageError},
    AdminState, Frame, forced, href,
    listeners::ShownListener,
    people::ActForm,
};
use crate::{
    domain::{
        app::{App as Client, AppId},
        push::PushState,
        reach::Reach,
    },
    flows::{
        apps,
        force_logout::{Whom, force_logout},
    },
    store::{app_instances, app_sessions, push_streams},
    web::{
        Web,
        input::{Form, Query},
    },
};

/// Sessions on a page.
const SHOWN: i64 = 50;

/// What `admin/apps.html` shows.
#[derive(Debug, Serialize)]
pub struct AppsPage {
    /// Around it.
    #[serde(flatten)]
    pub frame: Frame,
    /// All apps.
    pub apps: Vec<ShownClient>,
}

/// An app.
#[derive(Debug, Serialize)]
pub struct ShownClient {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is shut off.
    pub disabled: bool,
    /// Whose pages may ask whether their visitor is signed in.
    pub origins: Vec<String>,
    /// Whether by JSONP, too.
    pub jsonp: bool,
    /// Whether they may be known by their `Referer`.
    pub old_browsers: bool,
    /// Whether it may end every session of a person.
    pub may_end_user: bool,
    /// Whether its server may pass on name and password.
    pub may_login: bool,
    /// Whether the first silent entry of each person asks.
    pub asks_first: bool,
    /// Where the browser tells it of a logout: scheme, host and port.
    pub front_logout: Option<String>,
    /// Live sessions at it.
    pub sessions: i64,
    /// How pushing to it does: `ok`, `failing` or `dead`; `None` when nothing is pushed to it.
    pub push: Option<&'static str>,
    /// Who listens for it.
    pub listeners: Vec<ShownListener>,
}

async fn shown(web: &Web, client: &Client) -> Result<ShownClient, PageError> {
    let now = web.app.clock.now();
    let mut connection = web.app.db.read().await?;
    let listeners = app_instances::of_app(&mut connection, &client.id).await?;
    let push = match client.events_url {
        Some(_) => push_streams::find(&mut connection, &client.id).await?,
        None => None,
    };
    let listener = |one| ShownListener::of(one, client.events_url.as_ref(), push.as_ref());
    Ok(ShownClient {
        id: client.id.to_string(),
        name: client.name.clone(),
        disabled: client.disabled_at.is_some(),
        origins: client.origins.iter().map(|origin| origin.as_str().to_owned()).collect(),
        jsonp: client.jsonp_since.is_some(),
        old_browsers: client.old_browsers_since.is_some(),
        may_end_user: client.may_end_user_since.is_some(),
        may_login: client.may_login_since.is_some(),
        asks_first: client.asks_first_since.is_some(),
        front_logout: client.front_logout_url.as_ref().map(|url| url.origin()),
        sessions: app_sessions::count_live_at(&mut connection, &client.id, now).await?,
        push: push.as_ref().map(PushState::word),
        listeners: listeners.into_iter().map(listener).collect(),
    })
}

/// `GET /admin/apps`
pub async fn list(
    web: Data<Web>,
    admin: AdminState,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let mut all = Vec::new();
    for client in apps::list(&web.app).await? {
        all.push(shown(&web, &client).await?);
    }
    let page = AppsPage { frame: admin.frame(&web, &request, "apps", None), apps: all };
    Ok(Page::draw(&web, &request, "admin/apps.html", &page)?.finish())
}

/// Which part of the list.
#[derive(Debug, Deserialize)]
pub struct Asked {
    after: Option<String>,
    done: Option<String>,
}

/// What `admin/app.html` shows.
#[derive(Debug, Serialize)]
pub struct AppPage {
    /// Around it.
    #[serde(flatten)]
    pub frame: Frame,
    /// Which.
    pub app: ShownClient,
    /// Who is in.
    pub app_sessions: Vec<ShownAppSession>,
    /// Where the list goes on.
    pub next: Option<String>,
}

/// A session at the app.
#[derive(Debug, Serialize)]
pub struct ShownAppSession {
    /// Whose.
    pub user: String,
    /// The person's name.
    pub username: String,
    /// "Firefox on Windows".
    pub device: String,
    /// Since.
    pub created_at: i64,
}

/// `GET /admin/apps/{id}`
pub async fn show(
    web: Data<Web>,
    admin: AdminState,
    id: Path<String>,
    asked: Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let asked = asked.0?;
    let client = known(&web, &id).await?;
    let now = web.app.clock.now();
    let after = asked.after.unwrap_or_default();
    let found = {
        let mut connection = web.app.db.read().await?;
        app_sessions::live_at(&mut connection, &client.id, now, &after, SHOWN).await?
    };
    let full = i64::try_from(found.len()).is_ok_and(|found| found == SHOWN);
    let last = found.last().filter(|_| full);
    let path = format!("/admin/apps/{}", client.id);
    let page = AppPage {
        frame: admin.frame(&web, &request, "apps", asked.done.as_deref()),
        app: shown(&web, &client).await?,
        next: last.map(|last| href(&path, &[("after", last.id.as_str())])),
        app_sessions: found
            .into_iter()
            .map(|one| ShownAppSession {
                user: one.user.into(),
                username: one.username,
                device: one.device,
                created_at: one.created_at,
            })
            .collect(),
    };
    Ok(Page::draw(&web, &request, "admin/app.html", &page)?.finish())
}

pub(super) async fn known(web: &Web, id: &str) -> Result<Client, PageError> {
    let id = AppId::parse(id).map_err(|_| PageError::NotFound)?;
    let apps = web.app.db.apps().await?;
    apps.get(&id).map(|client| (**client).clone()).ok_or(PageError::NotFound)
}

/// `POST /admin/apps/{id}/logout`: everybody out of it; their sessions at Passport go on.
pub async fn log_out(
    web: Data<Web>,
    admin: AdminState,
    id: Path<String>,
    form: Form<ActForm>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let form = form.0.map_err(PageError::from)?;
    let client = known(&web, &id).await?;
    let back = format!("/admin/apps/{}", client.id);
    admin.act(&web, &request, form.csrf.as_deref(), &back)?;
    let whom = Whom::Many(Reach::App { app: client.id });
    let reason = form.reason.unwrap_or_default();
    Ok(forced(force_logout(&web.app, &whom, admin.order(&reason)).await, &back)?)
}
