//! Provider Authentication Policy Extension 1.0: how, and when, the person was authenticated.
//!
//! It is the provider's word. It means something from providers whose word means something.

use std::collections::BTreeMap;

use super::Signed;
use crate::{
    message::Fields,
    names::{PAPE, UnixSeconds},
};

/// A password cannot be stolen by a look-alike.
pub const PHISHING_RESISTANT: &str =
    "http://schemas.openid.net/pape/policies/2007/06/phishing-resistant";
/// More than one factor.
pub const MULTI_FACTOR: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";
/// More than one factor, one of them a device.
pub const PHYSICAL_MULTI_FACTOR: &str =
    "http://schemas.openid.net/pape/policies/2007/06/multi-factor-physical";
/// No policy, in the words of the final specification; a draft says `none`.
const NONE: &str = "http://schemas.openid.net/pape/policies/2007/06/none";

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The person must have been authenticated within so many seconds.
    pub max_auth_age: Option<u32>,
    /// Policies that we would like, as URLs.
    pub preferred: Vec<String>,
}

impl Request {
    pub(super) fn add_to(&self, fields: &mut Fields) {
        fields.set("ns.pape", PAPE);
        if let Some(age) = self.max_auth_age {
            fields.set("pape.max_auth_age", age.to_string());
        }
        fields.set("pape.preferred_auth_policies", self.preferred.join(" "));
    }
}

/// What the provider says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Policies that were kept, as URLs.
    pub policies: Vec<String>,
    /// When the person was authenticated.
    pub auth_time: Option<UnixSeconds>,
    /// Levels of assurance, by the URL of their scheme.
    pub levels: BTreeMap<String, String>,
}

impl Response {
    /// Reads it; `None` if the provider said nothing signed.
    pub fn read(signed: &Signed) -> Option<Self> {
        let fields = signed.extension(PAPE)?;
        let policies = fields.get("auth_policies").unwrap_or_default();
        let policies = policies.split(' ').filter(|policy| !matches!(*policy, "" | "none" | NONE));
        let levels = fields.iter().filter_map(|(name, scheme)| {
            let alias = name.strip_prefix("auth_level.ns.")?;
            let level = fields.get(&format!("auth_level.{alias}"))?;
            Some((scheme.to_owned(), level.to_owned()))
        });
        Some(Self {
            policies: policies.map(str::to_owned).collect(),
            auth_time: fields.get("auth_time").and_then(time),
            levels: levels.collect(),
        })
    }

    /// Whether the provider says that the person was authenticated within `max_age` seconds. A time
    /// in the future is no time.
    pub fn is_fresh(&self, max_age: u32, now: UnixSeconds, skew: UnixSeconds) -> bool {
        self.auth_time
            .is_some_and(|at| at <= now + skew && at >= now - UnixSeconds::from(max_age) - skew)
    }
}

/// `YYYY-MM-DDThh:mm:ssZ`, nothing after it.
fn time(text: &str) -> Option<UnixSeconds> {
    if text.len() == 20 { crate::nonce::made_at(text) } else { None }
}
