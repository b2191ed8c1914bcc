//! Logging in with an OpenID: sending somebody to their provider ([`start`]), believing what they
//! come back with ([`complete`]), and sharing keys with providers beside all that
//! ([`associations`]), never in its way.

pub mod associations;
pub mod complete;
pub mod places;
pub mod start;

use openid2::{
    association::{AssocType, Association, MacKey},
    names::Version,
    url::WebUrl,
};

use crate::{app::App, store::openid_associations::AssociationRow, tokens::association_key};

/// Under which counter a network's logins are counted: those that came to something with an account
/// that was there are given back, so that a town behind one address is not slowed down, and whoever
/// makes accounts by the dozen is (SECURITY-CASES group Z).
pub(super) fn counter(network: &str) -> String {
    format!("openid:{network}")
}

/// Reads a key back. What does not open or does not fit is as if it were not there: the login goes on
/// without, and the provider is asked instead.
fn opened(app: &App, row: AssociationRow) -> Option<Association> {
    let kind = AssocType::parse(&row.kind)?;
    let Ok(bytes) = association_key::open(&row, &app.master) else {
        tracing::warn!(endpoint = row.op_endpoint, "a provider's key does not open");
        return None;
    };
    Some(Association {
        op_endpoint: WebUrl::parse(&row.op_endpoint).ok()?,
        handle: row.handle,
        version: Version::parse(&row.version)?,
        kind,
        key: MacKey::new(&bytes, kind)?,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
    })
}

fn sealed(app: &App, association: &Association) -> AssociationRow {
    let mut row = AssociationRow {
        op_endpoint: association.op_endpoint.as_str().to_owned(),
        handle: association.handle.clone(),
        version: association.version.as_str().to_owned(),
        kind: association.kind.as_str().to_owned(),
        sealed_key: String::new(),
        issued_at: association.issued_at,
        expires_at: association.expires_at,
    };
    row.sealed_key =
        association_key::seal(&row, association.key.expose(), &app.master, &app.random);
    row
}
