//! What somebody wants who logs in with an OpenID, and what the browser keeps of it.

use actix_web::HttpResponse;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openid2::identifier::MAX_INPUT;
use serde::{Deserialize, Serialize};

use super::super::{
    error::PageError,
    identities, login,
    login_request::{LoginRequest, Parameters},
    see_other,
};
use crate::{
    flows::log_in::LoggedIn,
    web::{Web, cookies, login_state::LoginState},
};

/// A longer identifier is not remembered.
const REMEMBERED_MAX: usize = 512;
/// An identifier is remembered for a year after its last use.
const REMEMBERED_SECONDS: i64 = 365 * 24 * 3600;

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
    /// The same as a query.
    pub(super) fn query(&self) -> String {
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
    pub(super) fn back(&self, problem: &str) -> HttpResponse {
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

    /// The app that they were about to enter, if any. One that was switched off meanwhile is not led
    /// to.
    pub(in crate::web::pages) async fn login(
        &self,
        web: &Web,
    ) -> Result<Option<LoginRequest>, PageError> {
        let apps = web.app.db.apps().await?;
        Ok(LoginRequest::read(&self.parameters, &apps).unwrap_or(None))
    }

    /// Somebody is in, and goes on to where they were going.
    pub(in crate::web::pages) async fn enter(
        &self,
        web: &Web,
        state: &LoginState,
        logged_in: LoggedIn,
    ) -> Result<HttpResponse, PageError> {
        let login = self.login(web).await?;
        let otherwise = self.parameters.back().unwrap_or("/account");
        let mut answer = login::enter(web, state, login.as_ref(), otherwise, logged_in).await?;
        self.remember(&mut answer)?;
        Ok(answer)
    }

    /// Keeps the identifier for the next time, or forgets the one that was kept: as the person wants.
    fn remember(&self, answer: &mut HttpResponse) -> Result<(), PageError> {
        let cookie = match self.remember && self.typed.len() <= REMEMBERED_MAX {
            true => {
                let value = URL_SAFE_NO_PAD.encode(&self.typed);
                cookies::make(cookies::OPENID, value, Some(REMEMBERED_SECONDS))
            }
            false => cookies::remove(cookies::OPENID),
        };
        answer.add_cookie(&cookie).map_err(|error| PageError::Internal(error.to_string()))
    }
}

/// The identifier that a cookie keeps.
pub(super) fn remembered(cookie: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cookie).ok()?).ok()?;
    (text.len() <= REMEMBERED_MAX).then_some(text)
}
