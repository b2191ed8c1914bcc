//! Messages: the two ways they are written, and what is refused of them.
//!
//! A provider and a relying party that read the same bytes differently can be played against each
//! other: parameters twice, NUL bytes, `openid_mode` for `openid.mode`, arrays. So messages are
//! read from the raw bytes, and whatever is ambiguous is refused.

use std::fmt;

/// Bytes of a message that comes through the browser.
pub const MAX_MESSAGE: usize = 16 * 1024;
/// Parameters of a message.
pub const MAX_FIELDS: usize = 200;

/// The fields of a message, in order, each once; without the prefix `openid.`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// More bytes than [`MAX_MESSAGE`] or more fields than [`MAX_FIELDS`].
    #[error("the message is too large")]
    TooLarge,
    /// Not UTF-8, or half an escape.
    #[error("the message is not well encoded")]
    Encoding,
    /// A control character in a name or a value.
    #[error("the message has a control character")]
    Control,
    /// A field twice.
    #[error("the message says something twice")]
    Duplicate,
    /// A line without a colon, or without a name before it.
    #[error("the message has a line that is not key:value")]
    Line,
}

impl Fields {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a field: of a name that is there, the value is changed in its place.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, there)) => *there = value.into(),
            None => self.0.push((name, value.into())),
        }
    }

    /// Adds what was read. Twice the same name, or what would be two lines when signed, is refused
    /// (SECURITY-CASES O-04).
    pub(crate) fn add(&mut self, name: String, value: String) -> Result<(), MessageError> {
        if self.len() >= MAX_FIELDS {
            return Err(MessageError::TooLarge);
        }
        if name.chars().chain(value.chars()).any(char::is_control) {
            return Err(MessageError::Control);
        }
        if self.get(&name).is_some() {
            return Err(MessageError::Duplicate);
        }
        self.0.push((name, value));
        Ok(())
    }

    /// As parameters of a form or a query, each with its prefix `openid.`.
    pub fn to_form(&self) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.iter() {
            form.append_pair(&format!("openid.{name}"), value);
        }
        form.finish()
    }

    /// Reads the key-value form (section 4.1.1), in which providers answer directly: lines of
    /// `key:value`, nothing trimmed. The newline after the last line may be missing.
    pub fn from_key_values(body: &[u8]) -> Result<Self, MessageError> {
        if body.len() > MAX_MESSAGE {
            return Err(MessageError::TooLarge);
        }
        let text = std::str::from_utf8(body).map_err(|_| MessageError::Encoding)?;
        if text.starts_with('\u{feff}') {
            return Err(MessageError::Encoding);
        }
        let mut fields = Self::new();
        for line in text.split_terminator('\n') {
            let (key, value) = line.split_once(':').ok_or(MessageError::Line)?;
            // No name looks otherwise; a line of a page does.
            let in_names = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
            if key.is_empty() || !key.bytes().all(in_names) {
                return Err(MessageError::Line);
            }
            fields.add(key.to_owned(), value.to_owned())?;
        }
        Ok(fields)
    }

    /// Writes the key-value form of some fields, in the order of `names`: what is signed
    /// (section 6.1). `None` if one is missing.
    pub fn to_key_values<'a>(&self, names: impl Iterator<Item = &'a str>) -> Option<String> {
        let mut text = String::new();
        for name in names {
            text.push_str(name);
            text.push(':');
            text.push_str(self.get(name)?);
            text.push('\n');
        }
        Some(text)
    }
}

impl fmt::Debug for Fields {
    /// Names only: values are about a person, or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The parameters of a query or a form, in order, as they were: prefixes and all.
pub(crate) fn parameters(encoded: &[u8]) -> Result<Vec<(String, String)>, MessageError> {
    if encoded.len() > MAX_MESSAGE {
        return Err(MessageError::TooLarge);
    }
    let mut read: Vec<(String, String)> = Vec::new();
    for pair in encoded.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|b| *b == b'=');
        let (name, value) = at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
        let (name, value) = (decoded(name)?, decoded(value)?);
        if name.chars().chain(value.chars()).any(char::is_control) {
            return Err(MessageError::Control);
        }
        if read.iter().any(|(there, _)| *there == name) {
            return Err(MessageError::Duplicate);
        }
        if read.len() >= MAX_FIELDS {
            return Err(MessageError::TooLarge);
        }
        read.push((name, value));
    }
    Ok(read)
}

fn decoded(encoded: &[u8]) -> Result<String, MessageError> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, others @ ..] = rest {
        rest = others;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let [high, low, others @ ..] = others else {
                    return Err(MessageError::Encoding);
                };
                let digit = |b: &u8| char::from(*b).to_digit(16).ok_or(MessageError::Encoding);
                let byte = digit(high)? * 16 + digit(low)?;
                bytes.push(u8::try_from(byte).map_err(|_| MessageError::Encoding)?);
                rest = others;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| MessageError::Encoding)
}
