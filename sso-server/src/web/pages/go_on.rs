//! "Continue as NAME?": somebody who is signed in enters an app for the first time that wants them
//! asked (`silent = "ask_first"`). Who is to be asked decides `flows::issue_ticket`.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Deserialize;

use super::{
    super::{Web, csrf, input::Form, login_state::LoginState},
    error::PageError,
    establish::{ContinuePage, another, draw},
    login_request::{LoginRequest, Parameters},
    see_other,
};
use crate::{
    domain::session::{Acted, LiveSession},
    flows::signing_keys,
    store::users,
};

/// Names the form in its token.
const PURPOSE: &str = "continue";

/// What comes with the form.
#[derive(Debug, Deserialize)]
pub struct ContinueForm {
    csrf: Option<String>,
    #[serde(flatten)]
    parameters: Parameters,
}

/// Asks, in answer to `GET /login`.
pub(super) async fn ask(
    web: &Web,
    request: &HttpRequest,
    session: &LiveSession,
    login: &LoginRequest,
    parameters: Parameters,
) -> Result<HttpResponse, PageError> {
    let user = users::find(&mut *web.app.db.read().await?, &session.user).await?;
    let user = user.ok_or_else(|| PageError::Unavailable("a session without its user".into()))?;
    let page = ContinuePage {
        csrf: String::new(),
        action: "/login/continue",
        username: user.username,
        app_name: login.client.name.clone(),
        link: None,
        instead_of: None,
        another: another(&parameters),
        parameters,
    };
    draw(web, request, Some(session), Some(login), PURPOSE, page)
}

/// `POST /login/continue`. The form is bound to the session that it was shown for: whoever is signed
/// in by now under another name has not agreed to anything (SECURITY-CASES L-18).
pub async fn submit(
    web: Data<Web>,
    state: LoginState,
    form: Form<ContinueForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let again = || {
        let query = serde_urlencoded::to_string(&form.parameters).unwrap_or_default();
        Ok(see_other(&format!("/login?{query}")))
    };
    let Some(session) = state.session() else { return again() };
    let binding = csrf::Binding::of(&request, Some(&session), &web);
    if !binding.accepts(&request, &web, PURPOSE, form.csrf.as_deref().unwrap_or_default()) {
        return again();
    }
    let apps = web.app.db.apps_at(session.registry_version).await?;
    signing_keys::keep_up(&web.app, &apps).await?;
    let Some(login) = LoginRequest::read(&form.parameters, &apps)? else { return again() };
    match login.answer(&web.app, Some(&session), Acted::Agreed).await.respond() {
        Ok(answer) => answer,
        Err(_) => again(),
    }
}
