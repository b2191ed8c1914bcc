//! Somebody who has as many sessions as are allowed chooses which one makes room.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    super::{Web, cookies, csrf, headers::FormLeadsTo, input::Form, login_state::LoginState},
    Page, ShownAt,
    account::ShownSession,
    error::PageError,
    login::enter,
    login_request::{LoginRequest, Parameters},
    origin::origin,
};
use crate::{
    domain::{session::LiveSession, token::Token},
    flows::{
        choose_session::{Choice, ChooseError, choose_session, read_chosen},
        issue_session::Origin,
    },
};

/// Names the form in its token.
const PURPOSE: &str = "choose";

/// What `choose.html` shows.
#[derive(Debug, Serialize)]
pub struct ChoosePage {
    /// The form's token.
    pub csrf: String,
    /// What was proven waits under this name.
    pub token: String,
    /// Sessions already given up, separated by blanks.
    pub chosen: String,
    /// The request, as hidden fields.
    pub parameters: Parameters,
    /// What there is to choose from.
    pub sessions: Vec<ShownSession>,
}

/// What comes with the form.
#[derive(Debug, Deserialize)]
pub struct ChooseForm {
    csrf: Option<String>,
    token: String,
    chosen: Option<String>,
    /// The button that was pressed: a session.
    end: Option<String>,
    app: Option<String>,
    return_to: Option<String>,
    state: Option<String>,
    challenge: Option<String>,
    prompt: Option<String>,
    max_age: Option<String>,
    ui_locales: Option<String>,
    back: Option<String>,
}

impl ChooseForm {
    fn parameters(&self) -> Parameters {
        Parameters {
            app: self.app.clone(),
            return_to: self.return_to.clone(),
            state: self.state.clone(),
            challenge: self.challenge.clone(),
            prompt: self.prompt.clone(),
            max_age: self.max_age.clone(),
            ui_locales: self.ui_locales.clone(),
            back: self.back.clone(),
        }
    }
}

/// Asks, in answer to `POST /login` with the right password.
pub(super) fn show(
    web: &Web,
    request: &HttpRequest,
    session: Option<&LiveSession>,
    login: Option<&LoginRequest>,
    parameters: Parameters,
    (choice, chosen): (Choice, String),
) -> Result<HttpResponse, PageError> {
    if let Some(login) = login {
        let source = login.return_to.form_action_source();
        request.extensions_mut().insert(FormLeadsTo(source));
    }
    // The page cannot be asked for by its address; a change of language begins anew.
    let shown_at = serde_urlencoded::to_string(&parameters).unwrap_or_default();
    request.extensions_mut().insert(ShownAt(shown_at));
    let binding = csrf::Binding::of(request, session, web);
    let page = ChoosePage {
        csrf: binding.token(web, PURPOSE),
        token: choice.token.expose().to_owned(),
        chosen,
        parameters,
        sessions: choice.sessions.into_iter().map(|one| ShownSession::of(one, None)).collect(),
    };
    let mut drawn = Page::draw(web, request, "choose.html", &page)?;
    binding.remember(drawn.response());
    Ok(drawn.finish())
}

/// `POST /login/choose`
pub async fn submit(
    web: Data<Web>,
    state: LoginState,
    form: Form<ChooseForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let session = state.session();
    let apps = web.app.db.apps().await?;
    let login = LoginRequest::read(&form.parameters(), &apps)?;
    let binding = csrf::Binding::of(&request, session.as_ref(), &web);
    if !binding.accepts(&request, &web, PURPOSE, form.csrf.as_deref().unwrap_or_default()) {
        return Err(PageError::StaleForm);
    }
    let token = Token::parse(&form.token).ok_or(PageError::StaleForm)?;
    let chosen =
        [form.chosen.as_deref().unwrap_or_default(), form.end.as_deref().unwrap_or_default()]
            .join(" ")
            .trim()
            .to_owned();
    let origin =
        Origin { gives_up: read_chosen(&chosen), ..origin(&web, &request, state.session()) };
    let device = cookies::read(&request, cookies::DEVICE);
    match choose_session(&web.app, &token, origin, device).await {
        Ok(logged_in) => {
            let parameters = form.parameters();
            let otherwise = parameters.back().unwrap_or("/account");
            enter(&web, &state, login.as_ref(), otherwise, logged_in).await
        }
        Err(ChooseError::StillTooMany(choice)) => show(
            &web,
            &request,
            session.as_ref(),
            login.as_ref(),
            form.parameters(),
            (choice, chosen),
        ),
        Err(ChooseError::Void) => Err(PageError::StaleForm),
        Err(ChooseError::Store(error)) => Err(error.into()),
    }
}
