//! `/admin…`: the console. Who may is decided in one place, [`AdminState`], which every handler
//! takes; whoever may not is told that there is nothing here.

pub mod apps;
pub mod audit;
pub mod doctor;
pub mod everybody;
pub mod listeners;
pub mod logouts;
pub mod people;

use std::{future::Future, pin::Pin};

use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse, dev::Payload, error::InternalError,
    http::Method, web::Data,
};
use serde::Serialize;

use super::{
    super::{Web, address::Address, csrf, login_state::LoginState},
    error::PageError,
    see_other,
};
use crate::{
    domain::{Millis, id::LogoutId, session::LiveSession},
    flows::force_logout::{ForceLogoutError, Forced, Order},
    store::users::{self, UserRow},
};

/// Names the console's forms in their token.
const PURPOSE: &str = "admin";

/// An admin, as of this request: a live session, of an enabled account that administers, whose
/// password was given not too long ago. The account's row is read each time, so whoever is an admin
/// no more is out at once.
pub struct AdminState {
    /// The session.
    pub session: LiveSession,
    /// The account.
    pub user: UserRow,
    now: Millis,
    address: String,
}

impl FromRequest for AdminState {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let state = LoginState::from_request(request, payload).into_inner();
        let request = request.clone();
        Box::pin(async move {
            let web = request.app_data::<Data<Web>>().cloned();
            let web = web.ok_or_else(|| PageError::Internal("no application".into()))?;
            let here = match *request.method() {
                Method::GET => request.uri().path_and_query().map_or("/admin", |at| at.as_str()),
                // A form is not sent again by itself.
                _ => "/admin",
            };
            let Some(session) = state?.session() else { return Err(log_in(here)) };
            let found = async { users::find(&mut *web.app.db.read().await?, &session.user).await };
            let user = found.await.map_err(PageError::from)?;
            let user = user.filter(|user| user.admin_since.is_some() && user.disabled_at.is_none());
            let user = user.ok_or(PageError::NotFound)?;
            let now = web.app.clock.now();
            if now - session.auth_time > web.app.config.admin.login_max_age.millis() {
                return Err(log_in(here));
            }
            let address = Address::of(&request, &web.proxies).shown();
            Ok(Self { session, user, now, address })
        })
    }
}

/// To the login page, and from there back to `back`.
fn log_in(back: &str) -> Error {
    let query = serde_urlencoded::to_string([("back", back)]).unwrap_or_default();
    let response = see_other(&format!("/login?{query}"));
    InternalError::from_response("the password is needed", response).into()
}

impl AdminState {
    /// Whether the password was given so lately that others may be acted on; otherwise it is asked
    /// for, and then `back` is shown.
    pub fn fresh(&self, web: &Web, back: &str) -> Result<(), Error> {
        let age = self.now - self.session.auth_time;
        if age > web.app.config.admin.act_max_age.millis() { Err(log_in(back)) } else { Ok(()) }
    }

    /// What every form that does something has to pass, in this order: it was shown to this browser
    /// by us, and the password was given lately.
    pub fn act(
        &self,
        web: &Web,
        request: &HttpRequest,
        token: Option<&str>,
        back: &str,
    ) -> Result<(), Error> {
        let binding = csrf::Binding::of(request, Some(&self.session), web);
        if !binding.accepts(request, web, PURPOSE, token.unwrap_or_default()) {
            return Err(PageError::StaleForm.into());
        }
        self.fresh(web, back)
    }

    /// In this admin's name.
    pub fn order<'a>(&'a self, reason: &'a str) -> Order<'a> {
        Order { by: self.user.id.as_str(), address: &self.address, reason }
    }

    /// From where.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What every page of the console shows around its own.
    pub fn frame(
        &self,
        web: &Web,
        request: &HttpRequest,
        here: &'static str,
        done: Option<&str>,
    ) -> Frame {
        let binding = csrf::Binding::of(request, Some(&self.session), web);
        Frame {
            csrf: binding.token(web, PURPOSE),
            admin_name: self.user.username.clone(),
            here,
            notice: done
                .and_then(|done| NOTICES.iter().find(|(word, ..)| *word == done))
                .map(|(_, key, good)| Notice { key, good: *good }),
        }
    }
}

/// What a page of the console shows around its own.
#[derive(Debug, Serialize)]
pub struct Frame {
    /// The forms' token.
    pub csrf: String,
    /// Who is signed in.
    pub admin_name: String,
    /// Which tab.
    pub here: &'static str,
    /// What was just done, or not.
    pub notice: Option<Notice>,
}

/// What was just done, or not.
#[derive(Debug, Serialize)]
pub struct Notice {
    /// A message key.
    pub key: &'static str,
    /// Whether it went well.
    pub good: bool,
}

/// Words in the URL, and the messages that they stand for.
const NOTICES: [(&str, &str, bool); 7] = [
    ("disabled", "admin-done-disabled", true),
    ("enabled", "admin-done-enabled", true),
    ("nothing", "admin-done-nothing", true),
    ("reason", "admin-bad-reason", false),
    ("confirm", "admin-bad-confirm", false),
    ("already", "admin-bad-already", false),
    ("last-admin", "admin-bad-last", false),
];

/// Where a forced logout leads to: the view of it, or back with a word.
fn forced(
    outcome: Result<Forced, ForceLogoutError>,
    back: &str,
) -> Result<HttpResponse, PageError> {
    match outcome {
        Ok(Forced { logout: Some(id), .. }) => Ok(see_other(&at_logout(&id))),
        Ok(Forced { logout: None, .. }) => Ok(see_other(&format!("{back}?done=nothing"))),
        Err(ForceLogoutError::Reason(_)) => Ok(see_other(&format!("{back}?done=reason"))),
        Err(ForceLogoutError::NotFound) => Err(PageError::NotFound),
        Err(ForceLogoutError::Store(error)) => Err(error.into()),
    }
}

fn at_logout(id: &LogoutId) -> String {
    format!("/admin/logouts/{id}")
}

/// A path with a query, if there is anything to say in it.
fn href(path: &str, parts: &[(&str, &str)]) -> String {
    let said: Vec<_> = parts.iter().filter(|(_, value)| !value.is_empty()).collect();
    let query = serde_urlencoded::to_string(said).unwrap_or_default();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
