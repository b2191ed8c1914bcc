//! Sending a person to Passport and taking them back. Pure: randomness is an argument, cookies and
//! redirects are values.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use url::Url;

use crate::{Settings, wire::RedeemRequest};

/// How long a person may take to sign in, in seconds.
pub const PENDING_SECONDS: i64 = 600;
/// Beginning of the names of the cookies that wait for a callback. The prefix keeps neighbouring
/// hosts from setting one (RFC 6265bis section 4.1.3.2), which is what makes them proof that the
/// login began in this browser (SECURITY-CASES Y-01).
pub const PENDING_PREFIX: &str = "__Host-sso-";
/// The same for sign-ins from within a page: those of redirects are not disturbed by them.
pub const IN_PAGE_PREFIX: &str = "__Host-sso.page-";
/// A cookie of a browser in which somebody signed out of this app alone: it is not let in again
/// behind their back, until they sign in themselves.
pub const LEFT_COOKIE: &str = "__Host-sso.left";
/// Longest path to come back to, in bytes.
const NEXT_MAX: usize = 1_024;
/// Bytes of randomness that [`begin`] takes.
pub const RANDOM_BYTES: usize = 48;

/// What an app may ask of a login.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Where in this app to go on: a path. Anything else means `/`.
    pub next: String,
    /// Whether the person must be asked (OpenID Connect Core 1.0 section 3.1.2.1).
    pub prompt: Prompt,
    /// How long ago the login may lie, in seconds.
    pub max_age: Option<i64>,
    /// Wanted languages of the page.
    pub ui_locales: Option<String>,
}

/// Whether the person must be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// When there is need to.
    #[default]
    WhenNeeded,
    /// Never: come back without a ticket instead.
    Never,
    /// Always.
    Always,
}

/// What waits in the browser, in a cookie of its own, until the person is back.
#[derive(Clone, PartialEq, Eq)]
pub struct Pending {
    /// Comes back in the URL and names the cookie.
    pub state: String,
    verifier: String,
    /// Where in this app to go on.
    pub next: String,
    max_age: Option<i64>,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("next", &self.next).finish_non_exhaustive()
    }
}

/// What a page asks Passport with: the answer to `POST /sso/begin`. Nothing in it is a secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct InPage {
    /// This app's id.
    pub app: String,
    /// Comes back with the ticket, and names the cookie.
    pub state: String,
    /// S256 of the verifier, which stays in the cookie.
    pub challenge: String,
}

/// Begins a sign-in from within a page: what the page asks with, and what to remember. The ticket
/// that it gets is of no use to anybody but the server of this app, together with this browser.
pub fn begin_in_page(settings: &Settings, random: [u8; RANDOM_BYTES]) -> (InPage, Pending) {
    let pending = Pending::fresh(random, "/", None);
    let challenge = pending.challenge();
    (InPage { app: settings.app().to_owned(), state: pending.state.clone(), challenge }, pending)
}

/// Begins a login: where to send the person, and what to remember.
pub fn begin(settings: &Settings, ask: &Ask, random: [u8; RANDOM_BYTES]) -> (String, Pending) {
    let pending = Pending::fresh(random, local_path(&ask.next), ask.max_age);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("app", settings.app())
        .append_pair("return_to", &settings.return_to())
        .append_pair("state", &pending.state)
        .append_pair("challenge", &pending.challenge());
    match ask.prompt {
        Prompt::WhenNeeded => {}
        Prompt::Never => {
            query.append_pair("prompt", "none");
        }
        Prompt::Always => {
            query.append_pair("prompt", "login");
        }
    }
    if let Some(seconds) = ask.max_age {
        query.append_pair("max_age", &seconds.to_string());
    }
    if let Some(languages) = &ask.ui_locales {
        query.append_pair("ui_locales", languages);
    }
    let location = format!("{}/login?{}", settings.passport(), query.finish());
    (location, pending)
}

/// A path inside this app, or `/`. What a browser could take for another host is not one
/// (SECURITY-CASES Y-07): `//evil.example`, `/\evil.example`, a control character in between.
pub fn local_path(path: &str) -> &str {
    let rest = path.strip_prefix('/');
    let local = rest.is_some_and(|rest| !rest.starts_with(['/', '\\']))
        && path.len() <= NEXT_MAX
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    // The last word has the parser that browsers use.
    let stays = || {
        let base = Url::parse("https://here.invalid/").ok()?;
        Some(base.join(path).ok()?.origin() == base.origin())
    };
    if local && stays() == Some(true) { path } else { "/" }
}

impl Pending {
    fn fresh(random: [u8; RANDOM_BYTES], next: &str, max_age: Option<i64>) -> Self {
        Self {
            state: URL_SAFE_NO_PAD.encode(&random[..16]),
            verifier: URL_SAFE_NO_PAD.encode(&random[16..]),
            next: next.to_owned(),
            max_age,
        }
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }

    /// The cookie's name: one a login, so that two tabs do not disturb each other.
    pub fn cookie_name(state: &str) -> String {
        format!("{PENDING_PREFIX}{state}")
    }

    /// The same for a sign-in from within a page.
    pub fn in_page_cookie_name(state: &str) -> String {
        format!("{IN_PAGE_PREFIX}{state}")
    }

    /// The cookie's value. It needs no signature: it says nothing that its owner may not choose, and
    /// nobody else can set it.
    pub fn cookie_value(&self) -> String {
        let age = self.max_age.map_or_else(String::new, |age| age.to_string());
        format!("{}.{age}.{}", self.verifier, URL_SAFE_NO_PAD.encode(&self.next))
    }

    /// Reads the cookie back.
    pub fn from_cookie(state: &str, value: &str) -> Option<Self> {
        let mut parts = value.split('.');
        let (verifier, age, next) = (parts.next()?, parts.next()?, parts.next()?);
        let max_age = if age.is_empty() { None } else { Some(age.parse().ok()?) };
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        let whole = parts.next().is_none() && verifier.len() == 43;
        whole.then(|| Self {
            state: state.to_owned(),
            verifier: verifier.to_owned(),
            next: local_path(&next).to_owned(),
            max_age,
        })
    }

    /// What to send to Passport for the ticket.
    pub fn redeem(&self, settings: &Settings, ticket: &str) -> RedeemRequest {
        RedeemRequest {
            ticket: ticket.to_owned(),
            return_to: Some(settings.return_to()),
            verifier: Some(self.verifier.clone()),
            max_age: self.max_age,
        }
    }

    /// The same for a ticket that a page got: it was issued for no return URL, so that it cannot be
    /// used in a redirect, nor a redirect's here.
    pub fn redeem_in_page(&self, ticket: &str) -> RedeemRequest {
        RedeemRequest {
            ticket: ticket.to_owned(),
            return_to: None,
            verifier: Some(self.verifier.clone()),
            max_age: self.max_age,
        }
    }
}

/// What a page hands to its server: `POST /sso/finish`.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// Of [`InPage`].
    pub state: String,
    /// From Passport.
    pub ticket: String,
}

impl Finish {
    /// Whether state and ticket have the right characters; nothing is looked up or sent on otherwise.
    pub fn is_sound(&self) -> bool {
        is_state(&self.state) && is_ticket(&self.ticket)
    }
}

impl std::fmt::Debug for Finish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Finish(…)")
    }
}

/// What Passport sent back by way of the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The state that the login began with.
    pub state: String,
    /// The ticket, or why there is none.
    pub answer: Answer,
}

/// A ticket, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A ticket to redeem.
    Ticket(String),
    /// Nobody is signed in, and nobody was to be asked.
    LoginRequired,
    /// Another refusal, by its code.
    Refused(String),
}

/// The callback is not one of Passport's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address does not hold exactly one state and one ticket or error")]
pub struct BadCallback;

impl Callback {
    /// Reads the callback's query: each parameter once, of the right characters, before anything is
    /// looked up or sent on (SECURITY-CASES T-11, T-31, Y-04).
    pub fn read(query: &str) -> Result<Self, BadCallback> {
        let (mut state, mut ticket, mut error) = (None, None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "state" => &mut state,
                "ticket" => &mut ticket,
                "error" => &mut error,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(BadCallback);
            }
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let state = state.filter(|state| is_state(state)).ok_or(BadCallback)?;
        let answer = match (ticket, error) {
            (Some(ticket), None) if is_ticket(&ticket) => Answer::Ticket(ticket),
            (None, Some(code)) if code == "login_required" => Answer::LoginRequired,
            (None, Some(code)) if code.len() <= 64 && code.bytes().all(plain) => {
                Answer::Refused(code)
            }
            _ => return Err(BadCallback),
        };
        Ok(Self { state, answer })
    }
}

/// Whether a text is a state of ours: 16 bytes in base64url.
fn is_state(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.len() == 22 && text.bytes().all(plain)
}

/// Whether a text has the shape of a ticket: a compact JWS (RFC 7515 section 7.1).
fn is_ticket(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.len() <= 2_048
        && text.split('.').count() == 3
        && text.split('.').all(|part| !part.is_empty() && part.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new(
            "https://sso.example",
            "aw",
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
            "https://aw.example",
        )
        .unwrap()
    }

    #[test]
    fn there_and_back() {
        let ask = Ask { next: "/members?x=1".into(), max_age: Some(60), ..Ask::default() };
        let (location, pending) = begin(&settings(), &ask, [7; RANDOM_BYTES]);
        let url = Url::parse(&location).unwrap();
        assert_eq!((url.host_str(), url.path()), (Some("sso.example"), "/login"));
        assert!(!location.contains(&pending.verifier), "the verifier stays with us");
        let back = Pending::from_cookie(&pending.state, &pending.cookie_value()).unwrap();
        assert_eq!(back, pending);
        let redeem = back.redeem(&settings(), "a.b.c");
        assert_eq!(redeem.return_to.as_deref(), Some("https://aw.example/sso/callback"));
        assert_eq!(redeem.max_age, Some(60));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(redeem.verifier.unwrap()));
        assert!(location.contains(&challenge));
    }

    // SECURITY-CASES J-08: no return URL, and always a verifier.
    #[test]
    fn in_a_page() {
        let (sent, pending) = begin_in_page(&settings(), [9; RANDOM_BYTES]);
        let redeem = pending.redeem_in_page("a.b.c");
        assert_eq!((redeem.return_to, sent.app.as_str()), (None, "aw"));
        let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(redeem.verifier.unwrap()));
        assert_eq!((sent.challenge, sent.state), (hashed, pending.state.clone()));
        let name = Pending::in_page_cookie_name(&pending.state);
        assert!(
            !name.starts_with(PENDING_PREFIX),
            "a redirect's cookies are counted by themselves"
        );
        let finish = |state: &str, ticket: &str| {
            Finish { state: state.into(), ticket: ticket.into() }.is_sound()
        };
        assert!(finish(&pending.state, "a.b.c"));
        assert!(!finish("short", "a.b.c") && !finish(&pending.state, "a.b"));
    }

    // SECURITY-CASES Y-07.
    #[test]
    fn only_paths_of_this_app() {
        for good in ["/", "/members", "/a/b?c=d&e=/f", "/%2F%2Fevil.example"] {
            assert_eq!(local_path(good), good);
        }
        for bad in [
            "",
            "members",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil",
            "/\t/evil.example",
            "/a\\b",
            "https://evil.example",
            "javascript:alert(1)",
            "/é",
            "/a b",
            "/\n/x",
        ] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }

    // SECURITY-CASES T-11, T-31.
    #[test]
    fn callbacks() {
        let state = "AAAAAAAAAAAAAAAAAAAAAA";
        let read = |query: &str| Callback::read(query).map(|callback| callback.answer);
        assert_eq!(
            read(&format!("ticket=a.b.c&state={state}")),
            Ok(Answer::Ticket("a.b.c".into()))
        );
        assert_eq!(read(&format!("error=login_required&state={state}")), Ok(Answer::LoginRequired));
        assert_eq!(
            read(&format!("error=server_error&state={state}")),
            Ok(Answer::Refused("server_error".into()))
        );
        for bad in [
            "ticket=a.b.c".to_owned(),
            format!("state={state}"),
            format!("ticket=a.b.c&ticket=d.e.f&state={state}"),
            format!("ticket=a.b.c&state={state}&state={state}"),
            format!("ticket=a.b.c&error=x&state={state}"),
            format!("ticket=a.b&state={state}"),
            format!("ticket=a.b.c%26pgtUrl%3Dx&state={state}"),
            format!("ticket=a.b.c%00&state={state}"),
            format!("ticket=a.b.c%0d%0a&state={state}"),
            format!("ticket=a..c&state={state}"),
            format!("ticket={}.b.c&state={state}", "a".repeat(4_000)),
            "ticket=a.b.c&state=short".to_owned(),
            format!("error=%3Cscript%3E&state={state}"),
        ] {
            assert_eq!(read(&bad), Err(BadCallback), "{bad}");
        }
    }

    #[test]
    fn spoilt_cookies() {
        for bad in [
            "",
            "a.b",
            "x..L3g",
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG..!!",
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG.x.L3g",
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG..L3g.more",
        ] {
            assert_eq!(Pending::from_cookie("s", bad), None, "{bad}");
        }
    }
}
