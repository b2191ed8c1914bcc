//! `/account/identities`: which OpenIDs open this account.

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
    openid::{
        start::{OpenIdBox, ask},
        wish::Wish,
    },
    progress::{self, Progress},
    see_other,
};
use crate::{
    domain::{MINUTE, Millis, id::IdentityId, session::LiveSession},
    flows::remove_identity::{CameIn, RemoveIdentityError, remove_identity},
    store::{
        identities,
        sessions::{self, ListedSession},
        users,
    },
};

/// Where the page is.
pub const PATH: &str = "/account/identities";
/// Names the forms in their token.
const PURPOSE: &str = "identities";
/// Who changes how their account is entered must have proven so lately who they are: a session that
/// somebody has left open is not enough (SECURITY-CASES A-15).
const FRESH: Millis = 10 * MINUTE;
/// Most sessions that are looked at for where an identity is in use.
const SHOWN: i64 = 200;

/// The problems that the URL may name, beside those of a login with an OpenID.
const PROBLEMS: [&str; 4] =
    ["identities-already", "identities-taken", "identities-too-many", "identities-last"];

/// What `identities.html` shows.
#[derive(Debug, Default, Serialize)]
pub struct IdentitiesPage {
    /// The forms' token.
    pub csrf: String,
    /// The name to sign in with.
    pub username: String,
    /// Whether this account administers Passport.
    pub admin: bool,
    /// Whether the account has a password, too.
    pub has_password: bool,
    /// The identities, oldest first.
    pub identities: Vec<ShownIdentity>,
    /// The box for one more, where people may log in with one.
    pub openid: Option<OpenIdBox>,
    /// A message key: what was just done.
    pub notice: Option<&'static str>,
    /// How far the apps have confirmed it.
    pub progress: Option<Progress>,
    /// A message key: what went wrong.
    pub problem: Option<&'static str>,
}

/// An identity on the page.
#[derive(Debug, Serialize)]
pub struct ShownIdentity {
    /// Its name.
    pub id: String,
    /// What it is.
    pub shown: String,
    /// Who vouches for it.
    pub provider: String,
    /// Bound since.
    pub created_at: i64,
    /// Last login with it.
    pub last_used_at: i64,
    /// Whether it is the only way to sign in.
    pub last: bool,
    /// The other devices that came in by it and are signed in.
    pub elsewhere: Vec<String>,
}

/// What stands in the URL.
#[derive(Debug, Default, Deserialize)]
pub struct Done {
    done: Option<String>,
    logout: Option<String>,
    problem: Option<String>,
    openid_identifier: Option<String>,
}

/// `GET /account/identities`
pub async fn show(
    web: Data<Web>,
    state: LoginState,
    query: Query<Done>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let Some(session) = state.session() else { return Ok(see_other("/login")) };
    let mut connection = web.app.db.read().await?;
    let user = users::find(&mut connection, &session.user).await?;
    let user = user.ok_or_else(|| PageError::Unavailable("a session without its user".into()))?;
    let rows = identities::of_user(&mut connection, &session.user).await?;
    let now = web.app.clock.now();
    let live = sessions::live_of_user(&mut connection, &session.user, now, SHOWN).await?;
    drop(connection);
    let done = query.0.unwrap_or_default();
    let last = rows.len() == 1 && !user.has_password;
    let elsewhere = |id: &IdentityId| -> Vec<String> {
        let by_it =
            |one: &&ListedSession| one.id != session.id && one.identity.as_ref() == Some(id);
        live.iter().filter(by_it).map(|one| one.device.clone()).collect()
    };
    let shown = rows.into_iter().map(|row| ShownIdentity {
        elsewhere: elsewhere(&row.id),
        id: row.id.into(),
        shown: row.identity.shown,
        provider: row.identity.provider,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        last,
    });
    let notice = match done.done.as_deref() {
        Some("added") => Some("identities-added"),
        Some("removed") => Some("identities-removed"),
        Some("removed-ended") => Some("identities-removed-ended"),
        _ => None,
    };
    let progress = progress::shown(&web, &request, done.logout.as_deref()).await?;
    let word = done.problem.as_deref();
    let openid = OpenIdBox::of(&web, &request, done.openid_identifier, word);
    // The last used one is theirs already.
    let openid = openid.map(|one| match word {
        None => OpenIdBox { identifier: String::new(), ..one },
        Some(_) => one,
    });
    let page = IdentitiesPage {
        csrf: csrf::Binding::of(&request, Some(&session), &web).token(&web, PURPOSE),
        username: user.username,
        admin: user.admin_since.is_some(),
        has_password: user.has_password,
        identities: shown.collect(),
        problem: PROBLEMS.into_iter().find(|known| Some(*known) == word),
        openid,
        notice,
        progress,
    };
    Ok(Page::draw(&web, &request, "identities.html", &page)?.finish())
}

/// What comes with the form that adds one.
#[derive(Debug, Deserialize)]
pub struct AddForm {
    csrf: Option<String>,
    openid_identifier: Option<String>,
    openid_url: Option<String>,
}

/// `POST /account/identities/add`
pub async fn add(
    web: Data<Web>,
    state: LoginState,
    form: Form<AddForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let Some(session) = state.session() else { return Ok(see_other("/login")) };
    let binding = csrf::Binding::of(&request, Some(&session), &web);
    if !binding.accepts(&request, &web, PURPOSE, form.csrf.as_deref().unwrap_or_default()) {
        return Err(PageError::StaleForm);
    }
    let typed = form.openid_identifier.or(form.openid_url).unwrap_or_default();
    if !is_fresh(&web, &session) {
        return Ok(prove_first());
    }
    let wish = Wish { typed: typed.trim().to_owned(), adds: true, ..Wish::default() };
    ask(&web, &request, &binding, &wish)
}

/// What comes with the form that removes one.
#[derive(Debug, Deserialize)]
pub struct RemoveForm {
    csrf: Option<String>,
    identity: String,
    ends: Option<String>,
}

/// `POST /account/identities/remove`
pub async fn remove(
    web: Data<Web>,
    state: LoginState,
    form: Form<RemoveForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let Some(session) = state.session() else { return Ok(see_other("/login")) };
    let binding = csrf::Binding::of(&request, Some(&session), &web);
    if !binding.accepts(&request, &web, PURPOSE, form.csrf.as_deref().unwrap_or_default()) {
        return Err(PageError::StaleForm);
    }
    if !is_fresh(&web, &session) {
        return Ok(prove_first());
    }
    let address = Address::of(&request, &web.proxies).shown();
    let id = form.identity.into();
    let came_in = match form.ends {
        Some(_) => CameIn::End { except: &session.id },
        None => CameIn::Stay,
    };
    match remove_identity(&web.app, &session.user, &id, came_in, &address).await {
        Ok(ended) if ended.sessions > 0 => Ok(see_other(&progress::shown_at(
            &format!("{PATH}?done=removed-ended"),
            &web,
            ended.logout,
        ))),
        // One that is gone already was removed in another window.
        Ok(_) | Err(RemoveIdentityError::Unknown) => Ok(see_other(&format!("{PATH}?done=removed"))),
        Err(RemoveIdentityError::Last) => Ok(see_other(&format!("{PATH}?problem=identities-last"))),
        Err(RemoveIdentityError::Disabled) => Ok(see_other("/login")),
        Err(RemoveIdentityError::Store(error)) => Err(error.into()),
    }
}

/// Whether this person has proven who they are lately.
pub(super) fn is_fresh(web: &Web, session: &LiveSession) -> bool {
    let now = web.app.clock.now();
    session.auth_time <= now && now - session.auth_time <= FRESH
}

fn prove_first() -> HttpResponse {
    see_other(&format!("/login?back={}", PATH.replace('/', "%2F")))
}
