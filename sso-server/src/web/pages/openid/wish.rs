//! What somebody wants who logs in with an OpenID, and what the browser keeps of it.

use actix_web::HttpResponse;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openid2::identifier::MAX_INPUT;
use serde::{Deserialize, Serialize};

use super::super::{error::PageError, identities, login_request::Parameters, see_other};
use crate::web::cookies;

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
}

/// The identifier that a cookie keeps.
pub(super) fn remembered(cookie: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cookie).ok()?).ok()?;
    (text.len() <= REMEMBERED_MAX).then_some(text)
}

/// Keeps the identifier for the next time, or forgets the one that was kept: as the person wants.
pub(in crate::web::pages) fn remember(
    answer: &mut HttpResponse,
    wish: &Wish,
) -> Result<(), PageError> {
    let cookie = match wish.remember && wish.typed.len() <= REMEMBERED_MAX {
        true => {
            let value = URL_SAFE_NO_PAD.encode(&wish.typed);
            cookies::make(cookies::OPENID, value, Some(REMEMBERED_SECONDS))
        }
        false => cookies::remove(cookies::OPENID),
    };
    answer.add_cookie(&cookie).map_err(|error| PageError::Internal(error.to_string()))
}
