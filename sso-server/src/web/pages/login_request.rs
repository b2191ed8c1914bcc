//! What an app asks with `/login`, read and proven.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{error::PageError, login::DONE, see_other};
use crate::{
    app::App,
    domain::{
        Millis, SECOND,
        app::{App as Client, AppId},
        return_url::ReturnUrl,
        session::{Acted, LiveSession, Prompt},
        token::is_base64url,
    },
    flows::issue_ticket::{Demand, IssueTicketError, issue_ticket},
    store::apps::Snapshot,
};

/// Longest `state`, in bytes.
const STATE_MAX: usize = 512;

/// A proof that is not older is one of this request.
const JUST_NOW: Millis = 10 * SECOND;

/// Whether it can be a `state`.
pub fn is_state(text: &str) -> bool {
    (1..=STATE_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The parameters as they come, by query or as hidden fields of the form.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Parameters {
    /// Which app.
    pub app: Option<String>,
    /// Where the ticket goes.
    pub return_to: Option<String>,
    /// Comes back unchanged; ties the answer to the asking browser (RFC 6749 section 10.12).
    pub state: Option<String>,
    /// S256 of a verifier (RFC 7636 section 4.2).
    pub challenge: Option<String>,
    /// `none` or `login`.
    pub prompt: Option<String>,
    /// How long ago the login may lie, in seconds.
    pub max_age: Option<String>,
    /// Wanted languages.
    pub ui_locales: Option<String>,
    /// Without an app: the page that asked for the login.
    pub back: Option<String>,
}

impl Parameters {
    /// Empty hidden fields are absent parameters.
    pub fn given(self) -> Self {
        let given = |field: Option<String>| field.filter(|text| !text.is_empty());
        Self {
            app: given(self.app),
            return_to: given(self.return_to),
            state: given(self.state),
            challenge: given(self.challenge),
            prompt: given(self.prompt),
            max_age: given(self.max_age),
            ui_locales: given(self.ui_locales),
            back: given(self.back),
        }
    }

    /// Where to go on after a plain login: a page of our own console or account, or the end of a login
    /// in a window of the browser's. Anything else is as if it were not there; no other place is ever
    /// led to (SECURITY-CASES R-17).
    pub fn back(&self) -> Option<&str> {
        let back = self.back.as_deref()?;
        if back == DONE {
            return Some(back);
        }
        let page = ["/admin", "/account"].iter().find_map(|area| back.strip_prefix(area))?;
        let ours = page.is_empty() || page.starts_with(['/', '?']);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/?&=%+-_.:~".contains(&b);
        let safe = back.len() <= 512 && back.bytes().all(plain);
        (ours && safe && !back.contains("//") && !back.contains("..")).then_some(back)
    }
}

/// An app's request whose return URL is proven: from here on answers may travel.
#[derive(Debug)]
pub struct LoginRequest {
    /// The app.
    pub client: Arc<Client>,
    /// Its registered URL.
    pub return_to: ReturnUrl,
    state: String,
    challenge: Option<String>,
    /// Whether the person must be asked.
    pub prompt: Prompt,
    max_age: Option<i64>,
}

impl LoginRequest {
    /// Reads the parameters; `None` for a plain login without an app. The app and the URL come
    /// first: until they are proven, nothing is sent anywhere.
    pub fn read(parameters: &Parameters, apps: &Snapshot) -> Result<Option<Self>, PageError> {
        let Some(id) = &parameters.app else {
            return match parameters.return_to {
                None => Ok(None),
                Some(_) => Err(PageError::UnknownApp),
            };
        };
        let client = AppId::parse(id)
            .ok()
            .and_then(|id| apps.get(&id))
            .filter(|client| client.disabled_at.is_none())
            .ok_or(PageError::UnknownApp)?;
        let return_to = parameters
            .return_to
            .as_deref()
            .and_then(|requested| client.return_url(requested))
            .ok_or(PageError::UnknownReturnUrl)?;
        let bad = PageError::BadLoginRequest;
        let state = parameters.state.as_deref().unwrap_or_default();
        if !is_state(state) {
            return Err(bad("state: 1 to 512 visible ASCII characters are required"));
        }
        let challenge = parameters.challenge.clone();
        if challenge.as_deref().is_some_and(|challenge| !is_base64url(challenge, 43)) {
            return Err(bad("challenge: 43 characters of base64url, the SHA-256 of a verifier"));
        }
        if challenge.is_none() && return_to.is_native() {
            return Err(bad("challenge: required for return URLs of native apps"));
        }
        let prompt = match parameters.prompt.as_deref() {
            None => Prompt::WhenNeeded,
            Some("none") => Prompt::Never,
            Some("login") => Prompt::Always,
            Some(_) => return Err(bad("prompt: none or login")),
        };
        let max_age = match parameters.max_age.as_deref().map(str::parse::<i64>) {
            None => None,
            Some(Ok(seconds)) if seconds >= 0 => Some(seconds),
            Some(_) => return Err(bad("max_age: a number of seconds, 0 or more")),
        };
        let (client, return_to) = (client.clone(), return_to.clone());
        Ok(Some(Self { client, return_to, state: state.to_owned(), challenge, prompt, max_age }))
    }

    /// Sends the person back with a ticket, if the session satisfies the app.
    pub async fn answer(&self, app: &App, session: Option<&LiveSession>, acted: Acted) -> Answer {
        let Some(session) = session else { return self.without_ticket() };
        // A proof of this request is as fresh as can be: `max_age=0` would never be met, since some
        // time goes by between the proof and here. Who chose for a while which session ends has
        // proven it before.
        let just_now = app.clock.now() - session.auth_time <= JUST_NOW;
        let (prompt, max_age) = match acted {
            Acted::Proved if just_now => (Prompt::WhenNeeded, None),
            Acted::Proved => (Prompt::WhenNeeded, self.max_age),
            Acted::Agreed | Acted::Not => (self.prompt, self.max_age),
        };
        let demand = Demand {
            return_to: Some(&self.return_to),
            challenge: self.challenge.as_deref(),
            prompt,
            max_age,
            acted,
        };
        match issue_ticket(app, session, &self.client, demand).await {
            Ok(ticket) => {
                Answer::Go(self.return_to.with(&[("ticket", &ticket), ("state", &self.state)]))
            }
            Err(IssueTicketError::LoginRequired) => self.without_ticket(),
            // OpenID Connect Core 1.0 section 3.1.2.6: signed in, and a person is needed all the same.
            Err(IssueTicketError::AskFirst) => match self.prompt {
                Prompt::Never => self.refuse("interaction_required"),
                Prompt::WhenNeeded | Prompt::Always => Answer::Ask(Question::GoOn),
            },
            Err(IssueTicketError::AppDisabled) => Answer::Fail(PageError::UnknownApp),
            Err(IssueTicketError::Store(error)) => Answer::Fail(error.into()),
            Err(IssueTicketError::Keys(error)) => {
                tracing::error!(%error, "no ticket can be signed");
                self.refuse("server_error")
            }
        }
    }

    /// Where the same is asked once more, of somebody whose proof is too old by now.
    pub fn path(&self) -> String {
        let parameters = Parameters {
            app: Some(self.client.id.to_string()),
            return_to: Some(self.return_to.as_str().to_owned()),
            state: Some(self.state.clone()),
            challenge: self.challenge.clone(),
            max_age: self.max_age.map(|seconds| seconds.to_string()),
            ..Parameters::default()
        };
        // Texts and nothing else: they can always be written.
        format!("/login?{}", serde_urlencoded::to_string(&parameters).unwrap_or_default())
    }

    fn without_ticket(&self) -> Answer {
        match self.prompt {
            // A definite "no session", so that the app does not ask again in a loop.
            Prompt::Never => self.refuse("login_required"),
            Prompt::WhenNeeded | Prompt::Always => Answer::Ask(Question::SignIn),
        }
    }

    fn refuse(&self, error: &str) -> Answer {
        Answer::Go(self.return_to.with(&[("error", error), ("state", &self.state)]))
    }
}

/// What a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who they are, by the form.
    SignIn,
    /// Whether to go on under their name.
    GoOn,
}

/// What to do about a request.
#[derive(Debug)]
pub enum Answer {
    /// Send the person to this URL, which begins with a proven one.
    Go(String),
    /// Ask the person.
    Ask(Question),
    /// Say on our own page what is wrong.
    Fail(PageError),
}

impl Answer {
    /// The redirect or our own page's error; or what to ask the person.
    pub fn respond(self) -> Result<Result<actix_web::HttpResponse, PageError>, Question> {
        match self {
            Self::Go(location) => Ok(Ok(see_other(&location))),
            Self::Fail(error) => Ok(Err(error)),
            Self::Ask(question) => Err(question),
        }
    }
}
