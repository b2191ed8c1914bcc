//! `/register/openid`: an account for an OpenID that none has yet.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::StatusCode, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Web, cookies, csrf,
        headers::FormLeadsTo,
        input::{Form, Query},
        login_state::LoginState,
    },
    Page, ShownAt,
    error::PageError,
    openid::wish::Wish,
    origin::origin,
    setup::name_problem,
};
use crate::{
    domain::{token::Token, user::Username},
    flows::{
        issue_session::{IssueSessionError, Origin},
        register::{RegisterError, Registration, register, waiting},
    },
    store::proven_identities::ProvenIdentity,
    upstream::profile::Profile,
};

/// Names the form in its token.
const PURPOSE: &str = "register";

/// What `register.html` shows.
#[derive(Debug, Default, Serialize)]
pub struct RegisterPage {
    /// The form's token.
    pub csrf: String,
    /// What was proven waits under this name.
    pub t: String,
    /// What was proven.
    pub identity: String,
    /// Who vouches for it.
    pub provider: String,
    /// The app that the person comes from.
    pub app_name: Option<String>,
    /// The name to sign in with.
    pub username: String,
    /// The name to show.
    pub nickname: String,
    /// The mail address.
    pub email: String,
    /// A message key: what went wrong.
    pub problem: Option<&'static str>,
}

/// What stands in the URL.
#[derive(Debug, Deserialize)]
pub struct Waiting {
    t: String,
}

/// What comes with the form.
#[derive(Debug, Deserialize)]
pub struct RegisterForm {
    csrf: Option<String>,
    t: String,
    username: String,
    nickname: String,
    email: String,
}

/// `GET /register/openid`
pub async fn show(
    web: Data<Web>,
    state: LoginState,
    query: Query<Waiting>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let t = query.0?.t;
    let proven = found(&web, &request, &t).await?;
    let profile: Profile = serde_json::from_str(&proven.profile).unwrap_or_default();
    let page = RegisterPage {
        username: profile.username.as_deref().map(Username::suggested).unwrap_or_default(),
        nickname: profile.nickname.unwrap_or_default(),
        email: profile.email.unwrap_or_default(),
        t,
        ..RegisterPage::default()
    };
    ask(&web, &request, &state, &proven, page, StatusCode::OK).await
}

/// `POST /register/openid`
pub async fn submit(
    web: Data<Web>,
    state: LoginState,
    form: Form<RegisterForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let session = state.session();
    let proven = found(&web, &request, &form.t).await?;
    let ask_again = async |problem, status| {
        let page = RegisterPage {
            t: form.t.clone(),
            username: form.username.clone(),
            nickname: form.nickname.clone(),
            email: form.email.clone(),
            problem: Some(problem),
            ..RegisterPage::default()
        };
        ask(&web, &request, &state, &proven, page, status).await
    };
    let binding = csrf::Binding::of(&request, session.as_ref(), &web);
    if !binding.accepts(&request, &web, PURPOSE, form.csrf.as_deref().unwrap_or_default()) {
        return ask_again("register-stale", StatusCode::FORBIDDEN).await;
    }
    let wish: Wish = serde_json::from_str(&proven.context).unwrap_or_default();
    let (token, browser) = names(&request, &form.t).ok_or(PageError::StaleForm)?;
    let registration = Registration {
        token: &token,
        browser: &browser,
        username: &form.username,
        nickname: &form.nickname,
        email: &form.email,
        device_cookie: cookies::read(&request, cookies::DEVICE),
        origin: Origin { keep: wish.keep, ..origin(&web, &request, session) },
    };
    let unfit = StatusCode::UNPROCESSABLE_ENTITY;
    match register(&web.app, registration).await {
        Ok((logged_in, _)) => wish.enter(&web, &state, logged_in).await,
        Err(RegisterError::Void | RegisterError::Taken) => Err(PageError::VoidRegistration),
        Err(RegisterError::Username(error)) => ask_again(name_problem(&error), unfit).await,
        Err(RegisterError::NameTaken) => ask_again("setup-name-taken", StatusCode::CONFLICT).await,
        Err(RegisterError::Nickname(_)) => ask_again("register-nickname", unfit).await,
        Err(RegisterError::Email(_)) => ask_again("register-email-malformed", unfit).await,
        Err(RegisterError::Session(IssueSessionError::Store(error)))
        | Err(RegisterError::Store(error)) => Err(error.into()),
        Err(RegisterError::Session(_)) => {
            ask_again("openid-too-many-sessions", StatusCode::FORBIDDEN).await
        }
    }
}

/// The two names under which something proven waits: one in the page, one in the browser.
fn names(request: &HttpRequest, t: &str) -> Option<(Token, Token)> {
    let browser = cookies::read(request, cookies::UPSTREAM).and_then(Token::parse)?;
    Some((Token::parse(t)?, browser))
}

async fn found(web: &Web, request: &HttpRequest, t: &str) -> Result<ProvenIdentity, PageError> {
    let (token, browser) = names(request, t).ok_or(PageError::VoidRegistration)?;
    waiting(&web.app, &token, &browser).await?.ok_or(PageError::VoidRegistration)
}

async fn ask(
    web: &Web,
    request: &HttpRequest,
    state: &LoginState,
    proven: &ProvenIdentity,
    page: RegisterPage,
    status: StatusCode,
) -> Result<HttpResponse, PageError> {
    let session = state.session();
    let wish: Wish = serde_json::from_str(&proven.context).unwrap_or_default();
    let login = wish.login(web).await?;
    if let Some(login) = &login {
        let source = login.return_to.form_action_source();
        request.extensions_mut().insert(FormLeadsTo(source));
    }
    let shown_at = serde_urlencoded::to_string([("t", &page.t)]).unwrap_or_default();
    request.extensions_mut().insert(ShownAt(shown_at));
    let binding = csrf::Binding::of(request, session.as_ref(), web);
    let page = RegisterPage {
        csrf: binding.token(web, PURPOSE),
        identity: proven.identity.shown.clone(),
        provider: proven.identity.provider.clone(),
        app_name: login.map(|login| login.client.name.clone()),
        ..page
    };
    let mut drawn = Page::draw(web, request, "register.html", &page)?;
    binding.remember(drawn.response().status(status));
    Ok(drawn.finish())
}
