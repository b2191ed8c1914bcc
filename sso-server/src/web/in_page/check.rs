//! `GET /check`: may this page know whether its visitor is signed in, and if so, are they?
//!
//! Who asks is decided before the cookie is looked at, so a page that may not ask sees the same,
//! after the same work, whoever its visitor is. A page that may hears one of three: signed in, with a
//! ticket; surely out; or unknown, when the browser may have held the cookie back.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Deserialize;

use super::{
    answer::{self, As},
    asker::{self, Claim, Shape, StorageAccess},
    callback::Callback,
    question::{self, Found, Question, malformed, not_a_page, too_many},
};
use crate::{
    domain::app::App as Client,
    web::{Web, api::error::ApiError, input::Query},
};

/// What the page sends.
#[derive(Debug, Deserialize)]
pub struct Asked {
    app: String,
    state: String,
    challenge: String,
    callback: Option<String>,
    variable: Option<String>,
}

impl Asked {
    fn shape(&self) -> Shape {
        let script = self.callback.is_some() || self.variable.is_some();
        if script { Shape::Script } else { Shape::Json }
    }
}

/// `GET /check`
pub async fn check(web: Data<Web>, asked: Query<Asked>, request: HttpRequest) -> HttpResponse {
    let mut response = decide(&web, asked, &request).await;
    answer::seal(response.headers_mut());
    response
}

async fn decide(web: &Web, asked: Query<Asked>, request: &HttpRequest) -> HttpResponse {
    if asker::is_ahead(request.headers()) {
        return HttpResponse::NoContent().finish();
    }
    let Ok(asked) = asked.0 else {
        return malformed("400: app, state and challenge are required, each once.\n");
    };
    let how = match (&asked.callback, &asked.variable) {
        (None, None) => As::Json,
        (Some(name), None) => match Callback::parse(name) {
            Some(callback) => As::CallOf(callback),
            None => {
                return malformed("400: callback is a name, or up to four with dots between.\n");
            }
        },
        (None, Some(name)) => match Callback::parse_one(name) {
            Some(variable) => As::Variable(variable),
            None => return malformed("400: variable is a name without dots.\n"),
        },
        (Some(_), Some(_)) => return malformed("400: callback or variable, not both.\n"),
    };
    let Ok(claim) = Claim::read(request.headers()) else { return not_a_page() };
    match admit(web, &asked, &claim).await {
        Ok(true) => {}
        Ok(false) => return not_a_page(),
        Err(error) => return HttpResponse::from_error(error),
    }
    let question = Question {
        app: &asked.app,
        state: &asked.state,
        challenge: &asked.challenge,
        storage: claim.storage,
    };
    let may = |client: &Client| claim.may_ask(client, asked.shape());
    let mut response = match question::find(web, &question, may, request).await {
        Ok(Found::Answer(check)) => answer::respond(&check, how),
        Ok(Found::NotAPage) => return not_a_page(),
        Ok(Found::Malformed(text)) => malformed(text),
        Ok(Found::TooMany(seconds)) => too_many(seconds),
        Err(error) => HttpResponse::from_error(error),
    };
    if let Some(origin) = claim.origin {
        answer::open_to(response.headers_mut(), origin);
        if claim.storage == StorageAccess::Inactive {
            answer::ask_for_cookies(response.headers_mut(), origin);
        }
    }
    response
}

/// Whether the page may ask at all. By the copy of the registry that is at hand; if that says no,
/// by a new one. A yes is looked at again when the session has named the present version: so this
/// costs a live session no further row.
async fn admit(web: &Web, asked: &Asked, claim: &Claim<'_>) -> Result<bool, ApiError> {
    let may = |client: &Client| claim.may_ask(client, asked.shape());
    let hoped = web.app.db.apps_at_hand();
    let hoped = hoped.is_some_and(|apps| question::asker(&apps, &asked.app, may).is_some());
    Ok(hoped || question::asker(&*web.app.db.apps().await?, &asked.app, may).is_some())
}
