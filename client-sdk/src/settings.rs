//! What an app says once.

use std::{fmt, time::Duration};

use secrecy::SecretString;
use url::Url;

use crate::webhook::{Secret, SecretError};

/// Where Passport is, who this app is, and how it wants to be treated.
#[derive(Clone, Debug)]
pub struct Settings {
    passport: String,
    app: String,
    secret: SecretString,
    base_url: String,
    events_secrets: Vec<Secret>,
    /// Where the SDK's routes are: `/sso`, so that `/sso/callback` must be registered. A path that
    /// begins with a slash and does not end with one.
    pub mount: String,
    /// How long this app trusts what it knows without having heard from Passport; `None` takes the
    /// lease that Passport grants (a minute, if nobody changed it).
    pub max_staleness: Option<Duration>,
    /// What happens then.
    pub when_stale: WhenStale,
    /// Names this running copy of the app, by 1 to 64 letters, digits, `.`, `_` or `-`; chosen at
    /// random when `None`.
    pub instance: Option<String>,
    /// The version of the app, shown beside the instance where admins wait for it.
    pub version: Option<String>,
}

/// What an app does with its sessions when it has not heard from Passport for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenStale {
    /// Refuse them: a logout may have been missed. Pages say that the sign-in service is away.
    Refuse,
    /// Go on, until each session's own end. A logout is then obeyed late.
    Continue,
}

/// The settings do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not a URL, or more than scheme, host and port.
    #[error(
        "{what} `{given}` must be scheme and host alone, such as https://sso.example, without a slash at the end"
    )]
    Url {
        /// Which setting.
        what: &'static str,
        /// What was given.
        given: String,
    },
    /// Plain HTTP to a host on the network.
    #[error("{what} `{given}` must begin with https:// unless its host is localhost")]
    Insecure {
        /// Which setting.
        what: &'static str,
        /// What was given.
        given: String,
    },
    /// No app id.
    #[error("the app's id is empty")]
    App,
    /// A secret that nobody could have been given by Passport (SECURITY-CASES T-21).
    #[error(
        "the app's secret is not one that Passport made: 43 characters of base64url are expected"
    )]
    Secret,
    /// Not a path that routes can be below.
    #[error("mount `{0}` must be a path such as /sso, without a slash at the end")]
    Mount(String),
    /// Not a name that Passport takes.
    #[error("instance `{0}` must have 1 to 64 characters of letters, digits, '.', '_' and '-'")]
    Instance(String),
    /// An events secret that nobody could have been given by Passport.
    #[error(transparent)]
    EventsSecret(#[from] SecretError),
}

impl Settings {
    /// The URL of Passport, this app's id and secret there, and this app's own URL. Both URLs are
    /// the ones that browsers use; the app's own is never guessed from a request (SECURITY-CASES
    /// Y-03).
    pub fn new(
        passport: impl Into<String>,
        app: impl Into<String>,
        secret: impl Into<String>,
        base_url: impl Into<String>,
    ) -> Result<Self, SettingsError> {
        let (passport, app, secret, base_url) =
            (passport.into(), app.into(), secret.into(), base_url.into());
        check_origin("the URL of Passport", &passport)?;
        check_origin("the app's own URL", &base_url)?;
        if app.is_empty() {
            return Err(SettingsError::App);
        }
        let made_by_passport = secret.len() == 43
            && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && secret.bytes().any(|b| Some(b) != secret.bytes().next());
        if !made_by_passport {
            return Err(SettingsError::Secret);
        }
        Ok(Self {
            passport,
            app,
            secret: secret.into(),
            base_url,
            events_secrets: Vec::new(),
            mount: "/sso".to_owned(),
            max_staleness: None,
            when_stale: WhenStale::Refuse,
            instance: None,
            version: None,
        })
    }

    /// Whether the fields that can be set freely fit: with others, no answer could ever come.
    pub fn check(&self) -> Result<(), SettingsError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let segment = |part: &str| !part.is_empty() && part.bytes().all(plain);
        if !self.mount.strip_prefix('/').is_some_and(|path| path.split('/').all(segment)) {
            return Err(SettingsError::Mount(self.mount.clone()));
        }
        match &self.instance {
            Some(name) if name.len() > 64 || !segment(name) => {
                Err(SettingsError::Instance(name.clone()))
            }
            _ => Ok(()),
        }
    }

    /// The URL of Passport.
    pub fn passport(&self) -> &str {
        &self.passport
    }

    /// This app's id.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// This app's secret.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// This app's own URL.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Lets Passport push events to `{mount}/events`, signed with this secret. While it is being
    /// rotated, call this twice: either is believed.
    pub fn accept_events(mut self, secret: &str) -> Result<Self, SettingsError> {
        self.events_secrets.push(Secret::parse(secret)?);
        Ok(self)
    }

    /// The events secrets that are believed.
    pub fn events_secrets(&self) -> &[Secret] {
        &self.events_secrets
    }

    /// The return URL, as it must be registered.
    pub fn return_to(&self) -> String {
        format!("{}{}/callback", self.base_url, self.mount)
    }
}

fn check_origin(what: &'static str, given: &str) -> Result<(), SettingsError> {
    let malformed = || SettingsError::Url { what, given: given.to_owned() };
    let url = Url::parse(given).map_err(|_| malformed())?;
    if url.origin().ascii_serialization() != given {
        return Err(malformed());
    }
    let local = url.host_str().is_some_and(is_localhost);
    if url.scheme() != "https" && !(url.scheme() == "http" && local) {
        return Err(SettingsError::Insecure { what, given: given.to_owned() });
    }
    Ok(())
}

/// Whether a host name is loopback by definition (RFC 6761 section 6.3), or a loopback address.
pub fn is_localhost(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for WhenStale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuse => "refuse",
            Self::Continue => "continue",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    #[test]
    fn what_fits() {
        let settings =
            Settings::new("https://sso.example", "aw", SECRET, "http://aw.localhost:8801").unwrap();
        assert_eq!(settings.return_to(), "http://aw.localhost:8801/sso/callback");
        assert!(!format!("{settings:?}").contains(SECRET), "secrets do not print");
    }

    #[test]
    fn free_fields() {
        let settings =
            Settings::new("https://sso.example", "aw", SECRET, "https://aw.example").unwrap();
        let mounted = |mount: &str| Settings { mount: mount.into(), ..settings.clone() }.check();
        for good in ["/sso", "/a/b", "/sign-in_2"] {
            assert_eq!(mounted(good), Ok(()), "{good}");
        }
        for bad in ["", "/", "sso", "/sso/", "//sso", "/s so", "/sso?x", "/{name}"] {
            assert_eq!(mounted(bad), Err(SettingsError::Mount(bad.into())), "{bad}");
        }
        let named =
            |name: &str| Settings { instance: Some(name.into()), ..settings.clone() }.check();
        for good in ["web-1.eu_a", &"x".repeat(64)] {
            assert_eq!(named(good), Ok(()), "{good}");
        }
        for bad in ["", "web 1", "web/1", "\u{e9}", &"x".repeat(65)] {
            assert_eq!(named(bad), Err(SettingsError::Instance(bad.into())), "{bad}");
        }
    }

    // SECURITY-CASES T-21.
    #[test]
    fn what_does_not() {
        let with =
            |passport, secret, base| Settings::new(passport, "aw", secret, base).unwrap_err();
        let zeros = "0".repeat(43);
        for secret in ["", "short", &zeros, "not base64url! 0123456789abcdefghijklmnopqr"] {
            assert_eq!(
                with("https://sso.example", secret, "https://aw.example"),
                SettingsError::Secret
            );
        }
        for url in [
            "",
            "sso.example",
            "https://sso.example/",
            "https://sso.example/x",
            "https://u@sso.example",
        ] {
            assert!(
                matches!(with(url, SECRET, "https://aw.example"), SettingsError::Url { .. }),
                "{url}"
            );
        }
        assert!(matches!(
            with("http://sso.example", SECRET, "https://aw.example"),
            SettingsError::Insecure { .. }
        ));
        assert!(matches!(
            with("https://sso.example", SECRET, "http://localhost.evil.example"),
            SettingsError::Insecure { .. }
        ));
    }
}
