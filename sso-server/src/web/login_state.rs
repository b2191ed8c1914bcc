//! The browser's login state: `actix-session` over the `sessions` table.
//!
//! The cookie holds an opaque token, signed by actix-session; the row holds its digest. Rows are
//! made by `flows::issue_session` and ended by `flows::end_session`, never by the middleware: its
//! `save` only hands out the token of a session that a flow has issued in this request. So an
//! anonymous visit makes no row (SECURITY-CASES S-26), and a slow request that ends after a logout
//! brings nothing back (S-09).

use std::{collections::HashMap, sync::Arc};

use actix_session::{
    Session, SessionMiddleware,
    config::{BrowserSession, CookieContentSecurity, SessionLifecycle},
    storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError},
};
use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::MessageBody,
    cookie::{Cookie, Key, SameSite, time::Duration},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue, SET_COOKIE},
    middleware::Next,
    web::Data,
};
use futures_util::future::{Ready, ready};

use super::{Web, cookies};
use crate::{
    app::App,
    domain::{
        Millis, SECOND,
        session::LiveSession,
        token::{Digest, Token},
    },
    flows::{
        end_session::{Ending, end_over_session, end_session},
        establish_session::arrive,
        housekeeping,
        issue_session::IssuedSession,
    },
    store::{
        Stored,
        sessions::{self, Found},
    },
    tokens::twin,
};

/// Where the session stands in the middleware's state. Not stored: it is read from columns.
const SESSION: &str = "session";
/// Where a flow's new token stands. Not stored.
const ISSUED: &str = "issued";

/// actix-session's store, over our table.
pub struct LoginStore {
    app: Arc<App>,
}

impl LoginStore {
    /// Over this program's table.
    pub fn new(web: &Web) -> Self {
        Self { app: web.app.clone() }
    }

    async fn find(&self, key: &SessionKey) -> Stored<Option<Arc<LiveSession>>> {
        let Some(token) = Token::parse(key.as_ref()) else { return Ok(None) };
        let now = self.app.clock.now();
        match sessions::find_live(&self.app.db, &token.digest(), now).await? {
            Found::Live(session) => {
                housekeeping::note_sign_of_life(&self.app, &session);
                Ok(Some(session))
            }
            Found::Over(session, cause) => {
                // Written down now, so that a clock set back does not revive it (SECURITY-CASES
                // S-07), and so that its apps hear.
                end_over_session(&self.app, &session.id, cause).await?;
                Ok(None)
            }
            Found::Nothing => Ok(None),
        }
    }

    async fn put_state(&self, key: &SessionKey, state: HashMap<String, String>) -> Stored<bool> {
        let Some(token) = Token::parse(key.as_ref()) else { return Ok(false) };
        let kept: HashMap<String, String> =
            state.into_iter().filter(|(name, _)| name != SESSION && name != ISSUED).collect();
        let json = serde_json::to_string(&kept).unwrap_or_else(|_| "{}".to_owned());
        let mut tx = self.app.db.write().await?;
        let written = sessions::put_state(&mut tx, &token.digest(), &json).await?;
        tx.commit().await?;
        Ok(written)
    }
}

impl SessionStore for LoginStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<HashMap<String, String>>, LoadError> {
        let found = self.find(key).await.map_err(|error| LoadError::Other(error.into()))?;
        let Some(session) = found else { return Ok(None) };
        let mut state: HashMap<String, String> = serde_json::from_str(&session.state)
            .map_err(|error| LoadError::Deserialization(error.into()))?;
        let json = serde_json::to_string(&*session)
            .map_err(|error| LoadError::Deserialization(error.into()))?;
        state.insert(SESSION.to_owned(), json);
        Ok(Some(state))
    }

    async fn save(
        &self,
        state: HashMap<String, String>,
        _: &Duration,
    ) -> Result<SessionKey, SaveError> {
        let issued = state.get(ISSUED).and_then(|json| serde_json::from_str::<String>(json).ok());
        issued
            .and_then(|token| SessionKey::try_from(token).ok())
            .ok_or_else(|| SaveError::Other(anyhow::anyhow!("no session was issued to be named")))
    }

    async fn update(
        &self,
        key: SessionKey,
        state: HashMap<String, String>,
        _: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        // `false` when it was ended meanwhile: the cookie then names nothing, as it should.
        self.put_state(&key, state).await.map_err(|error| UpdateError::Other(error.into()))?;
        Ok(key)
    }

    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        // A sign of life is noted when the session is loaded.
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        // Whoever purges has ended the session by a flow before, whoever renews has voided its
        // cookie; this is for those who forgot. A database that goes away only now must not keep
        // the browser from hearing what was done: after a renewal it would have no session at all.
        let forgotten = async {
            if let Some(session) = self.find(key).await? {
                end_session(&self.app, &session.id, Ending::by_user("")).await?;
            }
            Stored::Ok(())
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, "cannot see whether a cookie that goes still names a session");
        }
        Ok(())
    }
}

/// The middleware: `__Host-` (no `Domain`, `Path=/`), `Secure`, `HttpOnly`, `SameSite=Lax`
/// (SECURITY-CASES S-01).
pub fn middleware(store: LoginStore, key: &Key) -> SessionMiddleware<LoginStore> {
    SessionMiddleware::builder(store, key.clone())
        .cookie_name(cookies::SESSION.to_owned())
        .cookie_path("/".to_owned())
        .cookie_secure(true)
        .cookie_http_only(true)
        .cookie_same_site(SameSite::Lax)
        .cookie_content_security(CookieContentSecurity::Signed)
        .session_lifecycle(SessionLifecycle::BrowserSession(BrowserSession::default()))
        .build()
}

/// In the request's extensions: the cookie that was just given, and how long it is to be kept.
#[derive(Clone, Debug)]
struct Begun {
    digest: Digest,
    kept_for: Option<Millis>,
}

/// In the request's extensions: a live session whose browser has brought no twin.
#[derive(Clone, Debug)]
struct Met {
    digest: Digest,
    kept_until: Option<Millis>,
}

/// In the request's extensions: the browser holds nothing any more.
#[derive(Clone, Copy, Debug)]
struct Forgotten;

/// In the request's extensions: the browser has shown a cookie that names no live session.
#[derive(Clone, Copy, Debug)]
struct MetOver;

/// Tells the browser whether anybody is signed in here (Login Status API, "HTTP Header API"). It asks us for
/// nobody's sake while it knows that nobody is.
const SET_LOGIN: HeaderName = HeaderName::from_static("set-login");
const LOGGED_IN: HeaderValue = HeaderValue::from_static("logged-in");
const LOGGED_OUT: HeaderValue = HeaderValue::from_static("logged-out");

/// In the request's extensions: the session that was on its way has ended, or came another way.
#[derive(Clone, Copy, Debug)]
struct NoArrival;

/// Gives the session cookie a life of its own when the person wants to be kept signed in (actix-session
/// knows one lifetime for all), and its twin beside it. A browser whose session is older than twins are,
/// or that has lost its own, gets one with its next page: without, its apps' pages would hear
/// "surely out".
pub async fn keep_cookie(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let web = request.app_data::<Data<Web>>().cloned();
    let mut response = next.call(request).await?;
    let (begun, forgotten, twin, login, over) = {
        let noted = response.request().extensions();
        let forgotten = noted.get::<Forgotten>().is_some();
        let begun = noted.get::<Begun>().cloned();
        let twin = match (&begun, noted.get::<Forgotten>(), noted.get::<Met>(), &web) {
            (Some(begun), _, _, Some(web)) => Some(twin_of(web, &begun.digest, begun.kept_for)),
            (None, Some(Forgotten), _, _) => Some(cookies::remove_travelling(cookies::TWIN)),
            (None, None, Some(met), Some(web)) => {
                let left = met.kept_until.map(|end| end - web.app.clock.now());
                Some(twin_of(web, &met.digest, left))
            }
            _ => None,
        };
        let (gone, met_over) = (noted.get::<Forgotten>(), noted.get::<MetOver>());
        let login = match (&begun, gone, noted.get::<Met>(), met_over) {
            (Some(_), ..) => Some(LOGGED_IN),
            (None, Some(Forgotten), ..) => Some(LOGGED_OUT),
            (None, None, Some(_), _) => Some(LOGGED_IN),
            (None, None, None, Some(MetOver)) => Some(LOGGED_OUT),
            (None, None, None, None) => None,
        };
        let waits = || cookies::read(response.request(), cookies::ARRIVAL).is_some();
        let over = begun.is_some() || forgotten || noted.get::<NoArrival>().is_some();
        let over = over && waits();
        (begun, forgotten, twin, login, over)
    };
    if forgotten {
        // A login that is under way at a provider ends with it (SECURITY-CASES S-13), and whose
        // browser it was is not told to the next one.
        let held = |name: &&str| cookies::read(response.request(), name).is_some();
        let held: Vec<_> = [cookies::UPSTREAM, cookies::OPENID].into_iter().filter(held).collect();
        for name in held {
            response.response_mut().add_cookie(&cookies::remove(name))?;
        }
    }
    if let Some(Begun { kept_for: Some(life), .. }) = begun {
        let all: Vec<HeaderValue> = response.headers().get_all(SET_COOKIE).cloned().collect();
        response.headers_mut().remove(SET_COOKIE);
        for header in all {
            let text = header.to_str().unwrap_or_default();
            let ours =
                text.strip_prefix(cookies::SESSION).is_some_and(|rest| rest.starts_with('='));
            let kept = format!("{text}; Max-Age={}", life / SECOND);
            let header = if ours { HeaderValue::try_from(kept).unwrap_or(header) } else { header };
            response.headers_mut().append(SET_COOKIE, header);
        }
    }
    if let Some(twin) = twin {
        response.response_mut().add_cookie(&twin)?;
    }
    if let Some(login) = login {
        response.headers_mut().insert(SET_LOGIN, login);
    }
    if over {
        response.response_mut().add_cookie(&cookies::remove_travelling(cookies::ARRIVAL))?;
    }
    Ok(response)
}

fn twin_of(web: &Web, digest: &Digest, life: Option<Millis>) -> Cookie<'static> {
    let value = twin::make(&web.app.secrets, digest);
    cookies::make_travelling(cookies::TWIN, value, life.map(|life| life / SECOND))
}

/// What a browser that takes a session inside another site's page is given: see
/// [`super::in_page::establish`].
pub fn cookies_in_page(web: &Web, issued: &IssuedSession) -> [Cookie<'static>; 2] {
    let (token, life) = (issued.token.expose().to_owned(), issued.kept_for);
    let arrival = cookies::make_travelling(cookies::ARRIVAL, token, life.map(|life| life / SECOND));
    [twin_of(web, &issued.token.digest(), life), arrival]
}

/// Whether the browser says that a person opens this as a page of its own, and not a page of others
/// for them.
fn is_visit(request: &HttpRequest) -> bool {
    let says = |name: &str, word: &str| {
        request.headers().get(name).is_some_and(|value| value.as_bytes() == word.as_bytes())
    };
    says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document")
}

/// What a handler sees of the login state.
pub struct LoginState {
    session: Session,
    request: HttpRequest,
}

impl LoginState {
    /// The live session of this browser, as of a moment ago.
    pub fn session(&self) -> Option<LiveSession> {
        let Some(session) = self.session.get::<LiveSession>(SESSION).ok()? else {
            if cookies::read(&self.request, cookies::SESSION).is_some() || self.has_twin() {
                self.request.extensions_mut().insert(MetOver);
            }
            return None;
        };
        if !self.has_twin() {
            let kept_until = session.kept.then_some(session.expires_at);
            self.request.extensions_mut().insert(Met { digest: session.digest(), kept_until });
        }
        Some(session)
    }

    /// Whether the browser has shown a twin, good or not.
    pub fn has_twin(&self) -> bool {
        cookies::read(&self.request, cookies::TWIN).is_some()
    }

    /// The live session of this browser; one that was taken inside an app's page arrives now.
    pub async fn session_or_arrival(&self, web: &Web) -> Stored<Option<LiveSession>> {
        if let Some(session) = self.session() {
            return Ok(Some(session));
        }
        let Some(held) = cookies::read(&self.request, cookies::ARRIVAL) else { return Ok(None) };
        // Otherwise any page could use it up, by a request whose answer sets no cookie of ours.
        if !is_visit(&self.request) {
            return Ok(None);
        }
        let arrived = match Token::parse(held) {
            Some(held) => arrive(&web.app, &held).await?,
            None => None,
        };
        let Some(issued) = arrived else {
            self.request.extensions_mut().insert(NoArrival);
            return Ok(None);
        };
        let (digest, now) = (issued.token.digest(), web.app.clock.now());
        let found = sessions::find_live(&web.app.db, &digest, now).await?;
        let Found::Live(live) = found else { return Ok(None) };
        if self.begin(&issued).is_err() {
            return Ok(None);
        }
        // Read again, as it is from here on: nothing of the copy at hand is shared.
        let json = serde_json::to_value(&*live).ok();
        Ok(json.and_then(|json| serde_json::from_value(json).ok()))
    }

    /// From now on this browser holds `issued`. Everything that was there before goes
    /// (SECURITY-CASES L-16, L-18).
    pub fn begin(&self, issued: &IssuedSession) -> Result<(), actix_session::SessionInsertError> {
        self.session.clear();
        self.session.renew();
        self.session.insert(ISSUED, issued.token.expose())?;
        let begun = Begun { digest: issued.token.digest(), kept_for: issued.kept_for };
        self.request.extensions_mut().insert(begun);
        Ok(())
    }

    /// This browser holds nothing any more, nor what was under way in it. To be called after a flow has ended the session: if
    /// that failed, the cookie stays (SECURITY-CASES S-11).
    pub fn forget(&self) {
        self.session.purge();
        self.request.extensions_mut().insert(Forgotten);
    }
}

impl FromRequest for LoginState {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let session = Session::from_request(request, payload).into_inner();
        ready(session.map(|session| Self { session, request: request.clone() }))
    }
}
