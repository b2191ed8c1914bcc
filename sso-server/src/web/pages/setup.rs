//! `/setup`: where one-time links lead: the first admin, and choosing a password.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Web, cookies, csrf,
        input::{Form, Query},
    },
    Page,
    error::PageError,
    see_other,
};
use crate::{
    domain::{password::PasswordError, token::Token, user::UsernameError},
    flows::one_time_link::{Task, UseError, look, use_link},
};

/// Names the form in its token.
const PURPOSE: &str = "setup";
/// The link rests in a cookie this long while the form is filled in.
const COOKIE_SECONDS: i64 = 1_800;

/// What `setup.html` shows.
#[derive(Debug, Default, Serialize)]
pub struct SetupPage {
    /// The form's token.
    pub csrf: String,
    /// The account whose password is chosen; none for the first admin, who also chooses a name.
    pub account: Option<String>,
    /// Its sessions end, and its OpenIDs are taken from it.
    pub lived_in: bool,
    /// What was typed.
    pub username: String,
    /// Fewest characters of a password.
    pub min_length: usize,
    /// A message key: what went wrong.
    pub problem: Option<&'static str>,
}

/// The link.
#[derive(Deserialize)]
pub struct Link {
    token: Option<String>,
}

/// What comes with the form.
#[derive(Deserialize)]
pub struct SetupForm {
    csrf: Option<String>,
    username: Option<String>,
    password: String,
    repeat: String,
}

/// `GET /setup`: takes the token out of the URL, so that it stays in no history and no log
/// (SECURITY-CASES P-06), then shows the form. Looking uses nothing up (P-05).
pub async fn show(
    web: Data<Web>,
    query: Query<Link>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    if let Some(text) = query.0?.token {
        let token = Token::parse(&text).ok_or(PageError::VoidLink)?;
        let mut response = see_other("/setup");
        let cookie = cookies::make(cookies::SETUP, token.expose().to_owned(), Some(COOKIE_SECONDS));
        response.add_cookie(&cookie).map_err(|error| PageError::Internal(error.to_string()))?;
        return Ok(response);
    }
    let (_, task) = pending(&web, &request).await?;
    let page =
        SetupPage { lived_in: lived_in(&task), account: account(&task), ..SetupPage::default() };
    ask(&web, &request, page, StatusCode::OK)
}

/// `POST /setup`
pub async fn submit(
    web: Data<Web>,
    form: Form<SetupForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let (token, task) = pending(&web, &request).await?;
    let ask_again = |problem| {
        let page = SetupPage {
            account: account(&task),
            lived_in: lived_in(&task),
            username: form.username.clone().unwrap_or_default(),
            problem: Some(problem),
            ..SetupPage::default()
        };
        ask(&web, &request, page, StatusCode::UNPROCESSABLE_ENTITY)
    };
    let binding = csrf::Binding::of(&request, None, &web);
    if !binding.accepts(&request, &web, PURPOSE, form.csrf.as_deref().unwrap_or_default()) {
        return Err(PageError::StaleForm);
    }
    if form.password != form.repeat {
        return ask_again("setup-differ");
    }
    match use_link(&web.app, &token, form.username.as_deref(), &form.password).await {
        Ok(()) => {}
        Err(UseError::Void) => return Err(PageError::VoidLink),
        Err(UseError::NameTaken) => return ask_again("setup-name-taken"),
        Err(UseError::Username(error)) => {
            return ask_again(match error {
                UsernameError::Empty => "setup-name-empty",
                UsernameError::TooLong => "setup-name-long",
                UsernameError::Characters => "setup-name-characters",
                UsernameError::MixedScripts => "setup-name-scripts",
            });
        }
        Err(UseError::Password(error)) => {
            return ask_again(password_problem(&error));
        }
        Err(UseError::Busy(_)) => return Err(PageError::Busy),
        Err(UseError::Store(error)) => return Err(error.into()),
    }
    let notice = match task {
        Task::FirstAdmin => "admin-added",
        Task::ChoosePassword { .. } => "password-set",
    };
    let mut response = see_other(&format!("/login?notice={notice}"));
    for cookie in [cookies::SETUP, cookies::FORM] {
        let cookie = cookies::remove(cookie);
        response.add_cookie(&cookie).map_err(|error| PageError::Internal(error.to_string()))?;
    }
    Ok(response)
}

/// A message key: why a chosen password cannot be.
pub(super) const fn password_problem(error: &PasswordError) -> &'static str {
    match error {
        PasswordError::Empty | PasswordError::TooShort(_) => "setup-password-short",
        PasswordError::TooLong => "setup-password-long",
        PasswordError::Characters => "setup-password-characters",
        PasswordError::Personal => "setup-password-personal",
    }
}

async fn pending(web: &Web, request: &HttpRequest) -> Result<(Token, Task), PageError> {
    let token =
        cookies::read(request, cookies::SETUP).and_then(Token::parse).ok_or(PageError::VoidLink)?;
    let task = look(&web.app, &token).await?.ok_or(PageError::VoidLink)?;
    Ok((token, task))
}

fn account(task: &Task) -> Option<String> {
    match task {
        Task::FirstAdmin => None,
        Task::ChoosePassword { username, .. } => Some(username.clone()),
    }
}

const fn lived_in(task: &Task) -> bool {
    matches!(task, Task::ChoosePassword { lived_in: true, .. })
}

fn ask(
    web: &Web,
    request: &HttpRequest,
    page: SetupPage,
    status: StatusCode,
) -> Result<HttpResponse, PageError> {
    let binding = csrf::Binding::of(request, None, web);
    let page = SetupPage {
        csrf: binding.token(web, PURPOSE),
        min_length: web.app.config.password.min_length,
        ..page
    };
    let mut drawn = Page::draw(web, request, "setup.html", &page)?;
    binding.remember(drawn.response().status(status));
    Ok(drawn.finish())
}
