//! Languages of the pages.

use actix_web::{
    HttpRequest,
    http::{
        Uri,
        header::{ACCEPT_LANGUAGE, COOKIE, HeaderValue},
    },
};
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
        Wishes::of(request).locale(default)
    }
}

/// What a request says about languages, for whoever knows only after it whether a page is drawn. Most
/// answers are redirects: keeping this costs next to nothing, reading it does not.
#[derive(Debug)]
pub struct Wishes {
    uri: Uri,
    cookies: Option<HeaderValue>,
    accepted: Option<HeaderValue>,
}

impl Wishes {
    /// Of this request.
    pub fn of(request: &HttpRequest) -> Self {
        let header = |name| request.headers().get(name).cloned();
        let (cookies, accepted) = (header(COOKIE), header(ACCEPT_LANGUAGE));
        Self { uri: request.uri().clone(), cookies, accepted }
    }

    /// What the URL asks for, what was chosen before, what the browser prefers.
    pub fn locale(&self, default: Locale) -> Locale {
        let chosen = || {
            let cookie = cookies::read_from(self.cookies.as_ref()?, cookies::LANGUAGE)?;
            Locale::first_of(cookie)
        };
        let preferred = || Locale::first_of(self.accepted.as_ref()?.to_str().ok()?);
        asked_in(&self.uri).or_else(chosen).or_else(preferred).unwrap_or(default)
    }
}

/// What `ui_locales` of the URL asks for (OpenID Connect Core 1.0 section 3.1.2.1).
pub fn asked_for(request: &HttpRequest) -> Option<Locale> {
    asked_in(request.uri())
}

fn asked_in(uri: &Uri) -> Option<Locale> {
    let query = uri.query()?.as_bytes();
    let (_, value) = url::form_urlencoded::parse(query).find(|(name, _)| name == "ui_locales")?;
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
