//! `/establish`: a browser takes the session that an app's server began for it. The argument why not
//! every browser may stands in `flows::establish_session`.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Web,
        address::Address,
        csrf,
        headers::FormLeadsTo,
        in_page::{
            asker::{Claim, Posted},
            establish as in_page,
        },
        input::{BadInput, Form, Query},
        login_state::LoginState,
    },
    Page, ShownAt,
    error::PageError,
    login_request::{LoginRequest, Parameters},
    see_other,
};
use crate::{
    domain::{
        app::{App as Client, AppId},
        session::{Acted, LiveSession},
        token::Token,
    },
    flows::{
        establish_session::{Offer, establish, look},
        issue_session::IssuedSession,
        signing_keys,
    },
    store::{
        apps::Snapshot,
        sessions::{self, Found},
        users,
    },
};

/// Names the form in its token.
const PURPOSE: &str = "establish";

/// What `continue.html` shows: somebody is about to go on under a name.
#[derive(Debug, Serialize)]
pub struct ContinuePage {
    /// The form's token.
    pub csrf: String,
    /// Where the form goes.
    pub action: &'static str,
    /// The name.
    pub username: String,
    /// Into which app.
    pub app_name: String,
    /// The one-time link that is used with the click.
    pub link: Option<String>,
    /// Who is signed in here until then, if that is somebody else.
    pub instead_of: Option<String>,
    /// The request, as hidden fields.
    pub parameters: Parameters,
    /// Where to sign in as somebody else.
    pub another: String,
}

/// The link, and where to go on, as with `/login`.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    csrf: Option<String>,
    link: Option<String>,
    app: Option<String>,
    return_to: Option<String>,
    state: Option<String>,
    challenge: Option<String>,
    ui_locales: Option<String>,
}

impl Asked {
    /// `prompt` and `max_age` say nothing here: the password was given a moment ago.
    fn parameters(&self) -> Parameters {
        let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        Parameters {
            // An app without a way back is not led to.
            app: given(&self.app).filter(|_| given(&self.return_to).is_some()),
            return_to: given(&self.return_to),
            state: given(&self.state),
            challenge: given(&self.challenge),
            ui_locales: given(&self.ui_locales),
            ..Parameters::default()
        }
    }

    fn link(&self) -> Option<Token> {
        self.link.as_deref().and_then(Token::parse)
    }

    fn client(&self, apps: &Snapshot) -> Option<Arc<Client>> {
        let client = apps.get(&AppId::parse(self.app.as_deref()?).ok()?)?;
        client.disabled_at.is_none().then(|| client.clone())
    }
}

/// What a link is about to do.
struct Step {
    link: Token,
    offer: Offer,
    client: Arc<Client>,
    login: Option<LoginRequest>,
    parameters: Parameters,
}

impl Step {
    /// `None` when the link is void: the person goes on as if there had been none.
    async fn read(web: &Web, asked: &Asked, apps: &Snapshot) -> Result<Option<Self>, PageError> {
        let parameters = asked.parameters();
        let login = LoginRequest::read(&parameters, apps)?;
        let (Some(link), Some(client)) = (asked.link(), asked.client(apps)) else {
            return Ok(None);
        };
        let offer = look(&web.app, &link).await?.filter(|offer| offer.app == client.id);
        Ok(offer.map(|offer| Self { link, offer, client, login, parameters }))
    }
}

/// `GET /establish`: asks. The address alone proves nothing, and looking uses nothing up.
pub async fn show(
    web: Data<Web>,
    state: LoginState,
    query: Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let asked = query.0?;
    let apps = web.app.db.apps().await?;
    match Step::read(&web, &asked, &apps).await? {
        Some(step) => ask(&web, &request, state.session().as_ref(), &step).await,
        None => Ok(without_link(&asked.parameters())),
    }
}

/// `POST /establish`: from a page of the app by script or by form, or from our own question.
pub async fn submit(
    web: Data<Web>,
    state: LoginState,
    query: Query<Asked>,
    form: Form<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let malformed = PageError::BadInput(BadInput::Malformed);
    let claim = Claim::read(request.headers()).map_err(|_| malformed)?;
    let in_address = query.0?;
    // A script sends no body.
    let asked = match form.0 {
        Ok(form) if form.link.is_some() => form,
        Ok(form) => Asked { link: in_address.link, app: in_address.app, ..form },
        Err(_) if claim.is_script() => in_address,
        Err(error) => return Err(error.into()),
    };
    let apps = web.app.db.apps().await?;
    signing_keys::keep_up(&web.app, &apps).await?;
    let posted = asked.client(&apps).and_then(|client| Some((claim.posted_by(&client)?, client)));
    if claim.is_script() {
        return Ok(match (posted, asked.link()) {
            (Some((Posted::ByScript, client)), Some(link)) => {
                in_page::from_page(&web, &request, &claim, &client, &link).await
            }
            _ => in_page::not_a_page(),
        });
    }
    let Some(step) = Step::read(&web, &asked, &apps).await? else {
        return Ok(without_link(&asked.parameters()));
    };
    let session = state.session();
    let current = match posted {
        // The browser keeps the session's own cookie back from what other sites post.
        Some((Posted::ByForm, _)) => {
            let current = in_page::current(&web, &request).await?;
            if current.as_ref().is_some_and(|current| current.user != step.offer.user) {
                return Ok(to_the_question(&step));
            }
            current
        }
        _ => {
            let binding = csrf::Binding::of(&request, session.as_ref(), &web);
            let token = asked.csrf.as_deref().unwrap_or_default();
            if !binding.accepts(&request, &web, PURPOSE, token) {
                return Ok(to_the_question(&step));
            }
            session.map(Arc::new)
        }
    };
    let address = Address::of(&request, &web.proxies).shown();
    match establish(&web.app, &step.link, current.as_deref(), &address).await? {
        Some(issued) => enter(&web, &state, step.login.as_ref(), &issued).await,
        None => Ok(without_link(&step.parameters)),
    }
}

async fn enter(
    web: &Web,
    state: &LoginState,
    login: Option<&LoginRequest>,
    issued: &IssuedSession,
) -> Result<HttpResponse, PageError> {
    state.begin(issued)?;
    let Some(login) = login else { return Ok(see_other("/account")) };
    let (digest, now) = (issued.token.digest(), web.app.clock.now());
    let fresh = match sessions::find_live(&web.app.db, &digest, now).await? {
        Found::Live(fresh) => Some(fresh),
        Found::Over(..) | Found::Nothing => None,
    };
    let answer = login.answer(&web.app, fresh.as_deref(), Acted::Agreed).await.respond();
    answer.unwrap_or_else(|_| Ok(see_other(&login.path())))
}

/// A void link is as good as none: whoever has the session by now goes on in silence, others sign in.
fn without_link(parameters: &Parameters) -> HttpResponse {
    let query = serde_urlencoded::to_string(parameters).unwrap_or_default();
    see_other(format!("/login?{query}").trim_end_matches('?'))
}

/// By redirect: what another site posts comes without the session's own cookie, and the question is
/// bound to that and names who is signed in.
fn to_the_question(step: &Step) -> HttpResponse {
    let own = [("app", step.client.id.as_str()), ("link", step.link.expose())];
    let more = Parameters { app: None, ..step.parameters.clone() };
    let parts = [serde_urlencoded::to_string(own), serde_urlencoded::to_string(more)];
    let query: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    see_other(&format!("/establish?{}", query.join("&")))
}

async fn ask(
    web: &Web,
    request: &HttpRequest,
    session: Option<&LiveSession>,
    step: &Step,
) -> Result<HttpResponse, PageError> {
    let instead_of = match session.filter(|session| session.user != step.offer.user) {
        Some(other) => users::find(&mut *web.app.db.read().await?, &other.user).await?,
        None => None,
    };
    let page = ContinuePage {
        csrf: String::new(),
        action: "/establish",
        username: step.offer.username.clone(),
        app_name: step.client.name.clone(),
        link: Some(step.link.expose().to_owned()),
        instead_of: instead_of.map(|other| other.username),
        // With the app also where nothing leads back to it: the link is that app's.
        parameters: Parameters { app: Some(step.client.id.to_string()), ..step.parameters.clone() },
        another: another(&step.parameters),
    };
    draw(web, request, session, step.login.as_ref(), PURPOSE, page)
}

/// Where somebody else signs in.
pub(super) fn another(parameters: &Parameters) -> String {
    let parameters = Parameters { prompt: Some("login".to_owned()), ..parameters.clone() };
    format!("/login?{}", serde_urlencoded::to_string(&parameters).unwrap_or_default())
}

/// Draws the question.
pub(super) fn draw(
    web: &Web,
    request: &HttpRequest,
    session: Option<&LiveSession>,
    login: Option<&LoginRequest>,
    purpose: &str,
    page: ContinuePage,
) -> Result<HttpResponse, PageError> {
    if let Some(login) = login {
        let source = login.return_to.form_action_source();
        request.extensions_mut().insert(FormLeadsTo(source));
    }
    let shown_at = serde_urlencoded::to_string(&page.parameters).unwrap_or_default();
    let link = page.link.as_deref().map(|link| format!("&link={link}")).unwrap_or_default();
    request.extensions_mut().insert(ShownAt(format!("{shown_at}{link}")));
    let binding = csrf::Binding::of(request, session, web);
    let page = ContinuePage { csrf: binding.token(web, purpose), ..page };
    let mut drawn = Page::draw(web, request, "continue.html", &page)?;
    binding.remember(drawn.response());
    Ok(drawn.finish())
}
