//! Simple Registration 1.0 and 1.1.

use super::Signed;
use crate::{
    message::Fields,
    names::{SREG_1_0, SREG_1_1, Version},
};

/// Characters of a value.
pub const MAX_VALUE: usize = 255;

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// What the person wants to be called.
    Nickname,
    /// An e-mail address, unverified.
    Email,
    /// The whole name.
    Fullname,
    /// Date of birth.
    Dob,
    /// `M` or `F`.
    Gender,
    /// Postal code.
    Postcode,
    /// Country, ISO 3166.
    Country,
    /// Language, ISO 639.
    Language,
    /// A zone of the tz database.
    Timezone,
}

impl Field {
    /// The word of the standard.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nickname => "nickname",
            Self::Email => "email",
            Self::Fullname => "fullname",
            Self::Dob => "dob",
            Self::Gender => "gender",
            Self::Postcode => "postcode",
            Self::Country => "country",
            Self::Language => "language",
            Self::Timezone => "timezone",
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The provider is told that nothing works without these. It may leave them out.
    pub required: Vec<Field>,
    /// These would be nice.
    pub optional: Vec<Field>,
    /// What is done with them.
    pub policy_url: Option<String>,
}

impl Request {
    pub(super) fn add_to(&self, fields: &mut Fields, version: Version) {
        if version == Version::V2 {
            fields.set("ns.sreg", SREG_1_1);
        }
        for (name, list) in [("sreg.required", &self.required), ("sreg.optional", &self.optional)] {
            if !list.is_empty() {
                let words: Vec<&str> = list.iter().map(|field| field.as_str()).collect();
                fields.set(name, words.join(","));
            }
        }
        if let Some(url) = &self.policy_url {
            fields.set("sreg.policy_url", url);
        }
    }
}

/// What the provider says. Anything may be missing, whatever was required.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// What the person wants to be called.
    pub nickname: Option<String>,
    /// An e-mail address, unverified.
    pub email: Option<String>,
    /// The whole name.
    pub fullname: Option<String>,
    /// `YYYY-MM-DD`; parts that are not told are zeros.
    pub dob: Option<String>,
    /// `M` or `F`.
    pub gender: Option<String>,
    /// Postal code.
    pub postcode: Option<String>,
    /// Country, ISO 3166.
    pub country: Option<String>,
    /// Language, ISO 639.
    pub language: Option<String>,
    /// A zone of the tz database.
    pub timezone: Option<String>,
}

impl Response {
    /// Reads it; `None` if the provider said nothing signed.
    pub fn read(signed: &Signed) -> Option<Self> {
        let fields = signed.extension(SREG_1_1).or_else(|| signed.extension(SREG_1_0))?;
        let value = |field: Field| {
            let value = fields.get(field.as_str())?.trim();
            let fits = !value.is_empty() && value.chars().count() <= MAX_VALUE;
            fits.then(|| value.to_owned())
        };
        Some(Self {
            nickname: value(Field::Nickname),
            email: value(Field::Email),
            fullname: value(Field::Fullname),
            dob: value(Field::Dob).filter(|dob| is_date(dob)),
            gender: value(Field::Gender).filter(|gender| gender == "M" || gender == "F"),
            postcode: value(Field::Postcode),
            country: value(Field::Country),
            language: value(Field::Language),
            timezone: value(Field::Timezone),
        })
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().zip(b"dddd-dd-dd").all(|(is, should)| match should {
            b'd' => is.is_ascii_digit(),
            mark => is == *mark,
        })
}
