//! The apps hear of a logout also by way of the browser that it happened in: front-channel logout, as
//! best effort. In frames on the page that follows the logout, which are given up after two seconds;
//! or, where an operator wants it, page after page. What is proven is proven elsewhere
//! (`flows::prove_logout`): nothing here is waited for, counted, or shown as a confirmation.
//!
//! Each address is signed for one app, names the session that is over, and is good for a minute. Only
//! apps that lost a session by this logout are told: no other learns that there was one.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web::Data};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use client_sdk::front_logout::{Key, LIFETIME, Notice};
use serde::{Deserialize, Serialize};

use super::{
    super::{Web, headers::Frames, input::Query},
    error::PageError,
    logout::BackTo,
    progress::read_reference,
    see_other,
};
use crate::{
    domain::{Millis, SECOND, app::App as Client, id::SessionId, seconds},
    flows::prove_logout::prove_logout,
    store::Stored,
};

/// The purpose of the stamp under a session's name.
const PURPOSE: &str = "front logout";
/// Most apps that are told in this way.
const MOST: usize = 20;

/// A session's name, the end of a minute, and our stamp: whoever holds it was there when the session
/// ended.
pub(super) fn reference(web: &Web, session: &SessionId) -> String {
    let until = (web.app.clock.now() + LIFETIME * SECOND).to_string();
    let stamp = web.app.secrets.mac(PURPOSE, &[session.as_str(), &until]);
    format!("{session}.{until}.{stamp}")
}

fn read(web: &Web, reference: &str) -> Option<SessionId> {
    let mut parts = reference.split('.');
    let (session, until, stamp) = (parts.next()?, parts.next()?, parts.next()?);
    let genuine =
        parts.next().is_none() && web.app.secrets.verify_mac(stamp, PURPOSE, &[session, until]);
    let timely = until.parse::<Millis>().is_ok_and(|until| web.app.clock.now() < until);
    (genuine && timely).then(|| session.into())
}

/// What the page of a logout brings along.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct After {
    /// The logout.
    pub logout: Option<String>,
    /// The session that ended.
    pub front: Option<String>,
}

/// The session that ended, and the apps that are told, in the order of their ids.
async fn told(
    web: &Web,
    after: &After,
) -> Stored<Option<(SessionId, Vec<std::sync::Arc<Client>>)>> {
    let logout = after.logout.as_deref().and_then(|text| read_reference(web, text));
    let session = after.front.as_deref().and_then(|text| read(web, text));
    let (Some(logout), Some(session)) = (logout, session) else { return Ok(None) };
    let Some(proof) = prove_logout(&web.app, &logout).await? else { return Ok(None) };
    let apps = web.app.db.apps().await?;
    let mut clients: Vec<_> = proof
        .apps
        .iter()
        .filter_map(|one| apps.get(&one.app).cloned())
        .filter(|client| client.front_logout_url.is_some() && client.disabled_at.is_none())
        .take(MOST)
        .collect();
    clients.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Some((session, clients)))
}

/// Where the browser tells `client`.
fn address(web: &Web, client: &Client, session: &SessionId, chain: Option<&str>) -> Option<String> {
    let now = web.app.clock.now();
    let notice = Notice {
        app: client.id.to_string(),
        session: session.to_string(),
        expires: seconds(now) + LIFETIME,
    };
    let previous = client.previous_secret.iter().filter(|(_, until)| now < *until);
    let digests = std::iter::once(&client.secret).chain(previous.map(|(digest, _)| digest));
    let keys: Vec<Key> = digests.map(|digest| Key::of_digest(digest.as_str())).collect();
    let url = client.front_logout_url.as_ref()?;
    Some(url.with(&notice.query(&keys, chain)))
}

/// The addresses that the page frames; the answer's policy allows exactly their origins.
pub(super) async fn frames(web: &Web, request: &HttpRequest, after: &After) -> Stored<Vec<String>> {
    let Some((session, clients)) = told(web, after).await? else { return Ok(Vec::new()) };
    let mut origins: Vec<String> = clients
        .iter()
        .filter_map(|client| client.front_logout_url.as_ref().map(|url| url.origin()))
        .collect();
    origins.sort();
    origins.dedup();
    if !origins.is_empty() {
        request.extensions_mut().insert(Frames(origins));
    }
    Ok(clients.iter().filter_map(|client| address(web, client, &session, None)).collect())
}

/// How far a chain of whole pages has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Chain {
    logout: Option<String>,
    front: Option<String>,
    at: usize,
    app: Option<String>,
    return_to: Option<String>,
    state: Option<String>,
}

impl Chain {
    /// From its beginning.
    pub(super) fn new(after: After, back: BackTo) -> Self {
        let BackTo { app, return_to, state } = back;
        Self { logout: after.logout, front: after.front, at: 0, app, return_to, state }
    }

    /// As one word.
    pub(super) fn word(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_urlencoded::to_string(self).unwrap_or_default())
    }

    fn read(word: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(word).ok()?).ok()?;
        serde_urlencoded::from_str(&text).ok()
    }

    /// The page where it ends.
    fn end(&self) -> String {
        let Self { logout, app, return_to, state, .. } = self.clone();
        let last = Self { logout, front: None, at: 0, app, return_to, state };
        format!("/logout?{}", serde_urlencoded::to_string(last).unwrap_or_default())
    }
}

/// Where the chain is.
#[derive(Debug, Deserialize)]
pub struct Bounce {
    chain: String,
}

/// `GET /logout/bounce`: to the next app of a chain, or back to our own page. It ends nothing, and leads
/// only to registered addresses, for whoever has just logged out here.
pub async fn bounce(web: Data<Web>, query: Query<Bounce>) -> Result<HttpResponse, PageError> {
    let Some(chain) = Chain::read(&query.0?.chain) else { return Ok(see_other("/logout")) };
    let after = After { logout: chain.logout.clone(), front: chain.front.clone() };
    let next = Chain { at: chain.at.saturating_add(1), ..chain.clone() };
    let to = match told(&web, &after).await? {
        Some((session, clients)) if web.app.config.logout.bounce => clients
            .get(chain.at)
            .and_then(|client| address(&web, client, &session, Some(&next.word()))),
        _ => None,
    };
    Ok(see_other(&to.unwrap_or_else(|| chain.end())))
}
