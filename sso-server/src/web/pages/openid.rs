//! Logging in with an OpenID: from the box to the provider, and back.
//!
//! ```text
//! POST /login/openid       the form; answers a page that says who is asked, and goes on by itself
//! GET  /login/openid?go=…  asks, and redirects to the provider
//! GET  /complete/openid    what the provider answers
//! ```
//!
//! The identifier that this browser used last, and is offered, goes by `checkid_immediate`: if the
//! provider needs a page for it after all, its answer is a redirect to it once more, by
//! `checkid_setup`. Nobody sees anything of that.
//!
//! Two steps, for two reasons: the person sees something while their provider is asked, and browsers
//! hold the redirects behind a form to `form-action`, which cannot name a provider that is not known
//! yet. The second step bears a token of the first, so no other site can send anybody away (forced
//! login, CVE-2007-1652).

use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::header::USER_AGENT, web::Data};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openid2::{
    identifier::{MAX_INPUT, UserInput},
    request::Outgoing,
    verify::Response,
};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Web,
        address::Address,
        cookies, csrf,
        headers::FormLeadsTo,
        input::{Form, FormBody, Query},
        locale::Locale,
        login_state::LoginState,
    },
    Page, ShownAt, choose,
    error::PageError,
    identities, login,
    login_request::{LoginRequest, Parameters},
    see_other,
};
use crate::{
    domain::{device::Device, session::LiveSession, token::Token},
    flows::{
        add_identity::AddIdentityError,
        issue_session::Origin,
        log_in_by_identity::IdentityLoginError,
        openid::{
            complete::{self, CompleteError, Completed, Ended, Return},
            start::{Start, StartError, start},
        },
    },
};

/// Names the form in its token.
const PURPOSE: &str = "openid";
/// Names the second step in its token.
const GO: &str = "openid-go";
/// A longer identifier is not remembered.
const REMEMBERED_MAX: usize = 512;
/// An identifier is remembered for a year after its last use.
const REMEMBERED_SECONDS: i64 = 365 * 24 * 3600;

/// The problems that the URL of a page may name.
const PROBLEMS: [&str; 13] = [
    "openid-malformed",
    "openid-not-found",
    "openid-too-many",
    "openid-busy",
    "openid-stale",
    "openid-void",
    "openid-cancelled",
    "openid-provider",
    "openid-refused",
    "openid-no-account",
    "openid-account",
    "openid-too-many-sessions",
    "openid-off",
];

/// The box on the login page.
#[derive(Debug, Default, Serialize)]
pub struct OpenIdBox {
    /// The form's token.
    pub csrf: String,
    /// What was typed, or is offered.
    pub identifier: String,
    /// Whether it is to be offered the next time.
    pub remember: bool,
    /// A message key: what went wrong.
    pub problem: Option<&'static str>,
}

impl OpenIdBox {
    /// With what was typed, or was used here last. `None` when nobody logs in with an OpenID here.
    pub fn of(
        web: &Web,
        request: &HttpRequest,
        typed: Option<String>,
        problem: Option<&str>,
    ) -> Option<Self> {
        web.app.openid.as_ref()?;
        let last = cookies::read(request, cookies::OPENID).and_then(remembered);
        let remember = last.is_some();
        let typed = typed.filter(|typed| typed.len() <= MAX_INPUT);
        let problem = PROBLEMS.into_iter().find(|known| Some(*known) == problem);
        let identifier = typed.or(last).unwrap_or_default();
        Some(Self { csrf: String::new(), identifier, remember, problem })
    }

    /// With its token.
    pub fn signed(self, binding: &csrf::Binding, web: &Web) -> Self {
        Self { csrf: binding.token(web, PURPOSE), ..self }
    }
}

fn remembered(cookie: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cookie).ok()?).ok()?;
    (text.len() <= REMEMBERED_MAX).then_some(text)
}

/// What comes with the form, and with the step behind it.
#[derive(Debug, Deserialize)]
pub struct OpenIdForm {
    csrf: Option<String>,
    go: Option<String>,
    /// The field's name by the standard (section 7.1) …
    openid_identifier: Option<String>,
    /// … and by version 1.
    openid_url: Option<String>,
    keep: Option<String>,
    remember: Option<String>,
    adds: Option<String>,
    #[serde(flatten)]
    parameters: Parameters,
}

impl OpenIdForm {
    fn wish(self) -> Wish {
        let given = |field: Option<String>| field.filter(|text| !text.is_empty());
        let typed = given(self.openid_identifier).or(given(self.openid_url));
        Wish {
            typed: typed.unwrap_or_default().trim().to_owned(),
            keep: given(self.keep).is_some(),
            remember: given(self.remember).is_some(),
            adds: given(self.adds).is_some(),
            parameters: self.parameters.given(),
        }
    }
}

/// What somebody wants, from the form to the way back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Wish {
    /// What they typed.
    pub typed: String,
    /// "Keep me signed in".
    pub keep: bool,
    /// Offer it the next time.
    pub remember: bool,
    /// It shall be added to the account that is signed in.
    pub adds: bool,
    /// Where they were going.
    pub parameters: Parameters,
}

impl Wish {
    fn query(&self) -> String {
        let mark = |set: bool| if set { "on" } else { "" };
        let own = [
            ("openid_identifier", self.typed.as_str()),
            ("keep", mark(self.keep)),
            ("remember", mark(self.remember)),
            ("adds", mark(self.adds)),
        ];
        let own = serde_urlencoded::to_string(own).unwrap_or_default();
        let parameters = serde_urlencoded::to_string(&self.parameters).unwrap_or_default();
        if parameters.is_empty() { own } else { format!("{own}&{parameters}") }
    }

    /// Back to where the box is, with a word about what went wrong.
    fn back(&self, problem: &str) -> HttpResponse {
        let typed = if self.typed.len() <= MAX_INPUT { &*self.typed } else { "" };
        let own = [("openid_identifier", typed), ("problem", problem)];
        let own = serde_urlencoded::to_string(own).unwrap_or_default();
        if self.adds {
            return see_other(&format!("{}?{own}", identities::PATH));
        }
        let parameters = serde_urlencoded::to_string(&self.parameters).unwrap_or_default();
        let joint = if parameters.is_empty() { "" } else { "&" };
        see_other(&format!("/login?{own}{joint}{parameters}"))
    }
}

/// What `asking.html` shows.
#[derive(Debug, Default, Serialize)]
pub struct AskingPage {
    /// Who is asked.
    pub host: String,
    /// The second step.
    pub next: String,
    /// Where the person came from.
    pub back: String,
}

/// What `to_provider.html` shows: a request that is too long for a redirect.
#[derive(Debug, Default, Serialize)]
pub struct ToProviderPage {
    /// Who is asked.
    pub host: String,
    /// Where the form goes.
    pub action: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
}

/// `POST /login/openid`
pub async fn submit(
    web: Data<Web>,
    state: LoginState,
    form: Form<OpenIdForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let session = state.session();
    let token = form.csrf.clone().unwrap_or_default();
    let wish = Wish { adds: false, ..form.wish() };
    let apps = web.app.db.apps().await?;
    LoginRequest::read(&wish.parameters, &apps)?;
    let binding = csrf::Binding::of(&request, session.as_ref(), &web);
    if !binding.accepts(&request, &web, PURPOSE, &token) {
        // Most often a page that lay open for long.
        return Ok(wish.back("openid-stale"));
    }
    ask(&web, &request, &binding, &wish)
}

/// Says who is asked, and goes on to the second step. The form's own token was looked at.
pub(super) fn ask(
    web: &Web,
    request: &HttpRequest,
    binding: &csrf::Binding,
    wish: &Wish,
) -> Result<HttpResponse, PageError> {
    let Ok(input) = UserInput::parse(&wish.typed) else {
        return Ok(wish.back("openid-malformed"));
    };
    let host = match &input.identifier {
        openid2::identifier::Identifier::Url(url) => url.host().to_owned(),
        openid2::identifier::Identifier::Xri(xri) => xri.as_str().to_owned(),
    };
    let query = wish.query();
    let go = binding.token(web, &format!("{GO}|{query}"));
    let back = if wish.adds { identities::PATH } else { "/login" }.to_owned();
    let page = AskingPage { host, next: format!("/login/openid?{query}&go={go}"), back };
    let shown_at = serde_urlencoded::to_string(&wish.parameters).unwrap_or_default();
    request.extensions_mut().insert(ShownAt(shown_at));
    Ok(Page::draw(web, request, "asking.html", &page)?.finish())
}

/// `GET /login/openid`: the second step; without the first one's token, the way to the box.
pub async fn show(
    web: Data<Web>,
    state: LoginState,
    query: Query<OpenIdForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = query.0?;
    let session = state.session();
    let go = form.go.clone();
    let wish = form.wish();
    let Some(go) = go else {
        let box_of_it = Wish { adds: false, ..wish };
        return Ok(see_other(&format!("/login?{}", box_of_it.query())));
    };
    let binding = csrf::Binding::of(&request, session.as_ref(), &web);
    if !binding.accepts(&request, &web, &format!("{GO}|{}", wish.query()), &go) {
        return Ok(wish.back("openid-stale"));
    }
    let adds_to = match (&session, wish.adds) {
        (_, false) => None,
        (Some(session), true) if identities::is_fresh(&web, session) => {
            Some((session.user.clone(), session.id.clone()))
        }
        (_, true) => return Ok(wish.back("openid-stale")),
    };
    let known = cookies::read(&request, cookies::UPSTREAM).and_then(Token::parse);
    let browser = known.clone().unwrap_or_else(|| Token::fresh(&web.app.random));
    let network = Address::of(&request, &web.proxies).network();
    let afresh = session.is_some() || wish.parameters.prompt.is_some();
    let last = cookies::read(&request, cookies::OPENID).and_then(remembered);
    let started = start(
        &web.app,
        Start {
            typed: &wish.typed,
            browser: &browser,
            network: &network,
            adds_to,
            afresh,
            // The one that was offered: most often the provider needs to show nothing.
            immediate: !afresh && !wish.adds && last.as_ref() == Some(&wish.typed),
            language: Locale::of(&request, web.view.default_locale).tag(),
            context: serde_json::to_string(&wish).unwrap_or_default(),
        },
    );
    let outgoing = match started.await {
        Ok(outgoing) => outgoing,
        Err(error) => return refused(&wish, error),
    };
    let mut answer = leave(&web, &request, &outgoing)?;
    if known.is_none() {
        let cookie = cookies::make(cookies::UPSTREAM, browser.expose().to_owned(), None);
        answer.add_cookie(&cookie).map_err(|error| PageError::Internal(error.to_string()))?;
    }
    Ok(answer)
}

fn refused(wish: &Wish, error: StartError) -> Result<HttpResponse, PageError> {
    let problem = match error {
        StartError::Off => "openid-off",
        StartError::Malformed(_) => "openid-malformed",
        StartError::NotFound => "openid-not-found",
        StartError::TooMany { .. } => "openid-too-many",
        StartError::Busy => "openid-busy",
        StartError::Store(error) => return Err(error.into()),
    };
    Ok(wish.back(problem))
}

/// Off to the provider, which was looked at (`flows::openid::start`).
fn leave(web: &Web, request: &HttpRequest, outgoing: &Outgoing) -> Result<HttpResponse, PageError> {
    if outgoing.fits_redirect() {
        return Ok(see_other(&outgoing.url()));
    }
    let action = outgoing.op_endpoint.as_str().to_owned();
    // The provider's own redirects behind its page lead wherever it is at home.
    let scheme = if outgoing.op_endpoint.is_https() { "https:" } else { "http: https:" };
    request.extensions_mut().insert(FormLeadsTo(scheme.to_owned()));
    request.extensions_mut().insert(ShownAt(String::new()));
    let fields = outgoing.inputs().map(|(name, value)| (name, value.to_owned())).collect();
    let page = ToProviderPage { host: outgoing.op_endpoint.host().to_owned(), action, fields };
    Ok(Page::draw(web, request, "to_provider.html", &page)?.finish())
}

/// `POST /complete/openid`: providers send long answers by a form. From another site, browsers send
/// no `SameSite=Lax` cookies with it; so the same message goes on to the same page by a redirect, with
/// which they do (SECURITY-CASES O-17).
pub async fn complete_posted(
    web: Data<Web>,
    body: FormBody,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let body = body.0?;
    let Ok(response) = Response::from_post(&asked_for(&web, &request), &body) else {
        return Ok(Wish::default().back("openid-refused"));
    };
    let joint = if request.query_string().is_empty() { "" } else { "&" };
    let (path, ours) = (request.path(), request.query_string());
    Ok(see_other(&format!("{path}?{ours}{joint}{}", response.fields().to_form())))
}

/// Under our configured name, whatever the `Host` header says.
fn asked_for(web: &Web, request: &HttpRequest) -> String {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    format!("{}{target}", web.app.config.server.public_url)
}

/// `GET /complete/openid`
pub async fn complete(
    web: Data<Web>,
    state: LoginState,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    // No page that is drawn here, not even of an error, holds the message in its links.
    request.extensions_mut().insert(ShownAt(String::new()));
    let Ok(response) = Response::from_get(&asked_for(&web, &request)) else {
        return Ok(Wish::default().back("openid-refused"));
    };
    if response.parameter("t").is_none() && response.fields().is_empty() {
        // The link to another language, of such a page.
        return Ok(see_other(&format!("/login?{}", request.query_string())));
    }
    let browser = cookies::read(&request, cookies::UPSTREAM).and_then(Token::parse);
    let session = state.session();
    let back = Return {
        response: &response,
        browser: browser.as_ref(),
        device_cookie: cookies::read(&request, cookies::DEVICE),
        // Whether to keep them is in the wish, which is not known yet.
        origin: origin(&web, &request, session),
        language: Locale::of(&request, web.view.default_locale).tag(),
    };
    let Ended { outcome, context, adds } = complete::complete(&web.app, back, |context| {
        serde_json::from_str::<Wish>(context).is_ok_and(|wish| wish.keep)
    })
    .await;
    let wish = context.and_then(|context| serde_json::from_str(&context).ok());
    let wish = Wish { adds, ..wish.unwrap_or_default() };
    let problem = match outcome {
        Ok(Completed::LoggedIn(logged_in)) => {
            let apps = web.app.db.apps().await?;
            // An app that was switched off meanwhile is not led to.
            let login = LoginRequest::read(&wish.parameters, &apps).unwrap_or(None);
            let otherwise = wish.parameters.back().unwrap_or("/account");
            let mut answer =
                login::enter(&web, &state, login.as_ref(), otherwise, logged_in).await?;
            remember(&mut answer, &wish)?;
            return Ok(answer);
        }
        Ok(Completed::Unknown(token)) => {
            return Ok(see_other(&format!("/register/openid?t={}", token.expose())));
        }
        Ok(Completed::Added) => {
            return Ok(see_other(&format!("{}?done=added", identities::PATH)));
        }
        Ok(Completed::NeedsPages(outgoing)) => return leave(&web, &request, &outgoing),
        Err(CompleteError::Login(IdentityLoginError::Choose(choice))) => {
            let apps = web.app.db.apps().await?;
            let login = LoginRequest::read(&wish.parameters, &apps).unwrap_or(None);
            let session = state.session();
            let choice = (choice, String::new());
            return choose::show(
                &web,
                &request,
                session.as_ref(),
                login.as_ref(),
                wish.parameters,
                choice,
            );
        }
        Err(error) => problem(error)?,
    };
    Ok(wish.back(problem))
}

fn problem(error: CompleteError) -> Result<&'static str, PageError> {
    Ok(match error {
        CompleteError::Void => "openid-void",
        CompleteError::Cancelled => "openid-cancelled",
        CompleteError::Provider => "openid-provider",
        CompleteError::NotBelieved => "openid-refused",
        CompleteError::NoAccount | CompleteError::Login(IdentityLoginError::Unknown) => {
            "openid-no-account"
        }
        CompleteError::Busy => "openid-busy",
        CompleteError::Login(IdentityLoginError::Refused) => "openid-account",
        CompleteError::Login(
            IdentityLoginError::TooManySessions | IdentityLoginError::Choose(_),
        ) => "openid-too-many-sessions",
        CompleteError::Add(AddIdentityError::AnotherSession | AddIdentityError::Disabled) => {
            "openid-void"
        }
        CompleteError::Add(AddIdentityError::Already) => "identities-already",
        CompleteError::Add(AddIdentityError::Taken) => "identities-taken",
        CompleteError::Add(AddIdentityError::TooMany) => "identities-too-many",
        CompleteError::Store(error)
        | CompleteError::Login(IdentityLoginError::Store(error))
        | CompleteError::Add(AddIdentityError::Store(error)) => return Err(error.into()),
    })
}

/// Where a session would begin.
pub(super) fn origin(web: &Web, request: &HttpRequest, current: Option<LiveSession>) -> Origin {
    let address = Address::of(request, &web.proxies);
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    Origin {
        device: Device::from_user_agent(user_agent),
        address: address.shown(),
        network: address.network(),
        keep: false,
        current,
        gives_up: Vec::new(),
        app: None,
    }
}

/// Keeps the identifier for the next time, or forgets the one that was kept: as the person wants.
pub(super) fn remember(answer: &mut HttpResponse, wish: &Wish) -> Result<(), PageError> {
    let cookie = match wish.remember && wish.typed.len() <= REMEMBERED_MAX {
        true => {
            let value = URL_SAFE_NO_PAD.encode(&wish.typed);
            cookies::make(cookies::OPENID, value, Some(REMEMBERED_SECONDS))
        }
        false => cookies::remove(cookies::OPENID),
    };
    answer.add_cookie(&cookie).map_err(|error| PageError::Internal(error.to_string()))
}
