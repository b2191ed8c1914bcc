//! Languages of the pages.

use actix_web::{HttpRequest, http::header::ACCEPT_LANGUAGE};
use serde::Serialize;

use super::cookies;

/// A language that there are messages for. What a browser asks for only ever chooses among these
/// (SECURITY-CASES X-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English.
    En,
    /// Chinese, simplified.
    Zh,
    /// Russian.
    Ru,
}

/// All of them, in the order of the language links.
pub const ALL: [Locale; 3] = [Locale::En, Locale::Zh, Locale::Ru];

impl Locale {
    /// The language tag (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
            Self::Ru => "ru",
        }
    }

    /// Its own name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Zh => "中文",
            Self::Ru => "Русский",
        }
    }

    /// The first that a list of tags names: `ru-RU fr` or `ru-RU,ru;q=0.9`.
    pub fn first_of(tags: &str) -> Option<Self> {
        let mut wanted: Vec<(f32, Self)> = tags
            .split([',', ' '])
            .take(16)
            .filter_map(|part| {
                let (tag, quality) = part.split_once(";q=").unwrap_or((part, "1"));
                let language = tag.trim().split(['-', '_']).next().unwrap_or_default();
                let locale =
                    ALL.into_iter().find(|known| known.tag().eq_ignore_ascii_case(language))?;
                Some((quality.trim().parse().unwrap_or(0.0), locale))
            })
            .filter(|(quality, _)| *quality > 0.0)
            .collect();
        wanted.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        wanted.first().map(|(_, locale)| *locale)
    }

    /// For this request: what the URL asks for, what was chosen before, what the browser prefers.
    pub fn of(request: &HttpRequest, default: Self) -> Self {
        let asked = asked_for(request);
        let chosen = || cookies::read(request, cookies::LANGUAGE).and_then(Self::first_of);
        let preferred = || {
            let header = request.headers().get(ACCEPT_LANGUAGE)?.to_str().ok()?;
            Self::first_of(header)
        };
        asked.or_else(chosen).or_else(preferred).unwrap_or(default)
    }
}

/// What `ui_locales` of the URL asks for (OpenID Connect Core 1.0 section 3.1.2.1).
pub fn asked_for(request: &HttpRequest) -> Option<Locale> {
    let query = request.query_string();
    let (_, value) =
        url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "ui_locales")?;
    Locale::first_of(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        assert_eq!(Locale::first_of("ru-RU,ru;q=0.9,en;q=0.8"), Some(Locale::Ru));
        assert_eq!(Locale::first_of("fr, en;q=0.3, zh-CN;q=0.5"), Some(Locale::Zh));
        assert_eq!(Locale::first_of("fr zh_TW en"), Some(Locale::Zh));
        assert_eq!(Locale::first_of("EN"), Some(Locale::En));
        for none in ["", "fr", "../../etc/passwd", "en;q=0", "*"] {
            assert_eq!(Locale::first_of(none), None, "{none}");
        }
    }
}
