//! The provider's answer, and what comes of it.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web::Data};
use openid2::verify::Response;

use super::{
    super::{ShownAt, choose, error::PageError, identities, origin::origin, see_other},
    start::leave,
    wish::Wish,
};
use crate::{
    domain::token::Token,
    flows::{
        add_identity::AddIdentityError,
        log_in_by_identity::IdentityLoginError,
        openid::complete::{CompleteError, Completed, Ended, Return, complete},
    },
    web::{Web, cookies, input::FormBody, locale::Locale, login_state::LoginState},
};

/// `POST /complete/openid`: providers send long answers by a form. From another site, browsers send
/// no `SameSite=Lax` cookies with it; so the same message goes on to the same page by a redirect, with
/// which they do (SECURITY-CASES O-17).
pub async fn pass_on(
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
pub async fn show(
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
    let Ended { outcome, context, adds } = complete(&web.app, back, |context| {
        serde_json::from_str::<Wish>(context).is_ok_and(|wish| wish.keep)
    })
    .await;
    let wish = context.and_then(|context| serde_json::from_str(&context).ok());
    let wish = Wish { adds, ..wish.unwrap_or_default() };
    let problem = match outcome {
        Ok(Completed::LoggedIn(logged_in)) => return wish.enter(&web, &state, logged_in).await,
        Ok(Completed::Unknown(token)) => {
            return Ok(see_other(&format!("/register/openid?t={}", token.expose())));
        }
        Ok(Completed::Added) => {
            return Ok(see_other(&format!("{}?done=added", identities::PATH)));
        }
        Ok(Completed::NeedsPages(outgoing)) => return leave(&web, &request, &outgoing),
        Err(CompleteError::Login(IdentityLoginError::Choose(choice))) => {
            let login = wish.login(&web).await?;
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
