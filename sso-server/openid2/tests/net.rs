//! A network that answers what a test says, and nothing else.

use std::{collections::BTreeMap, path::PathBuf};

use openid2::{
    exchange::{Answer, Exchange, Fetch, Step, Unreachable},
    policy::{PlainHttp, Policy},
};

/// More steps than any exchange takes.
const MANY: usize = 24;

/// Drives an exchange to its end, and keeps what it asked for.
pub(crate) fn drive<E: Exchange>(
    mut step: Step<E>,
    mut net: impl FnMut(&Fetch) -> Result<Answer, Unreachable>,
) -> (Result<E::Output, E::Error>, Vec<Fetch>) {
    let mut asked = Vec::new();
    loop {
        assert!(asked.len() < MANY, "this does not end: {asked:?}");
        match step {
            Step::Done(output) => return (Ok(output), asked),
            Step::Failed(error) => return (Err(error), asked),
            Step::Fetch(fetch, exchange) => {
                step = exchange.receive(net(&fetch));
                asked.push(fetch);
            }
        }
    }
}

/// An exchange that is over without a question.
pub(crate) fn silent(fetch: &Fetch) -> Result<Answer, Unreachable> {
    panic!("nothing should be fetched: {fetch:?}")
}

/// Everything, also without TLS: most vectors are older than that.
pub(crate) fn lab() -> Policy {
    Policy { plain_http: PlainHttp::Everywhere, ..Policy::everything() }
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Answer { status, headers, body: body.into() }
}

pub(crate) fn html(body: impl Into<Vec<u8>>) -> Answer {
    answer(200, &[("content-type", "text/html; charset=utf-8")], body)
}

pub(crate) fn xrds(body: impl Into<Vec<u8>>) -> Answer {
    answer(200, &[("Content-Type", "application/xrds+xml")], body)
}

pub(crate) fn redirect(to: &str) -> Answer {
    answer(302, &[("Location", to)], "")
}

/// An XRDS document with these services inside.
pub(crate) fn document(services: &str) -> String {
    format!(
        "<xrds:XRDS xmlns:xrds=\"xri://$xrds\" xmlns:openid=\"http://openid.net/xmlns/1.0\" \
         xmlns=\"xri://$xrd*($v*2.0)\"><XRD>{services}</XRD></xrds:XRDS>"
    )
}

pub(crate) const SIGNON: &str = "http://specs.openid.net/auth/2.0/signon";
pub(crate) const SERVER: &str = "http://specs.openid.net/auth/2.0/server";

pub(crate) fn service(kind: &str, uri: &str, local_id: Option<&str>) -> String {
    let local_id = local_id.map_or(String::new(), |id| format!("<LocalID>{id}</LocalID>"));
    format!("<Service><Type>{kind}</Type><URI>{uri}</URI>{local_id}</Service>")
}

/// Pages by URL; everything else is not found.
#[derive(Clone, Default)]
pub(crate) struct Pages(pub(crate) BTreeMap<String, Answer>);

impl Pages {
    pub(crate) fn with(mut self, url: &str, page: Answer) -> Self {
        self.0.insert(url.to_owned(), page);
        self
    }

    pub(crate) fn get(&self, fetch: &Fetch) -> Result<Answer, Unreachable> {
        Ok(self.0.get(&fetch.url).cloned().unwrap_or_else(|| answer(404, &[], "")))
    }
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name)
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn text(name: &str) -> String {
    String::from_utf8_lossy(&bytes(name)).into_owned()
}

pub(crate) fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn files(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// The big-endian bytes of a decimal number, as many as asked for.
pub(crate) fn decimal(digits: &str, len: usize) -> Vec<u8> {
    let mut number = vec![0_u8; len];
    for digit in digits.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in number.iter_mut().rev() {
            let sum = u32::from(*byte) * 10 + carry;
            *byte = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
        assert_eq!(carry, 0, "the number is too large");
    }
    number
}

/// The random bytes that make this private key, big-endian: keys are 2 + random mod (p - 3).
pub(crate) fn secret(private: &[u8]) -> [u8; 144] {
    let mut random = [0; 144];
    random[144 - private.len()..].copy_from_slice(private);
    let mut borrow = 2_u8;
    for byte in random.iter_mut().rev() {
        let (less, under) = byte.overflowing_sub(borrow);
        *byte = less;
        borrow = u8::from(under);
    }
    random
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}
