//! The calls to Passport, by reqwest: deadlines, no redirects, no proxies, bounded answers.

use std::{net::SocketAddr, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{
    Response, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;

use crate::{
    Settings,
    events::Question,
    settings::is_localhost,
    wire::{
        ANSWER_WITHIN, AppSessionStatus, EndRequest, EndScope, Ended, ErrorCode, EventPage,
        LeaveRequest, Left, LoggedInByApp, LoginByApp, Problem, RedeemRequest, Redeemed,
    },
};

/// A call is over after this long.
const WITHIN: Duration = Duration::from_secs(5);
/// Largest answer that is read.
const ANSWER_MAX: usize = 1 << 20;
/// How often a call whose answer was lost is repeated.
const TRIES: u32 = 3;

/// A connection to Passport.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    settings: Settings,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Passport refused, and says why.
    #[error("Passport refused: {} ({})", .0.title, .0.detail)]
    Refused(Problem),
    /// Passport could not be reached, or answered something that it never answers.
    #[error("Passport cannot be asked: {0}")]
    Unavailable(String),
}

impl CallError {
    /// The code of a refusal.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            Self::Unavailable(_) => None,
        }
    }

    /// Whether the same call may succeed later.
    pub(crate) fn is_worth_repeating(&self) -> bool {
        matches!(self, Self::Unavailable(_)) || self.code() == Some(ErrorCode::Unavailable)
    }
}

/// The HTTP client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot set up HTTPS: {0}. On a machine without root certificates, install them (on Debian: \
     apt install ca-certificates)"
)]
pub struct ClientError(String);

impl Client {
    /// Prepares the calls; nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "built here once, with deadlines and a resolver"
        )]
        let builder = reqwest::Client::builder();
        let http = builder
            .connect_timeout(WITHIN)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(std::sync::Arc::new(LocalhostIsHere))
            .user_agent(concat!("passport-sdk/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ClientError(error.to_string()))?;
        Ok(Self { http, settings })
    }

    /// What this client was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Redeems a ticket. A lost answer is asked for again under the same key, so that the ticket is
    /// not lost with it.
    pub async fn redeem(&self, request: &RedeemRequest) -> Result<Redeemed, CallError> {
        let key = URL_SAFE_NO_PAD.encode(crate::client::random::<16>());
        let mut tries = 0;
        loop {
            tries += 1;
            let call = self
                .post("/api/v1/tickets/redeem")
                .header("Idempotency-Key", &key)
                .json(request)
                .timeout(WITHIN);
            match answer::<Redeemed>(call.send().await).await {
                Err(error) if error.is_worth_repeating() && tries < TRIES => {
                    tokio::time::sleep(pause(tries)).await;
                }
                Ok(redeemed) if !redeemed.names_somebody() => {
                    return Err(CallError::Unavailable("the answer names nobody".to_owned()));
                }
                result => return result,
            }
        }
    }

    /// Passes on what a person typed into the app's own form. Needs the right to (`app set ID
    /// --may-login`). Sent once: asked again, it would begin another session.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidCredentials`] for whoever is not let in; [`ErrorCode::Conflict`] when there
    /// are as many sessions as are allowed (send the person to Passport's own page, which says so or
    /// lets them choose); [`ErrorCode::TooManyRequests`] and [`ErrorCode::Unavailable`] for "later".
    pub async fn log_in(&self, login: &LoginByApp) -> Result<LoggedInByApp, CallError> {
        let call = self.post("/api/v1/logins").json(login).timeout(WITHIN);
        answer(call.send().await).await
    }

    /// Is this app session alive?
    pub async fn app_session(&self, id: &str) -> Result<AppSessionStatus, CallError> {
        let url = self.url(&format!("/api/v1/app-sessions/{id}"));
        answer(self.signed(self.http.get(url)).timeout(WITHIN).send().await).await
    }

    /// Ends an app session, the whole session behind it, or all of the person's.
    pub async fn end(&self, id: &str, scope: EndScope) -> Result<Ended, CallError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let call = self
                .post(&format!("/api/v1/app-sessions/{id}/end"))
                .json(&EndRequest { scope })
                .timeout(WITHIN);
            match answer(call.send().await).await {
                Err(error) if error.is_worth_repeating() && tries < TRIES => {
                    tokio::time::sleep(pause(tries)).await;
                }
                result => return result,
            }
        }
    }

    /// Events after a cursor, waiting for the first. The answer counts only if it comes within the
    /// wait and [`ANSWER_WITHIN`], which is what the promise in the question rests on.
    pub async fn events(
        &self,
        instance: &str,
        question: &Question,
    ) -> Result<EventPage, CallError> {
        let promise = question.max_staleness.map(|seconds| seconds.to_string());
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("after", &question.after)
            .append_pair("instance", instance)
            .append_pair("wait", &question.wait.to_string())
            .extend_pairs(self.settings.version.iter().map(|version| ("version", version)))
            .extend_pairs(promise.iter().map(|seconds| ("max_staleness", seconds)))
            .finish();
        let url = self.url(&format!("/api/v1/events?{query}"));
        let within = ANSWER_WITHIN + Duration::from_secs(question.wait.unsigned_abs());
        answer(self.signed(self.http.get(url)).timeout(within).send().await).await
    }

    /// Says good-bye: Passport waits for this instance no more.
    pub async fn leave(&self, instance: &str) -> Result<Left, CallError> {
        let body = LeaveRequest { instance: instance.to_owned() };
        let call = self.post("/api/v1/events/leave").json(&body).timeout(WITHIN);
        answer(call.send().await).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.passport())
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.signed(self.http.post(self.url(path)))
    }

    fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let secret = self.settings.secret().expose_secret();
        request.basic_auth(self.settings.app(), Some(secret))
    }
}

/// Reads an answer: 200 and the exact schema is success, anything else is not (SECURITY-CASES
/// Y-05).
async fn answer<T: DeserializeOwned>(
    sent: Result<Response, reqwest::Error>,
) -> Result<T, CallError> {
    // Without the URL: it may hold what should not be logged.
    let mut response = sent.map_err(|error| CallError::Unavailable(chain(&error.without_url())))?;
    let status = response.status();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_MAX => {
                body.extend_from_slice(&chunk)
            }
            Ok(Some(_)) => {
                return Err(CallError::Unavailable("the answer is too large".to_owned()));
            }
            Ok(None) => break,
            Err(error) => return Err(CallError::Unavailable(chain(&error.without_url()))),
        }
    }
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|error| {
            CallError::Unavailable(format!("an answer of another shape: {error}"))
        });
    }
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) if problem.status == status.as_u16() => Err(CallError::Refused(problem)),
        _ => Err(CallError::Unavailable(format!("status {status} without a problem document"))),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// Full jitter (a random part of 200, 400, … ms), so that many copies do not come back together.
pub(crate) fn pause(tries: u32) -> Duration {
    let longest = 200_u64 << tries.min(5);
    let part = f64::from(u32::from_ne_bytes(random())) / f64::from(u32::MAX);
    Duration::from_millis((longest as f64 * part) as u64)
}

/// Random bytes of the operating system.
#[expect(clippy::disallowed_methods, reason = "the SDK's one home of randomness")]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        // Without randomness a login could be guessed: there is no safe way on.
        std::process::abort();
    }
    bytes
}

/// `localhost` and everything below it is this machine (RFC 6761 section 6.3). Browsers know that,
/// libc does not always.
struct LocalhostIsHere;

impl Resolve for LocalhostIsHere {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let addresses: Vec<SocketAddr> = if is_localhost(host) {
                vec![
                    SocketAddr::from(([127, 0, 0, 1], 0)),
                    SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0)),
                ]
            } else {
                tokio::net::lookup_host((host, 0)).await?.collect()
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
