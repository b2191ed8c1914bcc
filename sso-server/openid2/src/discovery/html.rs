//! What a page says in its `<head>` (section 7.3.3; Yadis 1.0).
//!
//! Only there: what visitors of a page may write stands in its body. A tokenizer of the HTML
//! standard reads what a browser reads; where the head ends is decided more strictly than there.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use crate::names::XRDS_LOCATION;

/// `<link>`s and `<meta>`s that are looked at.
pub const MAX_TAGS: usize = 1000;

/// What counts in a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The attributes of each `<link>`, in order; names in lower case.
    pub links: Vec<Vec<(String, String)>>,
    /// The content of the first `<meta http-equiv="X-XRDS-Location">`.
    pub xrds_location: Option<String>,
}

/// How far the reading has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeHtml,
    BeforeHead,
    /// In a head that an `<html>` was before, or not.
    Head {
        in_html: bool,
    },
}

/// Elements that end a head in every browser. Others that do not belong there, unknown ones, are
/// passed over, as deployed libraries do.
const OF_THE_BODY: [&str; 62] = [
    "a",
    "address",
    "article",
    "aside",
    "audio",
    "b",
    "blockquote",
    "br",
    "button",
    "canvas",
    "center",
    "code",
    "dd",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "fieldset",
    "figure",
    "font",
    "footer",
    "form",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "iframe",
    "img",
    "input",
    "label",
    "li",
    "main",
    "math",
    "nav",
    "object",
    "ol",
    "p",
    "pre",
    "section",
    "select",
    "small",
    "span",
    "strong",
    "svg",
    "table",
    "td",
    "textarea",
    "tr",
    "u",
    "ul",
    "video",
    "xmp",
    "plaintext",
];

/// What is in these is text, and ends no head.
const OF_TEXT: [&str; 3] = ["title", "script", "style"];
/// What is in these is in no document, or not in every browser's.
const INERT: [&str; 3] = ["template", "noframes", "noscript"];

impl Head {
    /// Reads a page. Never fails: a page that says nothing says nothing.
    ///
    /// `<meta>` needs a `<head>`, `<link>` an `<html>` before it as well. A second `<html>` or
    /// `<head>`, and everything after the head, ends the reading.
    pub fn parse(page: &str) -> Self {
        let mut emitter = DefaultEmitter::default();
        // Scripts, styles, titles, text areas hold text, not tags.
        emitter.naively_switch_states(true);
        let mut head = Self::default();
        let mut place = Place::BeforeHtml;
        let mut inert = 0_usize;
        let mut in_text = false;
        let mut seen = 0_usize;
        for token in Tokenizer::new_with_emitter(page, emitter) {
            let Ok(token) = token;
            match token {
                Token::StartTag(tag) => {
                    let name = String::from_utf8_lossy(&tag.name).to_ascii_lowercase();
                    in_text = OF_TEXT.contains(&&*name);
                    match (&*name, place) {
                        ("html", Place::BeforeHtml) => place = Place::BeforeHead,
                        ("head", Place::BeforeHtml | Place::BeforeHead) if !tag.self_closing => {
                            place = Place::Head { in_html: place == Place::BeforeHead };
                        }
                        ("html" | "head" | "body", _) => break,
                        (name, Place::Head { .. }) if INERT.contains(&name) => inert += 1,
                        (name, Place::Head { .. }) if OF_THE_BODY.contains(&name) => break,
                        ("link" | "meta", Place::Head { in_html }) if inert == 0 => {
                            seen += 1;
                            if seen > MAX_TAGS {
                                break;
                            }
                            head.take(&name, &tag, in_html);
                        }
                        _ => {}
                    }
                }
                Token::EndTag(tag) => match &**tag.name {
                    b"html" | b"head" | b"body" => break,
                    _ if in_text => in_text = false,
                    name if INERT.iter().any(|inert| inert.as_bytes() == name) => {
                        inert = inert.saturating_sub(1);
                    }
                    _ => {}
                },
                // Text opens the body, as in every browser.
                Token::String(text) => {
                    let blank = text.value.iter().all(u8::is_ascii_whitespace);
                    let in_head = matches!(place, Place::Head { .. });
                    if in_head && !in_text && inert == 0 && !blank {
                        break;
                    }
                }
                _ => {}
            }
        }
        head
    }

    fn take(&mut self, name: &str, tag: &StartTag<()>, in_html: bool) {
        let attributes: Vec<(String, String)> = tag
            .attributes
            .iter()
            .map(|(name, value)| {
                let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                (name, String::from_utf8_lossy(&value.value).into_owned())
            })
            .collect();
        if name == "link" {
            if in_html {
                self.links.push(attributes);
            }
            return;
        }
        let equivalent = attribute(&attributes, "http-equiv").unwrap_or_default();
        if self.xrds_location.is_none() && equivalent.trim().eq_ignore_ascii_case(XRDS_LOCATION) {
            self.xrds_location =
                attribute(&attributes, "content").map(|text| text.trim().to_owned());
        }
    }

    /// The `href` of the first `<link>` with this relation.
    pub fn link(&self, relation: &str) -> Option<&str> {
        let related = |link: &&Vec<(String, String)>| {
            attribute(link, "rel")
                .is_some_and(|rel| rel.split_whitespace().any(|r| r.eq_ignore_ascii_case(relation)))
        };
        let link = self.links.iter().find(related)?;
        attribute(link, "href").map(str::trim)
    }
}

fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The text of a page. Whatever counts in it is ASCII, so Latin-1 and UTF-8 with replacement are
/// enough; UTF-7 and UTF-16, in which ASCII can be hidden, are not known.
pub fn decode(body: &[u8], content_type: Option<&str>) -> String {
    let charset = content_type.unwrap_or_default().split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let charset = charset.unwrap_or_default().to_ascii_lowercase();
    match &*charset {
        "iso-8859-1" | "latin1" | "windows-1252" => body.iter().copied().map(char::from).collect(),
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}
