//! Keys shared with OpenID providers, sealed at rest: whoever has one can speak for all people of
//! that provider.

use zeroize::Zeroizing;

use super::master_key::{MasterKey, Unsealable};
use crate::{
    random::Random,
    store::openid_associations::{AssociationRow, id},
};

/// The row's place under the seal: moved to another provider's or handle's row, it does not open.
fn place(row: &AssociationRow) -> String {
    format!("openid_associations|{}", id(&row.op_endpoint, &row.handle).as_str())
}

/// Seals a key for its row.
pub fn seal(row: &AssociationRow, key: &[u8], master: &MasterKey, random: &Random) -> String {
    master.seal(key, &place(row), random)
}

/// Opens a row's key.
pub fn open(row: &AssociationRow, master: &MasterKey) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
    master.open(&row.sealed_key, &place(row))
}
