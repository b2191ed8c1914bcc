//! Templates and messages: a page is a template, a language and a plain struct.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use fluent_templates::{Loader, fluent_bundle::FluentValue, static_loader};
use rust_embed::RustEmbed;
use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, TeraResult};

use super::{
    locale::{self, Locale},
    pages::assets,
};
use crate::domain::{Millis, device::Words};

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
        // A page at `//host` would lead to that host (SECURITY-CASES R-16).
        let path = format!("/{}", path.trim_start_matches(['/', '\\']));
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

/// The templates, parsed when the first page is drawn. They are part of the program, so one that does
/// not parse is a broken build, found by the first test that runs.
static TEMPLATES: LazyLock<Tera> = LazyLock::new(parse);

/// Draws pages.
#[derive(Debug)]
pub struct View {
    /// The language when a browser asks for none that there is.
    pub default_locale: Locale,
}

/// A page cannot be drawn: a template and its struct do not fit. A test draws every page.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw {template}: {source}")]
pub struct DrawError {
    template: &'static str,
    source: tera::Error,
}

impl View {
    /// In a language, unless a browser asks for another.
    pub fn new(default_locale: &str) -> Self {
        Self { default_locale: Locale::first_of(default_locale).unwrap_or(Locale::En) }
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
            TEMPLATES.render(template, &context)
        };
        draw().map_err(|source| DrawError { template, source })
    }
}

#[expect(clippy::expect_used, reason = "the templates are compiled in and drawn by tests")]
fn parse() -> Tera {
    let mut tera = Tera::new();
    let templates = Templates::iter().map(|name| {
        let data = Templates::get(&name).expect("an embedded file").data.into_owned();
        (name.into_owned(), String::from_utf8(data).expect("templates are UTF-8"))
    });
    tera.register_function("t", looked_up);
    tera.register_function("asset", |kwargs: Kwargs, _: &State| -> TeraResult<String> {
        Ok(assets::url(kwargs.must_get::<&str>("name")?))
    });
    tera.register_filter("device", device);
    tera.register_filter("iso", |at: i64, _: Kwargs, _: &State| iso(at));
    tera.register_filter("moment", |at: i64, _: Kwargs, _: &State| moment(at));
    tera.add_raw_templates(templates).expect("templates parse");
    tera
}

/// A message in the page's language: `t(key="login-title", app=app.name)`. A message that does not
/// exist is an error, so that no page shows a key.
fn looked_up(kwargs: Kwargs, state: &State) -> TeraResult<String> {
    let key = kwargs.must_get::<&str>("key")?;
    let mut values = Values::new();
    for (name, value) in kwargs.iter() {
        let Some(name) = name.as_str().filter(|name| *name != "key") else { continue };
        let value = match value.as_i64() {
            Some(number) => FluentValue::from(number),
            None => FluentValue::from(value.as_str().unwrap_or_default().to_owned()),
        };
        values.insert(Cow::Owned(name.to_owned()), value);
    }
    look_up(state, key, &values)
}

type Values<'a> = HashMap<Cow<'static, str>, FluentValue<'a>>;

fn look_up(state: &State, key: &str, values: &Values<'_>) -> TeraResult<String> {
    let lang = state.get::<String>("lang")?.unwrap_or_default();
    let language = lang.parse().map_err(|_| tera::Error::message("not a language"))?;
    MESSAGES
        .try_lookup_with_args(&language, key, values)
        .ok_or_else(|| tera::Error::message(format!("no message {key} in {lang}")))
}

/// A message for what is not drawn by a template.
pub fn message(
    locale: Locale,
    key: &str,
    arguments: &[(&'static str, FluentValue<'_>)],
) -> Result<String, DrawError> {
    let missing = |why: &str| DrawError {
        template: "a message",
        source: tera::Error::message(format!("{key}: {why}")),
    };
    let language = locale.tag().parse().map_err(|_| missing("not a language"))?;
    let values = arguments.iter().map(|(name, value)| (Cow::Borrowed(*name), value.clone()));
    MESSAGES
        .try_lookup_with_args(&language, key, &values.collect())
        .ok_or_else(|| missing("no such message"))
}

/// A device's label in the page's language.
fn device(label: &str, _: Kwargs, state: &State) -> TeraResult<String> {
    let Words::Known { browser, system } = Words::of(label) else {
        return look_up(state, "device-unknown", &Values::new());
    };
    let browser = match browser {
        Some(name) => name.to_owned(),
        None => look_up(state, "device-browser", &Values::new())?,
    };
    match system {
        None => Ok(browser),
        Some(system) => {
            let words = [("browser", browser.into()), ("system", system.into())];
            let words = words.map(|(name, value)| (Cow::Borrowed(name), value));
            look_up(state, "device-on", &Values::from(words))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(locale: Locale, template: &str) -> String {
        let mut templates = parse();
        templates.add_raw_template("test", template).unwrap();
        let mut context = Context::new();
        context.insert("lang", locale.tag());
        templates.render("test", &context).unwrap()
    }

    /// A message that one language lacks would come in English.
    #[test]
    fn every_language_has_every_message() {
        let keys = |tag: &str| -> Vec<String> {
            let mut keys = Vec::new();
            for file in ["passport", "admin", "doctor"] {
                let file = format!("{}/locales/{tag}/{file}.ftl", env!("CARGO_MANIFEST_DIR"));
                let text = std::fs::read_to_string(file).unwrap();
                let key = |line: &str| Some(line.split_once(" =")?.0.to_owned());
                keys.extend(text.lines().filter(|line| !line.starts_with(' ')).filter_map(key));
            }
            keys
        };
        for locale in locale::ALL {
            assert_eq!(keys(locale.tag()), keys("en"), "{}", locale.tag());
        }
    }

    #[test]
    fn devices_in_the_pages_language() {
        let template = r#"{{ "Firefox on Windows" | device }}, {{ "Browser on Linux" | device }}, {{ "Safari" | device }}, {{ "Unknown device" | device }}"#;
        for (locale, expected) in [
            (Locale::En, "Firefox on Windows, Browser on Linux, Safari, Unknown device"),
            (Locale::Zh, "Windows 上的 Firefox, Linux 上的 浏览器, Safari, 未知设备"),
            (Locale::Ru, "Firefox на Windows, Браузер на Linux, Safari, Неизвестное устройство"),
        ] {
            assert_eq!(draw(locale, template), expected);
        }
    }

    #[test]
    fn numbers_choose_the_form_of_the_word() {
        let template = r#"{{ t(key="setup-password-short", min=1) }}|{{ t(key="setup-password-short", min=8) }}|{{ t(key="setup-password-short", min=21) }}"#;
        for (locale, words) in [
            (Locale::En, ["1 character.", "8 characters.", "21 characters."]),
            (Locale::Zh, ["1 个字符。", "8 个字符。", "21 个字符。"]),
            (Locale::Ru, ["1 символа.", "8 символов.", "21 символа."]),
        ] {
            let drawn = draw(locale, template);
            for (sentence, words) in drawn.split('|').zip(words) {
                assert!(sentence.ends_with(words), "{sentence}: {words}");
            }
        }
    }
}
