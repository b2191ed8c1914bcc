//! XRIs, as far as logging in needs them (XRI Resolution 2.0).
//!
//! An i-name (`=example`) can be given to somebody else; an i-number (`=!91F2`) cannot. So only the
//! CanonicalID is ever a claimed identifier, and only when its chain of authority is proven.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::IdentifierError;

/// An XRI without `xri://`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Xri(String);

/// A CanonicalID is claimed that the resolver had no authority to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the CanonicalID is not the resolver's to give")]
pub struct NotAuthoritative;

/// `%` so that escapes stay what they are, and what URLs cannot hold.
const ESCAPED: &AsciiSet =
    &CONTROLS.add(b'%').add(b' ').add(b'"').add(b'<').add(b'>').add(b'#').add(b'?');

impl Xri {
    /// Whether a text is an XRI rather than a URL (section 7.2): by its first character.
    pub fn begins(text: &str) -> bool {
        text.starts_with(['=', '@', '+', '$', '!', '('])
    }

    /// Reads an XRI without `xri://`.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let fits = |c: char| match c {
            _ if c.is_ascii() => c.is_ascii_graphic() && !"\"<>\\^`{|}#?".contains(c),
            _ => !c.is_control() && !c.is_whitespace(),
        };
        if text.len() > super::MAX_INPUT {
            return Err(IdentifierError::TooLong);
        }
        if !Self::begins(text) || text.len() < 2 || !text.chars().all(fits) {
            return Err(IdentifierError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, without `xri://`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is asked of a proxy resolver: the URI-normal form, with the path separators of
    /// cross-references escaped so that they do not become part of the proxy's path.
    pub(crate) fn query_form(&self) -> String {
        let mut depth = 0_usize;
        let mut form = String::new();
        for c in self.0.chars() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if c == '/' && depth > 0 {
                form.push_str("%2F");
            } else {
                let mut buffer = [0; 4];
                form.extend(utf8_percent_encode(c.encode_utf8(&mut buffer), ESCAPED));
            }
        }
        form
    }

    /// The part before the first `/` that is not in a cross-reference, and the rest.
    pub(crate) fn authority_and_path(&self) -> (&str, &str) {
        let mut depth = 0_usize;
        for (at, c) in self.0.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                '/' if depth == 0 => return self.0.split_at(at),
                _ => {}
            }
        }
        (&self.0, "")
    }
}

/// Checks that each CanonicalID was given by the one before it (XRI Resolution 2.0, section 14.3):
/// it is its parent's, `!`, and one segment; the first one belongs to the root of `asked`.
///
/// `ids` are those of the resolved authorities, from the root down. Answers the last.
pub fn canonical_id(asked: &str, ids: &[Option<&str>]) -> Result<Option<Xri>, NotAuthoritative> {
    let Some(Some(last)) = ids.last() else {
        return Ok(None);
    };
    let canonical = without_scheme(last);
    let mut child = canonical.to_lowercase();
    for id in ids.iter().rev().skip(1) {
        let parent = parent_of(&child)?.to_owned();
        if without_scheme(id.ok_or(NotAuthoritative)?).to_lowercase() != parent {
            return Err(NotAuthoritative);
        }
        child = parent;
    }
    if parent_of(&child)? != root_of(without_scheme(asked)).to_lowercase() {
        return Err(NotAuthoritative);
    }
    Xri::parse(canonical).map(Some).map_err(|_| NotAuthoritative)
}

fn without_scheme(text: &str) -> &str {
    crate::url::strip_ignoring_case(text, "xri://").unwrap_or(text)
}

/// `=!A!B` is a child of `=!A`, which is one of `=`.
fn parent_of(id: &str) -> Result<&str, NotAuthoritative> {
    let (parent, segment) = id.rsplit_once('!').ok_or(NotAuthoritative)?;
    if segment.is_empty() || segment.contains(['*', '/', '(', ')']) {
        return Err(NotAuthoritative);
    }
    Ok(parent)
}

/// The authority that everything below is rooted in: a global context symbol, a cross-reference, or
/// a name.
fn root_of(asked: &str) -> &str {
    let authority = asked.split('/').next().unwrap_or_default();
    if authority.starts_with('(') {
        return authority.find(')').map_or(authority, |end| &authority[..=end]);
    }
    if Xri::begins(authority) {
        return &authority[..1];
    }
    authority.split(['!', '*']).next().unwrap_or_default()
}
