//! Who asks.
//!
//! The browser marks its own FedCM requests with `Sec-Fetch-Dest: webidentity`, which no page can send
//! (FedCM, "Identity Provider HTTP API"): so a page, of whatever site, reaches none of the endpoints that read
//! a cookie. What is said to a page is said to the origin that the browser names, never to a name that
//! the page gives: `client_id` is the page's to choose, `Origin` is not.

use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN};

use crate::{
    domain::app::{App as Client, AppId},
    store::apps::Snapshot,
    web::in_page::asker::once,
};

const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether this is the browser itself, about FedCM.
pub fn is_the_browser(headers: &HeaderMap) -> bool {
    once(headers, &DESTINATION) == Ok(Some("webidentity"))
}

/// The origin of the page that the browser asks for.
pub fn origin(headers: &HeaderMap) -> Option<&str> {
    once(headers, &ORIGIN).ok().flatten()
}

/// The app, if that is one of its origins, byte for byte. It may be shut off.
pub fn page_of(apps: &Snapshot, client_id: &str, origin: &str) -> Option<Arc<Client>> {
    let client = AppId::parse(client_id).ok().and_then(|id| apps.get(&id).cloned())?;
    client.origin(origin).is_some().then_some(client)
}
