//! What people type: URLs and XRIs, and how they are told apart (section 7.2).

mod xri;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::xri::{NotAuthoritative, Xri, canonical_id};
use crate::url::{UrlError, WebUrl, strip_ignoring_case};

/// Bytes of what may be typed.
pub const MAX_INPUT: usize = 2048;

/// An identifier in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Identifier {
    /// A URL.
    Url(WebUrl),
    /// An XRI: `=example`.
    Xri(Xri),
}

/// What somebody typed into the field `openid_identifier`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInput {
    /// The identifier. Without a scheme it is an http URL, says the standard.
    pub identifier: Identifier,
    /// Whether we chose the scheme. Then discovery tries https first.
    pub scheme_assumed: bool,
}

/// Why what was typed is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Nothing was typed.
    #[error("no identifier was given")]
    Empty,
    /// Longer than [`MAX_INPUT`].
    #[error("the identifier is too long")]
    TooLong,
    /// Control characters, or what no XRI has.
    #[error("the identifier has a character that does not belong there")]
    Character,
    /// Neither http nor https.
    #[error("the identifier is neither an http nor an https URL")]
    Scheme,
    /// No URL.
    #[error(transparent)]
    Url(#[from] UrlError),
}

impl UserInput {
    /// Reads what was typed. An e-mail address is no OpenID: it is refused as a URL with a user.
    pub fn parse(typed: &str) -> Result<Self, IdentifierError> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(IdentifierError::Empty);
        }
        if typed.len() > MAX_INPUT {
            return Err(IdentifierError::TooLong);
        }
        if typed.chars().any(char::is_control) {
            return Err(IdentifierError::Character);
        }
        let stripped = strip_ignoring_case(typed, "xri://");
        if stripped.is_some() || Xri::begins(typed) {
            let xri = Xri::parse(stripped.unwrap_or(typed))?;
            return Ok(Self { identifier: Identifier::Xri(xri), scheme_assumed: false });
        }
        let given = ["http://", "https://"]
            .iter()
            .any(|scheme| strip_ignoring_case(typed, scheme).is_some());
        if !given && other_scheme(typed) {
            return Err(IdentifierError::Scheme);
        }
        let url = if given {
            WebUrl::normalise(typed)
        } else {
            WebUrl::normalise(&format!("http://{typed}"))
        }?;
        Ok(Self { identifier: Identifier::Url(url), scheme_assumed: !given })
    }
}

/// Whether a text without `http://` begins with some scheme. `localhost:8080/x` does not: what
/// follows the colon there is a port.
fn other_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let mut letters = scheme.bytes();
    let is_scheme = letters.next().is_some_and(|b| b.is_ascii_alphabetic())
        && letters.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let port = rest.split(['/', '?', '#']).next().unwrap_or_default();
    is_scheme && (port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()))
}

impl Identifier {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Url(url) => url.as_str(),
            Self::Xri(xri) => xri.as_str(),
        }
    }

    /// Reads an identifier that must be in its canonical form already: what a provider asserts.
    pub fn canonical(text: &str) -> Option<Self> {
        if Xri::begins(text) {
            return Xri::parse(text).ok().map(Self::Xri);
        }
        WebUrl::normalise(text).ok().filter(|url| url.as_str() == text).map(Self::Url)
    }

    /// The identifier for people: never for comparing.
    pub fn display(&self) -> String {
        match self {
            Self::Url(url) => url.display(),
            Self::Xri(xri) => xri.as_str().to_owned(),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Identifier {
    type Error = IdentifierError;

    fn try_from(text: String) -> Result<Self, IdentifierError> {
        Self::canonical(&text).ok_or(IdentifierError::Character)
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.as_str().to_owned()
    }
}
