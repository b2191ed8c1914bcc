//! `/account/secure`: "this was not me", and plainly changing the password.

use std::fmt;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    super::{Web, cookies, csrf, input::Form, login_state::LoginState},
    Page,
    error::PageError,
    login::enter,
    origin::origin,
    progress,
    setup::password_problem,
};
use crate::{
    domain::session::LiveSession,
    flows::{
        issue_session::Origin,
        log_in::{Login, LoginError},
        secure_account::{SecureError, secure_account},
    },
    store::users,
};

/// Names the form in its token.
const PURPOSE: &str = "secure";

/// What `secure.html` shows.
#[derive(Debug, Default, Serialize)]
pub struct SecurePage {
    /// The form's token.
    pub csrf: String,
    /// Who is signed in, or what was typed.
    pub username: String,
    /// Fewest characters.
    pub min_length: usize,
    /// A message key: what went wrong.
    pub problem: Option<&'static str>,
}

/// What comes with the form.
#[derive(Deserialize)]
pub struct SecureForm {
    csrf: Option<String>,
    username: String,
    password: String,
    new: String,
    repeat: String,
}

impl fmt::Debug for SecureForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureForm").field("username", &self.username).finish_non_exhaustive()
    }
}

/// `GET /account/secure`: also for whoever was signed out, who comes from an app's page.
pub async fn show(
    web: Data<Web>,
    state: LoginState,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let session = state.session();
    let user = match &session {
        Some(session) => users::find(&mut *web.app.db.read().await?, &session.user).await?,
        None => None,
    };
    let username = user.map(|user| user.username).unwrap_or_default();
    let page = SecurePage { username, ..SecurePage::default() };
    ask(&web, &request, session.as_ref(), page, StatusCode::OK)
}

/// `POST /account/secure`
pub async fn submit(
    web: Data<Web>,
    state: LoginState,
    form: Form<SecureForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let session = state.session();
    let ask_again = |problem, status| {
        let page = SecurePage {
            username: form.username.clone(),
            problem: Some(problem),
            ..SecurePage::default()
        };
        ask(&web, &request, session.as_ref(), page, status)
    };
    let binding = csrf::Binding::of(&request, session.as_ref(), &web);
    if !binding.accepts(&request, &web, PURPOSE, form.csrf.as_deref().unwrap_or_default()) {
        return ask_again("login-stale", StatusCode::FORBIDDEN);
    }
    if form.new != form.repeat {
        return ask_again("setup-differ", StatusCode::UNPROCESSABLE_ENTITY);
    }
    let login = Login {
        name: &form.username,
        password: &form.password,
        device_cookie: cookies::read(&request, cookies::DEVICE),
        origin: Origin {
            keep: session.as_ref().is_some_and(|session| session.kept),
            ..origin(&web, &request, state.session())
        },
    };
    let secured = match secure_account(&web.app, login, &form.new).await {
        Ok(secured) => secured,
        Err(SecureError::New(error)) => {
            return ask_again(password_problem(&error), StatusCode::UNPROCESSABLE_ENTITY);
        }
        Err(SecureError::Same) => {
            return ask_again("secure-same", StatusCode::UNPROCESSABLE_ENTITY);
        }
        Err(SecureError::Login(LoginError::Malformed(_))) => {
            return ask_again("login-malformed", StatusCode::BAD_REQUEST);
        }
        Err(SecureError::Login(LoginError::TooMany { .. })) => {
            return ask_again("login-too-many", StatusCode::TOO_MANY_REQUESTS);
        }
        Err(SecureError::Busy(_) | SecureError::Login(LoginError::Busy(_))) => {
            return Err(PageError::Busy);
        }
        Err(SecureError::Store(error) | SecureError::Login(LoginError::Store(error))) => {
            return Err(error.into());
        }
        Err(SecureError::Login(_)) => {
            return ask_again("login-refused", StatusCode::UNAUTHORIZED);
        }
    };
    let on_to = progress::shown_at("/account?done=secured", &web, secured.logout);
    enter(&web, &state, None, &on_to, secured.logged_in).await
}

fn ask(
    web: &Web,
    request: &HttpRequest,
    session: Option<&LiveSession>,
    page: SecurePage,
    status: StatusCode,
) -> Result<HttpResponse, PageError> {
    let binding = csrf::Binding::of(request, session, web);
    let page = SecurePage {
        csrf: binding.token(web, PURPOSE),
        min_length: web.app.config.password.min_length,
        ..page
    };
    let mut drawn = Page::draw(web, request, "secure.html", &page)?;
    binding.remember(drawn.response().status(status));
    Ok(drawn.finish())
}
