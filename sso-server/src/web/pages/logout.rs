//! `/logout`: asks, ends the session everywhere, and says so.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Web,
        address::Address,
        csrf,
        headers::FormLeadsTo,
        input::{Form, Query},
        login_state::LoginState,
    },
    Page,
    error::PageError,
    front_logout::{self, After, Chain},
    progress::{self, Progress},
    see_other,
};
use crate::{
    domain::app::AppId,
    flows::end_session::{Ending, end_session},
    store::{sessions, users},
};

/// Names the form in its token.
const PURPOSE: &str = "logout";

/// Where the person may want to go afterwards.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BackTo {
    /// An app.
    pub app: Option<String>,
    /// One of its registered return URLs.
    pub return_to: Option<String>,
    /// Comes back unchanged.
    pub state: Option<String>,
}

/// What `logout.html` shows: the question.
#[derive(Debug, Serialize)]
pub struct LogoutPage {
    /// The form's token.
    pub csrf: String,
    /// Who is signed in.
    pub username: String,
    /// Names of the apps that this session is signed in at.
    pub apps: Vec<String>,
    /// Where to go afterwards, as hidden fields.
    pub back: BackTo,
}

/// What `signed_out.html` shows.
#[derive(Debug, Serialize)]
pub struct SignedOutPage {
    /// A proven way back.
    pub back_url: Option<String>,
    /// The name of the app that it leads to.
    pub back_name: Option<String>,
    /// How far the apps have confirmed the logout.
    pub progress: Option<Progress>,
    /// Addresses of apps at which the browser tells them, too.
    pub frames: Vec<String>,
}

/// What comes with the form.
#[derive(Debug, Deserialize)]
pub struct LogoutForm {
    csrf: Option<String>,
    app: Option<String>,
    return_to: Option<String>,
    state: Option<String>,
}

/// `GET /logout`: never ends anything by itself, or any page could log people out (SECURITY-CASES
/// B-13).
pub async fn show(
    web: Data<Web>,
    state: LoginState,
    query: Query<BackTo>,
    after: Query<After>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let back = query.0?;
    let Some(session) = state.session() else {
        let (back_url, back_name) = proven(&web, &back).await?.unzip();
        let after = after.0?;
        let progress = progress::shown(&web, &request, after.logout.as_deref()).await?;
        let frames = front_logout::frames(&web, &request, &after).await?;
        let page = SignedOutPage { back_url, back_name, progress, frames };
        return Ok(Page::draw(&web, &request, "signed_out.html", &page)?.finish());
    };
    // The form leads on, by redirects, through these.
    if web.app.config.logout.bounce {
        let apps = web.app.db.apps().await?;
        let sources: Vec<String> = apps.front_logout_origins().collect();
        request.extensions_mut().insert(FormLeadsTo(sources.join(" ")));
    }
    // The way back is proven before the question, so that a wrong one is noticed at once.
    proven(&web, &back).await?;
    let mut connection = web.app.db.read().await?;
    let user = users::find(&mut connection, &session.user).await?;
    let apps = sessions::apps_of_one(&mut connection, &session.id, web.app.clock.now()).await?;
    let page = LogoutPage {
        csrf: csrf::Binding::of(&request, Some(&session), &web).token(&web, PURPOSE),
        username: user.map(|user| user.username).unwrap_or_default(),
        apps,
        back,
    };
    Ok(Page::draw(&web, &request, "logout.html", &page)?.finish())
}

/// `POST /logout`
pub async fn submit(
    web: Data<Web>,
    state: LoginState,
    form: Form<LogoutForm>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let form = form.0?;
    let (mut logout, mut front) = (None, None);
    if let Some(session) = state.session() {
        let binding = csrf::Binding::of(&request, Some(&session), &web);
        if !binding.accepts(&request, &web, PURPOSE, form.csrf.as_deref().unwrap_or_default()) {
            return Err(PageError::StaleForm);
        }
        let address = Address::of(&request, &web.proxies).shown();
        let ended = end_session(&web.app, &session.id, Ending::by_user(&address)).await?;
        state.forget();
        logout = ended.logout.map(|id| progress::reference(&web, &id));
        front = logout.as_ref().map(|_| front_logout::reference(&web, &session.id));
    }
    // By redirect, so that reloading the page asks nobody whether to send a form again.
    let back = BackTo { app: form.app, return_to: form.return_to, state: form.state };
    let after = After { logout, front };
    if web.app.config.logout.bounce && after.front.is_some() {
        let chain = Chain::new(after, back).word();
        return Ok(see_other(&format!("/logout/bounce?chain={chain}")));
    }
    let parts = [
        serde_urlencoded::to_string(back).unwrap_or_default(),
        serde_urlencoded::to_string(after).unwrap_or_default(),
    ];
    let query = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    Ok(see_other(&format!("/logout{mark}{query}")))
}

/// The way back, if the app has registered it; its name for the link.
async fn proven(web: &Web, back: &BackTo) -> Result<Option<(String, String)>, PageError> {
    let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    let (Some(id), Some(requested)) = (given(&back.app), given(&back.return_to)) else {
        return Ok(None);
    };
    let apps = web.app.db.apps().await?;
    let client = AppId::parse(&id)
        .ok()
        .and_then(|id| apps.get(&id).cloned())
        .filter(|client| client.disabled_at.is_none())
        .ok_or(PageError::UnknownApp)?;
    let url = client.return_url(&requested).ok_or(PageError::UnknownReturnUrl)?;
    let url = match given(&back.state) {
        Some(state) => url.with(&[("state", &state)]),
        None => url.as_str().to_owned(),
    };
    Ok(Some((url, client.name.clone())))
}
