//! XRDS documents: lists of services, in XML (XRI Resolution 2.0, section 4).
//!
//! The parser knows no document type and no entities beyond those of XML itself: it refuses
//! documents that declare any (SECURITY-CASES O-13; CVE-2013-4701, CVE-2013-1812).

use quick_xml::{
    NsReader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
    name::{Namespace, ResolveResult},
};

/// Elements may be nested so deep.
pub const MAX_DEPTH: usize = 32;
/// Elements of a document.
pub const MAX_ELEMENTS: usize = 10_000;
/// Services that are looked at.
pub const MAX_SERVICES: usize = 20;
/// Types, URIs and other lists within a service.
pub const MAX_LIST: usize = 20;
/// Attributes of one element.
pub const MAX_ATTRIBUTES: usize = 64;
/// Bytes of one text.
const MAX_TEXT: usize = 2048;

const NS_XRDS: &str = "xri://$xrds";
const NS_XRD: &str = "xri://$xrd*($v*2.0)";
const NS_OPENID_1: &str = "http://openid.net/xmlns/1.0";

/// A document that can be trusted as far as XML goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Xrds {
    /// The descriptors, in order. The last one is about what was asked for.
    pub descriptors: Vec<Xrd>,
}

/// One descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Xrd {
    /// `Status code=…`, of XRI resolution: 100 is success.
    pub status: Option<u32>,
    /// `Status cid="verified"`: the resolver has proven the CanonicalID.
    pub cid_verified: bool,
    /// `ProviderID`.
    pub provider_id: Option<String>,
    /// `CanonicalID`, every one that there is.
    pub canonical_ids: Vec<String>,
    /// In the order of the document.
    pub services: Vec<Service>,
}

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Lower is better; `None` is worst.
    pub priority: Option<u64>,
    /// What it is.
    pub types: Vec<String>,
    /// Where it is.
    pub uris: Vec<Uri>,
    /// `LocalID`, of version 2.0.
    pub local_ids: Vec<String>,
    /// `openid:Delegate`, of version 1.
    pub delegates: Vec<String>,
}

/// One place of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uri {
    /// As written, without blanks around it.
    pub text: String,
    /// Lower is better; `None` is worst.
    pub priority: Option<u64>,
    /// What of the XRI is appended to the text (XRI Resolution 2.0, section 13.7).
    pub append: Option<String>,
}

/// Why a text is no such document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XrdsError {
    /// Neither UTF-8 nor UTF-16 with a byte order mark.
    #[error("the encoding is not known")]
    Encoding,
    /// No well-formed XML.
    #[error("not XML")]
    Malformed,
    /// A document type, or an entity that is not XML's own.
    #[error("a document type or an entity")]
    Doctype,
    /// Deeper or larger than the bounds.
    #[error("too deep or too large")]
    TooLarge,
    /// XML, but something else.
    #[error("not an XRDS document")]
    NotXrds,
}

/// What an element is to us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Root,
    Descriptor,
    Service,
    Text(Leaf),
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaf {
    ProviderId,
    CanonicalId,
    Type,
    Uri,
    LocalId,
    Delegate,
}

impl Xrds {
    /// Reads a document.
    pub fn parse(body: &[u8]) -> Result<Self, XrdsError> {
        let text = decode(body)?;
        let mut reader = NsReader::from_str(&text);
        let mut building = Building::default();
        loop {
            let event = reader.read_event().map_err(|_| XrdsError::Malformed)?;
            match event {
                Event::Start(start) => {
                    let element = building.element(&reader, &start)?;
                    building.open(element, &start)?;
                }
                Event::Empty(start) => {
                    let element = building.element(&reader, &start)?;
                    building.open(element, &start)?;
                    building.close();
                }
                Event::End(_) => building.close(),
                Event::Text(text) => building.text(&text.xml10_content())?,
                Event::CData(text) => building.text(&text)?,
                Event::GeneralRef(entity) => {
                    let known = entity.resolve_char_ref().map_err(|_| XrdsError::Malformed)?;
                    match known {
                        Some(c) => building.text(c.encode_utf8(&mut [0; 4]))?,
                        None => building
                            .text(resolve_predefined_entity(&entity).ok_or(XrdsError::Doctype)?)?,
                    }
                }
                Event::DocType(_) => return Err(XrdsError::Doctype),
                Event::Decl(declared) => match declared.encoding() {
                    None => {}
                    Some(Ok(name)) if encoding_fits(&name, body) => {}
                    Some(_) => return Err(XrdsError::Encoding),
                },
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        building.finish()
    }
}

fn decode(body: &[u8]) -> Result<String, XrdsError> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        if !bytes.len().is_multiple_of(2) {
            return Err(XrdsError::Encoding);
        }
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).collect::<Result<_, _>>().map_err(|_| XrdsError::Encoding)
    };
    match body {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            std::str::from_utf8(rest).map(str::to_owned).map_err(|_| XrdsError::Encoding)
        }
    }
}

/// A document that calls itself something else than what it was read as may be read otherwise by
/// others.
fn encoding_fits(name: &str, body: &[u8]) -> bool {
    let wide = matches!(body, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    let name = name.to_ascii_lowercase();
    if wide { name.starts_with("utf-16") } else { matches!(&*name, "utf-8" | "utf8" | "us-ascii") }
}

#[derive(Default)]
struct Building {
    stack: Vec<Element>,
    elements: usize,
    rooted: bool,
    collected: String,
    uri: Uri,
    done: Xrds,
}

impl Building {
    fn element(&self, reader: &NsReader<&[u8]>, start: &BytesStart) -> Result<Element, XrdsError> {
        let (namespace, name) = reader.resolver().resolve_element(start.name());
        let namespace = match namespace {
            ResolveResult::Bound(Namespace(namespace)) => namespace,
            ResolveResult::Unbound => "",
            ResolveResult::Unknown(_) => return Err(XrdsError::Malformed),
        };
        let parent = self.stack.last().copied();
        let is = (namespace, name.as_ref());
        Ok(match (parent, is) {
            (None, (NS_XRDS, "XRDS")) if !self.rooted => Element::Root,
            (None, _) => return Err(XrdsError::NotXrds),
            (Some(Element::Root), (NS_XRD, "XRD")) => Element::Descriptor,
            (Some(Element::Descriptor), (NS_XRD, "Service")) => Element::Service,
            (Some(Element::Descriptor), (NS_XRD, "ProviderID")) => Element::Text(Leaf::ProviderId),
            (Some(Element::Descriptor), (NS_XRD, "CanonicalID")) => {
                Element::Text(Leaf::CanonicalId)
            }
            (Some(Element::Service), (NS_XRD, "Type")) => Element::Text(Leaf::Type),
            (Some(Element::Service), (NS_XRD, "URI")) => Element::Text(Leaf::Uri),
            (Some(Element::Service), (NS_XRD, "LocalID")) => Element::Text(Leaf::LocalId),
            (Some(Element::Service), (NS_OPENID_1, "Delegate")) => Element::Text(Leaf::Delegate),
            _ => Element::Other,
        })
    }

    fn open(&mut self, element: Element, start: &BytesStart) -> Result<(), XrdsError> {
        self.elements += 1;
        if self.stack.len() >= MAX_DEPTH || self.elements > MAX_ELEMENTS {
            return Err(XrdsError::TooLarge);
        }
        // Also of elements that do not matter: a document is well-formed or it is not.
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| XrdsError::Malformed)?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| XrdsError::Malformed)?;
            if attributes.len() >= MAX_ATTRIBUTES {
                return Err(XrdsError::TooLarge);
            }
            attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        let find = |name: &str| {
            attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim().to_owned())
        };
        match element {
            Element::Root => self.rooted = true,
            Element::Descriptor => self.done.descriptors.push(Xrd::default()),
            Element::Service => {
                if let Some(xrd) = self.done.descriptors.last_mut() {
                    let priority = priority(find("priority"));
                    xrd.services.push(Service { priority, ..Service::default() });
                }
            }
            Element::Text(_) => {
                self.collected.clear();
                let priority = priority(find("priority"));
                self.uri = Uri { priority, append: find("append"), ..Uri::default() };
            }
            Element::Other => {
                let is_status = start.local_name().as_ref() == "Status"
                    && self.stack.last() == Some(&Element::Descriptor);
                if let (true, Some(xrd)) = (is_status, self.done.descriptors.last_mut()) {
                    xrd.status = find("code").and_then(|code| code.parse().ok());
                    xrd.cid_verified = find("cid").as_deref() == Some("verified");
                }
            }
        }
        self.stack.push(element);
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XrdsError> {
        match self.stack.last() {
            Some(Element::Text(_)) => {
                self.collected.push_str(text);
                let fits = self.collected.len() <= MAX_TEXT;
                if fits { Ok(()) } else { Err(XrdsError::TooLarge) }
            }
            Some(_) => Ok(()),
            None if text.trim().is_empty() => Ok(()),
            None => Err(XrdsError::NotXrds),
        }
    }

    fn close(&mut self) {
        let Some(closed) = self.stack.pop() else {
            return;
        };
        let (Element::Text(leaf), Some(xrd)) = (closed, self.done.descriptors.last_mut()) else {
            return;
        };
        let text = self.collected.trim().to_owned();
        let service = xrd.services.last_mut();
        match (leaf, service) {
            _ if text.is_empty() => {}
            (Leaf::ProviderId, _) => xrd.provider_id = Some(text),
            (Leaf::CanonicalId, _) => push(&mut xrd.canonical_ids, text),
            (Leaf::Type, Some(service)) => push(&mut service.types, text),
            (Leaf::Uri, Some(service)) => {
                let uri = std::mem::take(&mut self.uri);
                push(&mut service.uris, Uri { text, ..uri });
            }
            (Leaf::LocalId, Some(service)) => push(&mut service.local_ids, text),
            (Leaf::Delegate, Some(service)) => push(&mut service.delegates, text),
            (_, None) => {}
        }
    }

    fn finish(self) -> Result<Xrds, XrdsError> {
        if !self.stack.is_empty() {
            return Err(XrdsError::Malformed);
        }
        if !self.rooted || self.done.descriptors.is_empty() {
            return Err(XrdsError::NotXrds);
        }
        Ok(self.done)
    }
}

fn push<T>(list: &mut Vec<T>, one: T) {
    if list.len() < MAX_LIST {
        list.push(one);
    }
}

/// A non-negative integer; what is none counts as absent (XRI Resolution 2.0, section 4.3.3).
fn priority(text: Option<String>) -> Option<u64> {
    let text = text?;
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}
