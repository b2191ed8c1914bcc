//! `/admin/people`: finding somebody, and one person with sessions and what can be done.

use actix_web::{
    Error, HttpRequest, HttpResponse,
    web::{Data, Path},
};
use client_sdk::wire::Cause;
use serde::{Deserialize, Serialize};

use super::{
    super::{Page, account::ShownSession, error::PageError, see_other},
    AdminState, Frame, forced, href,
};
use crate::{
    domain::id::{SessionId, UserId},
    flows::{
        find_people::find_people,
        force_logout::{Whom, force_logout},
        users::{self as accounts, UsersError},
    },
    store::{
        sessions,
        users::{self, UserRow},
    },
    web::{
        Web,
        input::{Form, Query},
    },
};

/// People on a page.
const SHOWN: i64 = 50;
/// Most sessions of a person that are shown.
const SESSIONS: i64 = 200;

/// `GET /admin`
pub async fn home(_: AdminState) -> HttpResponse {
    see_other("/admin/people")
}

/// Whom to look for.
#[derive(Debug, Deserialize)]
pub struct Asked {
    query: Option<String>,
    after: Option<String>,
}

/// What `admin/people.html` shows.
#[derive(Debug, Serialize)]
pub struct PeoplePage {
    /// Around it.
    #[serde(flatten)]
    pub frame: Frame,
    /// What was looked for.
    pub query: String,
    /// Who was found.
    pub people: Vec<Person>,
    /// Where the list goes on.
    pub next: Option<String>,
}

/// An account.
#[derive(Debug, Serialize)]
pub struct Person {
    /// Its id.
    pub id: String,
    /// The name to sign in with.
    pub username: String,
    /// The mail address.
    pub email: Option<String>,
    /// Whether it administers Passport.
    pub admin: bool,
    /// Whether it is disabled.
    pub disabled: bool,
    /// Last login.
    pub last_login_at: Option<i64>,
    /// Member since.
    pub created_at: i64,
}

impl From<UserRow> for Person {
    fn from(user: UserRow) -> Self {
        Self {
            id: user.id.into(),
            username: user.username,
            email: user.email,
            admin: user.admin_since.is_some(),
            disabled: user.disabled_at.is_some(),
            last_login_at: user.last_login_at,
            created_at: user.created_at,
        }
    }
}

/// `GET /admin/people?query&after`
pub async fn list(
    web: Data<Web>,
    admin: AdminState,
    asked: Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let asked = asked.0?;
    let query = asked.query.unwrap_or_default();
    let after = asked.after.unwrap_or_default();
    let found = find_people(&web.app, &query, &after, SHOWN).await?;
    let next = found.next.map(|key| href("/admin/people", &[("query", &query), ("after", &key)]));
    let page = PeoplePage {
        frame: admin.frame(&web, &request, "people", None),
        query,
        people: found.people.into_iter().map(Person::from).collect(),
        next,
    };
    Ok(Page::draw(&web, &request, "admin/people.html", &page)?.finish())
}

/// What was just done.
#[derive(Debug, Deserialize)]
pub struct Done {
    pub(super) done: Option<String>,
}

/// What `admin/person.html` shows.
#[derive(Debug, Serialize)]
pub struct PersonPage {
    /// Around it.
    #[serde(flatten)]
    pub frame: Frame,
    /// Who.
    pub person: Person,
    /// Where this person is signed in.
    pub sessions: Vec<ShownSession>,
}

/// `GET /admin/people/{id}`
pub async fn show(
    web: Data<Web>,
    admin: AdminState,
    id: Path<String>,
    done: Query<Done>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let user = known(&web, &id.into_inner().into()).await?;
    let now = web.app.clock.now();
    let mut connection = web.app.db.read().await?;
    let live = sessions::live_of_user(&mut connection, &user.id, now, SESSIONS).await?;
    drop(connection);
    let page = PersonPage {
        frame: admin.frame(&web, &request, "people", done.0?.done.as_deref()),
        person: user.into(),
        sessions: live
            .into_iter()
            .map(|one| ShownSession::of(one, Some(&admin.session.id)))
            .collect(),
    };
    Ok(Page::draw(&web, &request, "admin/person.html", &page)?.finish())
}

async fn known(web: &Web, id: &UserId) -> Result<UserRow, PageError> {
    let found = users::find(&mut *web.app.db.read().await?, id).await?;
    found.ok_or(PageError::NotFound)
}

/// What comes with the forms.
#[derive(Debug, Deserialize)]
pub struct ActForm {
    pub(super) csrf: Option<String>,
    pub(super) reason: Option<String>,
    session: Option<String>,
}

/// `POST /admin/people/{id}/logout`: one session, or all.
pub async fn log_out(
    web: Data<Web>,
    admin: AdminState,
    id: Path<String>,
    form: Form<ActForm>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let form = form.0.map_err(PageError::from)?;
    let user = known(&web, &id.into_inner().into()).await?;
    let back = format!("/admin/people/{}", user.id);
    admin.act(&web, &request, form.csrf.as_deref(), &back)?;
    let whom = match form.session.filter(|id| !id.is_empty()) {
        Some(id) => Whom::Session(of_person(&web, &user, &id.into()).await?),
        None => Whom::User(user.id),
    };
    let reason = form.reason.unwrap_or_default();
    Ok(forced(force_logout(&web.app, &whom, admin.order(&reason)).await, &back)?)
}

/// The session, if it is this person's: the page of one person does nothing to another one.
async fn of_person(web: &Web, user: &UserRow, id: &SessionId) -> Result<SessionId, PageError> {
    let own = sessions::unended_of_user(&mut *web.app.db.read().await?, &user.id).await?;
    own.into_iter().find(|own| own == id).ok_or(PageError::NotFound)
}

/// `POST /admin/people/{id}/disable`
pub async fn disable(
    web: Data<Web>,
    admin: AdminState,
    id: Path<String>,
    form: Form<ActForm>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let form = form.0.map_err(PageError::from)?;
    let user = known(&web, &id.into_inner().into()).await?;
    let back = format!("/admin/people/{}", user.id);
    admin.act(&web, &request, form.csrf.as_deref(), &back)?;
    let reason = form.reason.unwrap_or_default();
    let Ok(why) = admin.order(&reason).ending(Cause::Disabled) else {
        return Ok(see_other(&format!("{back}?done=reason")));
    };
    let outcome = accounts::shut_off(&web.app, &user, false, why).await;
    Ok(changed(outcome.map(|_| "disabled"), &back)?)
}

/// `POST /admin/people/{id}/enable`
pub async fn enable(
    web: Data<Web>,
    admin: AdminState,
    id: Path<String>,
    form: Form<ActForm>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let form = form.0.map_err(PageError::from)?;
    let user = known(&web, &id.into_inner().into()).await?;
    let back = format!("/admin/people/{}", user.id);
    admin.act(&web, &request, form.csrf.as_deref(), &back)?;
    let reason = form.reason.unwrap_or_default();
    let Ok(why) = admin.order(&reason).ending(Cause::Disabled) else {
        return Ok(see_other(&format!("{back}?done=reason")));
    };
    let outcome = accounts::let_in(&web.app, &user, why).await;
    Ok(changed(outcome.map(|()| "enabled"), &back)?)
}

fn changed(outcome: Result<&str, UsersError>, back: &str) -> Result<HttpResponse, PageError> {
    let word = match outcome {
        Ok(word) => word,
        Err(UsersError::Already(..)) => "already",
        Err(UsersError::LastAdmin(_)) => "last-admin",
        Err(UsersError::Store(error)) => return Err(error.into()),
        Err(other) => return Err(PageError::Internal(other.to_string())),
    };
    Ok(see_other(&format!("{back}?done={word}")))
}
