//! Extensions: what else a provider says of a person (section 12).
//!
//! A field counts only if it *and* the `ns.<alias>` line that gives it its meaning are signed;
//! everything else is dropped without a word (SECURITY-CASES O-03; CVE-2011-4314). And what counts
//! is still only the claim of that provider about its own user: an e-mail address from here is
//! unverified, and never the key of an account.

pub mod ax;
pub mod pape;
pub mod sreg;
pub mod ui;

use crate::{
    message::Fields,
    names::{SREG_1_0, SREG_1_1, Version},
};

/// What is asked for besides the identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Simple Registration.
    pub sreg: Option<sreg::Request>,
    /// Attribute Exchange.
    pub ax: Option<ax::Request>,
    /// How the person is to be authenticated.
    pub pape: Option<pape::Request>,
    /// In which language the provider should speak.
    pub ui: Option<ui::Request>,
}

impl Extensions {
    pub(crate) fn add_to(&self, fields: &mut Fields, version: Version) {
        if let Some(sreg) = &self.sreg {
            sreg.add_to(fields, version);
        }
        if let Some(ax) = &self.ax {
            ax.add_to(fields);
        }
        if let Some(pape) = &self.pape {
            pape.add_to(fields);
        }
        if let Some(ui) = &self.ui {
            ui.add_to(fields);
        }
    }
}

/// Words that are no aliases (section 12).
const RESERVED: [&str; 24] = [
    "assoc_handle",
    "assoc_type",
    "claimed_id",
    "contact",
    "delegate",
    "dh_consumer_public",
    "dh_gen",
    "dh_modulus",
    "error",
    "identity",
    "invalidate_handle",
    "mode",
    "ns",
    "op_endpoint",
    "openid",
    "realm",
    "reference",
    "response_nonce",
    "return_to",
    "server",
    "session_type",
    "sig",
    "signed",
    "trust_root",
];

/// The fields of a verified answer that were signed. Nothing else of it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    version: Version,
    fields: Fields,
}

impl Signed {
    /// Keeps the named ones.
    pub(crate) fn of(version: Version, all: &Fields, names: &[&str]) -> Self {
        let mut fields = Fields::new();
        for (name, value) in all.iter().filter(|(name, _)| names.contains(name)) {
            fields.set(name, value);
        }
        Self { version, fields }
    }

    /// A signed field of the message itself.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }

    /// The fields of one extension, without their alias; `None` if it is not there. Two aliases for
    /// one extension say nothing: one could not tell which is meant.
    pub fn extension(&self, namespace: &str) -> Option<Fields> {
        let mut aliases = self.fields.iter().filter_map(|(name, value)| {
            let alias = name.strip_prefix("ns.")?;
            (value == namespace && alias_fits(alias)).then_some(alias)
        });
        let alias = aliases.next();
        if aliases.next().is_some() {
            return None;
        }
        // Version 1 has Simple Registration without a line that says so.
        let implied = self.version == Version::V1
            && [SREG_1_0, SREG_1_1].contains(&namespace)
            && self.fields.get("ns.sreg").is_none();
        let alias = alias.or(implied.then_some("sreg"))?;
        let mut found = Fields::new();
        for (name, value) in self.fields.iter() {
            let rest = name.strip_prefix(alias).and_then(|rest| rest.strip_prefix('.'));
            if let Some(rest) = rest {
                found.set(rest, value);
            }
        }
        (!found.is_empty()).then_some(found)
    }
}

fn alias_fits(alias: &str) -> bool {
    !alias.is_empty() && !alias.contains(['.', ',', ':']) && !RESERVED.contains(&alias)
}
