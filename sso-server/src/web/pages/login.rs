//! `/login`: in silence for whoever is signed in, with a form for everybody else.

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::{StatusCode, header::RETRY_AFTER},
    web::Data,
};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Web, cookies, csrf,
        headers::FormLeadsTo,
        input::{self, Form, Query},
        login_state::LoginState,
    },
    Page, ShownAt, choose,
    error::PageError,
    go_on,
    login_request::{LoginRequest, Parameters, Question},
    openid::start::OpenIdBox,
    origin::origin,
    see_other,
};
use crate::{
    domain::session::{Acted, LiveSession},
    flows::{
        issue_session::Origin,
        log_in::{LoggedIn, Login, LoginError, log_in},
        signing_keys,
    },
    store::sessions::{self, Found},
};

/// Names the form in its token.
const PURPOSE: &str = "login";
/// Where a login ends that the browser has opened in a window of its own (FedCM): the page tells it
/// to close the window.
pub const DONE: &str = "/login/done";
/// A browser is known for a year after its last login.
const DEVICE_KEPT_SECONDS: i64 = 365 * 24 * 3600;

/// What `login.html` shows.
#[derive(Debug, Default, Serialize)]
pub struct LoginPage {
    /// The form's token.
    pub csrf: String,
    /// The app that the person comes from.
    pub app_name: Option<String>,
    /// The request, as hidden fields.
    pub parameters: Parameters,
    /// What was typed.
    pub username: String,
    /// "Keep me signed in".
    pub keep: bool,
    /// Whether somebody is signed in here and must prove again who they are.
    pub again: bool,
    /// A message key: what went wrong.
    pub problem: Option<&'static str>,
    /// A message key: what went well before.
    pub notice: Option<&'static str>,
    /// The box for an OpenID, where people may log in with one.
    pub openid: Option<OpenIdBox>,
}

/// What comes with the form.
#[derive(Deserialize)]
pub struct LoginForm {
    csrf: Option<String>,
    username: String,
    password: String,
    keep: Option<String>,
    app: Option<String>,
    return_to: Option<String>,
    state: Option<String>,
    challenge: Option<String>,
    prompt: Option<String>,
    max_age: Option<String>,
    ui_locales: Option<String>,
    back: Option<String>,
}

impl LoginForm {
    /// Empty hidden fields are absent parameters.
    fn parameters(&self) -> Parameters {
        let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        Parameters {
            app: given(&self.app),
            return_to: given(&self.return_to),
            state: given(&self.state),
            challenge: given(&self.challenge),
            prompt: given(&self.prompt),
            max_age: given(&self.max_age),
            ui_locales: given(&self.ui_locales),
            back: given(&self.back),
        }
    }
}

/// What may stand in the URL beside the request itself.
#[derive(Debug, Default, Deserialize)]
pub struct Extra {
    notice: Option<String>,
    problem: Option<String>,
    openid_identifier: Option<String>,
    openid_url: Option<String>,
}

/// `GET /login`
pub async fn show(
    web: Data<Web>,
    state: LoginState,
    query: Query<Parameters>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let parameters = query.0?;
    let session = state.session_or_arrival(&web).await?;
    let apps = match &session {
        Some(session) => web.app.db.apps_at(session.registry_version).await?,
        None => web.app.db.apps().await?,
    };
    signing_keys::keep_up(&web.app, &apps).await?;
    let login = LoginRequest::read(&parameters, &apps)?;
    match &login {
        Some(login) => {
            let answer = login.answer(&web.app, session.as_ref(), Acted::Not).await.respond();
            match (answer, &session) {
                (Ok(answer), _) => return answer,
                (Err(Question::GoOn), Some(session)) => {
                    return go_on::ask(&web, &request, session, login, parameters).await;
                }
                (Err(_), _) => {}
            }
        }
        None if session.is_some() && parameters.back().is_none() => {
            return Ok(see_other("/account"));
        }
        // The browser has asked because it had no twin to show; with this answer it gets one. Who has
        // one is here for another account.
        None if session.is_some() && parameters.back() == Some(DONE) && !state.has_twin() => {
            return Ok(see_other(DONE));
        }
        None => {}
    }
    let extra: Extra = input::query(&request).unwrap_or_default();
    let typed = extra.openid_identifier.or(extra.openid_url);
    let openid = OpenIdBox::of(&web, &request, typed, extra.problem.as_deref());
    let notice = match extra.notice.as_deref() {
        Some("password-set") => Some("login-password-set"),
        Some("admin-added") => Some("login-admin-added"),
        _ => None,
    };
    let page = LoginPage { parameters, keep: true, notice, openid, ..LoginPage::default() };
    ask(&web, &request, session.as_ref(), login.as_ref(), page, StatusCode::OK)
}

/// `POST /login`
pub async fn submit(
    web: Data<Web>,
    state: LoginState,
    form: Form<LoginForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let session = state.session();
    let apps = web.app.db.apps().await?;
    signing_keys::keep_up(&web.app, &apps).await?;
    let login = LoginRequest::read(&form.parameters(), &apps)?;
    let ask_again = |problem, status| {
        let page = LoginPage {
            parameters: form.parameters(),
            username: form.username.clone(),
            openid: OpenIdBox::of(&web, &request, None, None),
            keep: form.keep.is_some(),
            problem: Some(problem),
            ..LoginPage::default()
        };
        ask(&web, &request, session.as_ref(), login.as_ref(), page, status)
    };

    let binding = csrf::Binding::of(&request, session.as_ref(), &web);
    if !binding.accepts(&request, &web, PURPOSE, form.csrf.as_deref().unwrap_or_default()) {
        // Most often a page that lay open for long: nothing typed is lost but the password.
        return ask_again("login-stale", StatusCode::FORBIDDEN);
    }
    let attempt = Login {
        name: &form.username,
        password: &form.password,
        device_cookie: cookies::read(&request, cookies::DEVICE),
        origin: Origin { keep: form.keep.is_some(), ..origin(&web, &request, state.session()) },
    };
    let logged_in = match log_in(&web.app, attempt).await {
        Ok(logged_in) => logged_in,
        Err(LoginError::Refused) => return ask_again("login-refused", StatusCode::UNAUTHORIZED),
        Err(LoginError::Malformed(_)) => {
            return ask_again("login-malformed", StatusCode::BAD_REQUEST);
        }
        Err(LoginError::TooMany { retry_after }) => {
            let mut page = ask_again("login-too-many", StatusCode::TOO_MANY_REQUESTS)?;
            page.headers_mut().insert(RETRY_AFTER, retry_after.into());
            return Ok(page);
        }
        Err(LoginError::Busy(_)) => {
            let mut page = ask_again("login-busy", StatusCode::SERVICE_UNAVAILABLE)?;
            // Not all at the same moment.
            let jitter = (web.app.random.fraction() * 3.0) as u64;
            page.headers_mut().insert(RETRY_AFTER, (1 + jitter).into());
            return Ok(page);
        }
        Err(LoginError::TooManySessions) => {
            return ask_again("login-too-many-sessions", StatusCode::FORBIDDEN);
        }
        Err(LoginError::Choose(choice)) => {
            let (session, login) = (session.as_ref(), login.as_ref());
            let choice = (choice, String::new());
            return choose::show(&web, &request, session, login, form.parameters(), choice);
        }
        Err(LoginError::Store(error)) => return Err(error.into()),
    };
    let parameters = form.parameters();
    let otherwise = parameters.back().unwrap_or("/account");
    enter(&web, &state, login.as_ref(), otherwise, logged_in).await
}

/// What `login_done.html` shows: nothing but words.
#[derive(Debug, Serialize)]
pub struct DonePage {}

/// `GET /login/done`
pub async fn done(
    web: Data<Web>,
    state: LoginState,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    if state.session().is_none() {
        return Ok(see_other("/login"));
    }
    Ok(Page::draw(&web, &request, "login_done.html", &DonePage {})?.finish())
}

/// Somebody is in: the cookies, and on to the app that they wanted to enter, or `otherwise`.
pub(super) async fn enter(
    web: &Web,
    state: &LoginState,
    login: Option<&LoginRequest>,
    otherwise: &str,
    logged_in: LoggedIn,
) -> Result<HttpResponse, PageError> {
    state.begin(&logged_in.session)?;
    let mut response = match login {
        None => see_other(otherwise),
        Some(login) => {
            let digest = logged_in.session.token.digest();
            let now = web.app.clock.now();
            let fresh = match sessions::find_live(&web.app.db, &digest, now).await? {
                Found::Live(fresh) => Some(fresh),
                Found::Over(..) | Found::Nothing => None,
            };
            let answer = login.answer(&web.app, fresh.as_deref(), Acted::Proved).await.respond();
            answer.unwrap_or_else(|_| Ok(see_other(&login.path())))?
        }
    };
    let known = cookies::make(cookies::DEVICE, logged_in.device_cookie, Some(DEVICE_KEPT_SECONDS));
    for cookie in [known, cookies::remove(cookies::FORM)] {
        // Both are made here of known characters; a header that cannot be made would be our fault.
        response.add_cookie(&cookie).map_err(|error| PageError::Internal(error.to_string()))?;
    }
    Ok(response)
}

fn ask(
    web: &Web,
    request: &HttpRequest,
    session: Option<&LiveSession>,
    login: Option<&LoginRequest>,
    page: LoginPage,
    status: StatusCode,
) -> Result<HttpResponse, PageError> {
    let binding = csrf::Binding::of(request, session, web);
    if let Some(login) = login {
        let source = login.return_to.form_action_source();
        request.extensions_mut().insert(FormLeadsTo(source));
    }
    let shown_at = serde_urlencoded::to_string(&page.parameters).unwrap_or_default();
    request.extensions_mut().insert(ShownAt(shown_at));
    let page = LoginPage {
        csrf: binding.token(web, PURPOSE),
        app_name: login.map(|login| login.client.name.clone()),
        again: session.is_some(),
        openid: page.openid.map(|openid| openid.signed(&binding, web)),
        ..page
    };
    let mut drawn = Page::draw(web, request, "login.html", &page)?;
    binding.remember(drawn.response().status(status));
    Ok(drawn.finish())
}
