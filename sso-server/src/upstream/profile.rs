//! What a provider says of a person, in words that all backends have. Claims, all of it: they fill
//! in a form, and never choose an account.

use serde::{Deserialize, Serialize};

/// What a provider says of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// What could be a name to sign in with.
    pub username: Option<String>,
    /// What the person is called.
    pub nickname: Option<String>,
    /// A mail address, unverified.
    pub email: Option<String>,
}
