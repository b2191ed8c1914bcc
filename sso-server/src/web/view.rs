//! Templates and messages: a page is a template, a language and a plain struct.

use std::{borrow::Cow, collections::HashMap};

use fluent_templates::{Loader, fluent_bundle::FluentValue, static_loader};
use rust_embed::RustEmbed;
use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, TeraResult};

use super::{
    locale::{self, Locale},
    pages::assets,
};
use crate::domain::Millis;

static_loader! {
    static MESSAGES = {
        locales: "./locales",
        fallback_language: "en",
        // The marks around inserted values are for running text in two directions; ours has one.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/templates"]
struct Templates;

/// A link to the same page in another language.
#[derive(Clone, Debug, Serialize)]
pub struct LanguageLink {
    /// The language tag.
    pub tag: &'static str,
    /// The language's own name.
    pub name: &'static str,
    /// Where the page is.
    pub href: String,
}

impl LanguageLink {
    /// For the page at `path` with `query`.
    pub fn all(path: &str, query: &str) -> Vec<Self> {
        let to = |one: Locale| {
            let kept = url::form_urlencoded::parse(query.as_bytes())
                .filter(|(name, _)| name != "ui_locales");
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(kept)
                .append_pair("ui_locales", one.tag())
                .finish();
            Self { tag: one.tag(), name: one.name(), href: format!("{path}?{query}") }
        };
        locale::ALL.into_iter().map(to).collect()
    }
}

/// The templates, parsed once.
pub struct View {
    tera: Tera,
    /// The language when a browser asks for none that there is.
    pub default_locale: Locale,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("View")
    }
}

/// A page cannot be drawn: a template and its struct do not fit. A test draws every page.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw {template}: {source}")]
pub struct DrawError {
    template: &'static str,
    source: tera::Error,
}

impl View {
    /// Parses the templates. They are part of the program, so one that does not parse is a broken
    /// build, found by the first test that runs.
    #[expect(clippy::expect_used, reason = "the templates are compiled in and drawn by tests")]
    pub fn new(default_locale: &str) -> Self {
        let mut tera = Tera::new();
        let templates = Templates::iter().map(|name| {
            let data = Templates::get(&name).expect("an embedded file").data.into_owned();
            (name.into_owned(), String::from_utf8(data).expect("templates are UTF-8"))
        });
        tera.register_function("t", looked_up);
        tera.register_function("asset", |kwargs: Kwargs, _: &State| -> TeraResult<String> {
            Ok(assets::url(kwargs.must_get::<&str>("name")?))
        });
        tera.register_filter("iso", |at: i64, _: Kwargs, _: &State| iso(at));
        tera.register_filter("moment", |at: i64, _: Kwargs, _: &State| moment(at));
        tera.add_raw_templates(templates).expect("templates parse");
        let default_locale = Locale::first_of(default_locale).unwrap_or(Locale::En);
        Self { tera, default_locale }
    }

    /// Draws a page.
    pub fn draw(
        &self,
        template: &'static str,
        locale: Locale,
        languages: &[LanguageLink],
        page: &impl Serialize,
    ) -> Result<String, DrawError> {
        let draw = || {
            let mut context = Context::from_serialize(page)?;
            context.insert("lang", locale.tag());
            context.insert("languages", languages);
            self.tera.render(template, &context)
        };
        draw().map_err(|source| DrawError { template, source })
    }
}

/// A message in the page's language: `t(key="login-title", app=app.name)`. A message that does not
/// exist is an error, so that no page shows a key.
fn looked_up(kwargs: Kwargs, state: &State) -> TeraResult<String> {
    let key = kwargs.must_get::<&str>("key")?;
    let lang = state.get::<String>("lang")?.unwrap_or_default();
    let language = lang.parse().map_err(|_| tera::Error::message("not a language"))?;
    let mut values: HashMap<Cow<'static, str>, FluentValue<'_>> = HashMap::new();
    for (name, value) in kwargs.iter() {
        let Some(name) = name.as_str().filter(|name| *name != "key") else { continue };
        let value = match value.as_i64() {
            Some(number) => FluentValue::from(number),
            None => FluentValue::from(value.as_str().unwrap_or_default().to_owned()),
        };
        values.insert(Cow::Owned(name.to_owned()), value);
    }
    MESSAGES
        .try_lookup_with_args(&language, key, &values)
        .ok_or_else(|| tera::Error::message(format!("no message {key} in {lang}")))
}

/// A message for what is not drawn by a template.
pub fn message(
    locale: Locale,
    key: &'static str,
    arguments: &[(&'static str, FluentValue<'_>)],
) -> Result<String, DrawError> {
    let missing = |why: &str| DrawError { template: key, source: tera::Error::message(why) };
    let language = locale.tag().parse().map_err(|_| missing("not a language"))?;
    let values = arguments.iter().map(|(name, value)| (Cow::Borrowed(*name), value.clone()));
    MESSAGES
        .try_lookup_with_args(&language, key, &values.collect())
        .ok_or_else(|| missing("no such message"))
}

fn timestamp(at: Millis) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// For machines: `2026-11-22T12:01:00Z` (RFC 3339).
pub fn iso(at: Millis) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// For people without script: the same in every language, and unmistakable.
fn moment(at: Millis) -> String {
    timestamp(at).strftime("%Y-%m-%d %H:%M UTC").to_string()
}
