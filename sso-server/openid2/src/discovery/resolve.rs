//! XRIs through a proxy resolver (XRI Resolution 2.0, section 11).

use super::xrds::{Xrd, Xrds};
use crate::{
    identifier::{Xri, canonical_id},
    policy::XriProxy,
    url::WebUrl,
};

/// Code of success (section 15).
const SUCCESS: u32 = 100;

/// What to fetch: the XRI at the proxy, resolved over TLS, with CanonicalIDs verified.
pub(super) fn question(proxy: &XriProxy, xri: &Xri) -> Option<WebUrl> {
    let base = proxy.url.as_str().trim_end_matches('/');
    let xri = xri.query_form();
    let url = format!("{base}/{xri}?_xrd_r=application/xrds%2Bxml;sep=false;cid=true;https=true");
    WebUrl::normalise(&url).ok()
}

/// The CanonicalID that was proven, and the descriptor that speaks of it.
///
/// A trusted proxy has proven it if it says so. Of any other the whole chain is checked, so every
/// descriptor must name exactly one CanonicalID.
pub(super) fn answered(body: &[u8], asked: &Xri, trusted: bool) -> Option<(Xri, Xrd)> {
    let mut document = Xrds::parse(body).ok()?;
    let last = document.descriptors.last()?;
    if last.status != Some(SUCCESS) || last.provider_id.is_none() {
        return None;
    }
    let id = if trusted && last.cid_verified {
        Xri::parse(one(last)?.trim_start_matches("xri://")).ok()?
    } else {
        proven(&document, asked)?
    };
    Some((id, document.descriptors.pop()?))
}

/// The CanonicalID at the end of an unbroken chain of authority.
pub(super) fn proven(document: &Xrds, asked: &Xri) -> Option<Xri> {
    let ids: Vec<Option<&str>> = document.descriptors.iter().map(one).collect();
    canonical_id(asked.as_str(), &ids).ok()?
}

/// The CanonicalID of a descriptor that has one.
fn one(xrd: &Xrd) -> Option<&str> {
    match &xrd.canonical_ids[..] {
        [id] => Some(id),
        _ => None,
    }
}
