//! `/account`: who I am, and where I am signed in.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Web,
        address::Address,
        csrf,
        input::{Form, Query},
        login_state::LoginState,
    },
    Page,
    error::PageError,
    front_logout,
    progress::{self, Progress},
    see_other,
};
use crate::{
    domain::id::SessionId,
    flows::end_session::{Ending, end_all_of_user, end_own_session},
    store::{
        sessions::{self, ListedSession},
        users,
    },
};

/// Names the forms in their token.
const PURPOSE: &str = "account";
/// Most sessions that are shown.
const SHOWN: i64 = 200;

/// What `account.html` shows.
#[derive(Debug, Serialize)]
pub struct AccountPage {
    /// The forms' token.
    pub csrf: String,
    /// The name to sign in with.
    pub username: String,
    /// The mail address.
    pub email: Option<String>,
    /// Whether this account administers Passport.
    pub admin: bool,
    /// Member since.
    pub created_at: i64,
    /// Where this person is signed in; this browser first.
    pub sessions: Vec<ShownSession>,
    /// A message key: what was just done.
    pub notice: Option<&'static str>,
    /// How far the apps have confirmed it.
    pub progress: Option<Progress>,
}

/// A session on the page.
#[derive(Debug, Serialize)]
pub struct ShownSession {
    /// Its name, which is no secret.
    pub id: String,
    /// "Firefox on Windows".
    pub device: String,
    /// Desktop, phone or native: for the picture.
    pub device_class: String,
    /// From where.
    pub address: String,
    /// Since when.
    pub created_at: i64,
    /// Last sign of life.
    pub last_seen_at: i64,
    /// Apps signed in at.
    pub apps: Vec<String>,
    /// Whether it is this browser's.
    pub current: bool,
}

impl ShownSession {
    /// Of a row, in a browser whose own session is `current`.
    pub fn of(row: ListedSession, current: Option<&SessionId>) -> Self {
        Self {
            current: Some(&row.id) == current,
            id: row.id.into(),
            device: row.device,
            device_class: row.device_class,
            address: row.address,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            apps: row.apps,
        }
    }
}

/// What was just done.
#[derive(Debug, Deserialize)]
pub struct Done {
    done: Option<String>,
    logout: Option<String>,
}

/// `GET /account`
pub async fn show(
    web: Data<Web>,
    state: LoginState,
    query: Query<Done>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let Some(session) = state.session() else { return Ok(see_other("/login")) };
    let now = web.app.clock.now();
    let mut connection = web.app.db.read().await?;
    let user = users::find(&mut connection, &session.user).await?;
    let user = user.ok_or_else(|| PageError::Unavailable("a session without its user".into()))?;
    let live = sessions::live_of_user(&mut connection, &session.user, now, SHOWN).await?;
    drop(connection);
    let mut shown: Vec<ShownSession> =
        live.into_iter().map(|one| ShownSession::of(one, Some(&session.id))).collect();
    shown.sort_by_key(|one| !one.current);
    let done = query.0?;
    let progress = progress::shown(&web, &request, done.logout.as_deref()).await?;
    let notice = match done.done.as_deref() {
        Some("one") => Some("account-ended-one"),
        Some("others") => Some("account-ended-others"),
        Some("secured") => Some("account-secured"),
        _ => None,
    };
    let page = AccountPage {
        csrf: csrf::Binding::of(&request, Some(&session), &web).token(&web, PURPOSE),
        username: user.username,
        email: user.email,
        admin: user.admin_since.is_some(),
        created_at: user.created_at,
        sessions: shown,
        notice,
        progress,
    };
    Ok(Page::draw(&web, &request, "account.html", &page)?.finish())
}

/// What comes with the forms: one session, or all others.
#[derive(Debug, Deserialize)]
pub struct EndForm {
    csrf: Option<String>,
    session: Option<String>,
}

/// `POST /account/sessions/end`
pub async fn end(
    web: Data<Web>,
    state: LoginState,
    form: Form<EndForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let Some(session) = state.session() else { return Ok(see_other("/login")) };
    let binding = csrf::Binding::of(&request, Some(&session), &web);
    if !binding.accepts(&request, &web, PURPOSE, form.csrf.as_deref().unwrap_or_default()) {
        return Err(PageError::StaleForm);
    }
    let address = Address::of(&request, &web.proxies).shown();
    let why = Ending::by_user(&address);
    match form.session.filter(|id| !id.is_empty()) {
        Some(id) if id == session.id.as_str() => {
            let ended = end_own_session(&web.app, &session.user, &session.id, why).await?;
            state.forget();
            let front = front_logout::reference(&web, &session.id);
            Ok(see_other(&progress::shown_at(
                &format!("/logout?front={front}"),
                &web,
                ended.logout,
            )))
        }
        Some(id) => {
            let ended = end_own_session(&web.app, &session.user, &id.into(), why).await?;
            Ok(see_other(&progress::shown_at("/account?done=one", &web, ended.logout)))
        }
        None => {
            let ended = end_all_of_user(&web.app, &session.user, Some(&session.id), why).await?;
            Ok(see_other(&progress::shown_at("/account?done=others", &web, ended.logout)))
        }
    }
}
