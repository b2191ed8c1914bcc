//! Attribute Exchange 1.0: fetching only. Nothing is stored at providers, and they are given no
//! `update_url` to send anything to unasked.

use std::collections::BTreeMap;

use super::Signed;
use crate::{message::Fields, names::AX};

/// Values of one attribute.
pub const MAX_VALUES: usize = 16;
/// Characters of one value.
pub const MAX_VALUE: usize = 1024;

/// E-mail address.
pub const EMAIL: &str = "http://axschema.org/contact/email";
/// The same in the first draft's words, which some providers still speak.
pub const EMAIL_OLD: &str = "http://schema.openid.net/contact/email";
/// The whole name.
pub const FULLNAME: &str = "http://axschema.org/namePerson";
/// What the person wants to be called.
pub const NICKNAME: &str = "http://axschema.org/namePerson/friendly";
/// Given name.
pub const FIRST_NAME: &str = "http://axschema.org/namePerson/first";
/// Family name.
pub const LAST_NAME: &str = "http://axschema.org/namePerson/last";
/// Language.
pub const LANGUAGE: &str = "http://axschema.org/pref/language";

/// One attribute that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// A short name without dots, for this message only.
    pub alias: &'static str,
    /// What it is.
    pub kind: &'static str,
    /// Whether the provider is told that nothing works without it.
    pub required: bool,
    /// How many values; 1 is usual.
    pub count: u32,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The attributes.
    pub attributes: Vec<Attribute>,
}

impl Request {
    /// The e-mail address, by both its names, and the names of the person.
    pub fn profile() -> Self {
        let attribute = |alias, kind, required| Attribute { alias, kind, required, count: 1 };
        Self {
            attributes: vec![
                attribute("email", EMAIL, true),
                attribute("email2", EMAIL_OLD, false),
                attribute("fullname", FULLNAME, false),
                attribute("nickname", NICKNAME, false),
            ],
        }
    }

    pub(super) fn add_to(&self, fields: &mut Fields) {
        fields.set("ns.ax", AX);
        fields.set("ax.mode", "fetch_request");
        let mut lists: [(&str, Vec<&str>); 2] =
            [("ax.required", vec![]), ("ax.if_available", vec![])];
        for attribute in &self.attributes {
            fields.set(format!("ax.type.{}", attribute.alias), attribute.kind);
            if attribute.count > 1 {
                fields.set(format!("ax.count.{}", attribute.alias), attribute.count.to_string());
            }
            lists[usize::from(!attribute.required)].1.push(attribute.alias);
        }
        for (name, aliases) in lists {
            if !aliases.is_empty() {
                fields.set(name, aliases.join(","));
            }
        }
    }
}

/// What the provider says: values by the type of the attribute, never by its alias, which the
/// provider chooses (ruby-openid answers `ext0`, `ext1`, …).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    values: BTreeMap<String, Vec<String>>,
}

impl Response {
    /// Reads it; `None` if the provider said nothing signed.
    pub fn read(signed: &Signed) -> Option<Self> {
        let fields = signed.extension(AX)?;
        if fields.get("mode") != Some("fetch_response") {
            return None;
        }
        let mut values = BTreeMap::new();
        for (name, kind) in fields.iter() {
            if let Some(alias) = name.strip_prefix("type.") {
                values.entry(kind.to_owned()).or_insert_with(|| of_alias(&fields, alias));
            }
        }
        Some(Self { values })
    }

    /// The first value of an attribute.
    pub fn first(&self, kind: &str) -> Option<&str> {
        self.all(kind).first().map(String::as_str)
    }

    /// All values of an attribute.
    pub fn all(&self, kind: &str) -> &[String] {
        self.values.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The e-mail address, by any of its names. Unverified.
    pub fn email(&self) -> Option<&str> {
        self.first(EMAIL).or_else(|| self.first(EMAIL_OLD))
    }
}

/// `value.A`, or `value.A.1` to `value.A.n` where `count.A` is n. Neither is no value, not an error:
/// ruby-openid answers so.
fn of_alias(fields: &Fields, alias: &str) -> Vec<String> {
    let names: Vec<String> = match fields.get(&format!("count.{alias}")) {
        None => vec![format!("value.{alias}")],
        Some(count) => {
            let count = count.parse::<usize>().unwrap_or(0).min(MAX_VALUES);
            (1..=count).map(|n| format!("value.{alias}.{n}")).collect()
        }
    };
    names
        .iter()
        .filter_map(|name| fields.get(name))
        .filter(|value| !value.is_empty() && value.chars().count() <= MAX_VALUE)
        .map(str::to_owned)
        .collect()
}
