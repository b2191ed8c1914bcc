//! `GET /fedcm/accounts`: who is signed in here. Heard by the browser alone, which shows it to the
//! person; no page ever sees it. The browser does not say for which page it asks, and so the answer
//! is the same for all: a list of one, or 401.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Serialize;

use super::{
    super::{Web, address::Address, api::error::ApiError, cookies},
    answer::{self, Refusal},
    asker,
};
use crate::{
    domain::app::AppId,
    flows::check_login::session_of_twin,
    store::{
        activations,
        users::{self, UserRow},
    },
};

/// The answer (FedCM, "The accounts endpoint").
#[derive(Debug, Default, Serialize)]
struct Accounts {
    accounts: Vec<Account>,
}

/// A person in the browser's dialog.
#[derive(Debug, Serialize)]
struct Account {
    /// The user's id, as apps know it. One for each app is not possible: who asks is not said. It goes
    /// to the browser of that person only, which keeps it to know who has come back, and hands it on to
    /// no page.
    id: String,
    name: String,
    /// By what the person tells accounts apart: the address, or without one the name to sign in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// By what a page may pick this account. The id alone: it is known to nobody but apps that this person
    /// has entered. By a name or an address any page could ask "is it this person who sits here?", and
    /// see by whether the dialog comes.
    login_hints: [String; 1],
    /// Apps that the person need not be asked about as about strangers: all of this Passport's that ask in
    /// their pages, since one login for all of them is what it is for, but for those that have
    /// suspended the person.
    ///
    /// Where third-party cookies are allowed, the browser then lets the person in at a first visit without
    /// a click, as `GET /check` does. A stranger's page may give an app's id for its own: it gets no
    /// further than the assertion, which looks at the origin, and the browser shows the person that
    /// it was refused (SECURITY-CASES J-07).
    approved_clients: Vec<AppId>,
}

impl Account {
    fn of(user: UserRow, approved_clients: Vec<AppId>) -> Self {
        let id = user.id.to_string();
        Self {
            name: user.nickname.unwrap_or_else(|| user.username.clone()),
            username: user.email.is_none().then_some(user.username),
            email: user.email,
            login_hints: [id.clone()],
            id,
            approved_clients,
        }
    }
}

/// `GET /fedcm/accounts`
pub async fn accounts(web: Data<Web>, request: HttpRequest) -> HttpResponse {
    let mut response = if asker::is_the_browser(request.headers()) {
        let found = find(&web, &request).await;
        let mut response = found.unwrap_or_else(HttpResponse::from_error);
        answer::hand_out(response.headers_mut());
        response
    } else {
        Refusal::UnauthorizedClient.respond()
    };
    answer::seal(response.headers_mut());
    response
}

async fn find(web: &Web, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
    // The browser reads this as "not signed in", and offers the login.
    let nobody = || HttpResponse::Unauthorized().json(Accounts::default());
    let Some(twin) = cookies::read(request, cookies::TWIN) else { return Ok(nobody()) };
    let app = &web.app;
    let network = Address::of(request, &web.proxies).network();
    let limit = app.config.throttle.page_checks_per_minute;
    if let Some(seconds) = app.page_checks.count(None, network, limit, app.clock.now()) {
        return Ok(Refusal::TooMany(seconds).respond());
    }
    let Some(session) = session_of_twin(app, twin).await? else { return Ok(nobody()) };
    let apps = app.db.apps_at(session.registry_version).await?;
    let mut connection = app.db.read().await?;
    let user = users::find(&mut connection, &session.user).await?;
    // Gone since the session was read.
    let Some(user) = user.filter(|user| user.disabled_at.is_none()) else { return Ok(nobody()) };
    let suspended = activations::suspended_at(&mut connection, &user.id).await?;
    let mut approved = apps.asking_in_page();
    approved.retain(|id| !suspended.contains(id));
    let accounts = vec![Account::of(user, approved)];
    Ok(HttpResponse::Ok().json(Accounts { accounts }))
}
