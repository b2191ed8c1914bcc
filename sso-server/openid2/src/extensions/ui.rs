//! User Interface Extension 1.0: in which language the provider should speak.

use crate::{message::Fields, names::UI};

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Languages, best first, as in BCP 47: `zh-CN`.
    pub languages: Vec<String>,
}

impl Request {
    pub(super) fn add_to(&self, fields: &mut Fields) {
        if !self.languages.is_empty() {
            fields.set("ns.ui", UI);
            fields.set("ui.lang", self.languages.join(","));
        }
    }
}
