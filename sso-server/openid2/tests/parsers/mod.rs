//! Every parser against what nobody has thought of: vectors with pieces changed, cut, doubled and
//! put together. Nothing panics, what is read keeps its bounds, and what is written is read again.
//!
//! `targets.rs` has one function a parser, from bytes to nothing. `fuzz/` hands the same functions
//! to a fuzzer.

mod targets;

use proptest::prelude::*;

use crate::net::{bytes, files};

/// The documents that are changed: everything in `vectors/` that is a message or a page.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for folder in [
        "python3-openid-3.2.0/data/test_discover",
        "python3-openid-3.2.0/data/test_etxrd",
        "openid4java-1.0.0/yadisdata/xrds",
        "openid4java-1.0.0/yadisdata/html",
        "openid4java-1.0.0/html",
        "openid4java-1.0.0/discovery",
    ] {
        seeds.extend(files(folder).iter().map(|name| bytes(&format!("{folder}/{name}"))));
    }
    let linkparse = bytes("python3-openid-3.2.0/linkparse.txt");
    seeds.extend(linkparse.split(|b| *b == b'\n').map(<[u8]>::to_vec));
    for file in ["own/association-responses.json", "own/normalize.json", "own/nonce.json"] {
        seeds.extend(strings(&crate::net::json(file)));
    }
    for name in files("transcripts") {
        seeds.extend(strings(&crate::net::json(&format!("transcripts/{name}"))));
    }
    seeds
}

fn strings(value: &serde_json::Value) -> Vec<Vec<u8>> {
    match value {
        serde_json::Value::String(text) => vec![text.clone().into_bytes()],
        serde_json::Value::Array(list) => list.iter().flat_map(strings).collect(),
        serde_json::Value::Object(map) => map.values().flat_map(strings).collect(),
        _ => vec![],
    }
}

/// One change of a document.
#[derive(Clone, Debug)]
enum Change {
    Byte(u8),
    Insert(Vec<u8>),
    Cut(u8),
    Repeat(u8),
    Splice(prop::sample::Index),
}

/// What parsers trip over.
const PIECES: [&[u8]; 28] = [
    b"<",
    b">",
    b"&",
    b";",
    b"=",
    b"\"",
    b"'",
    b"%",
    b"\0",
    b"\n",
    b"\xff",
    b"\xf0\x9f",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<!DOCTYPE x [",
    b"&#x110000;",
    b"xmlns:x=''",
    b"</head>",
    b"<link rel=openid2.provider href=",
    b"://",
    b"..",
    b"[",
    b"openid.",
    b":",
    b"\xef\xbb\xbf",
    b"<?xml version='1.0' encoding='x'?>",
];

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<u8>().prop_map(Change::Byte),
        prop::sample::select(&PIECES[..]).prop_map(|piece| Change::Insert(piece.to_vec())),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(Change::Insert),
        any::<u8>().prop_map(Change::Cut),
        any::<u8>().prop_map(Change::Repeat),
        any::<prop::sample::Index>().prop_map(Change::Splice),
    ]
}

fn changed() -> impl Strategy<Value = Vec<u8>> {
    let seeds = seeds();
    let edits = prop::collection::vec((any::<prop::sample::Index>(), change()), 0..8);
    (any::<prop::sample::Index>(), edits).prop_map(move |(which, edits)| {
        let mut document = which.get(&seeds).clone();
        for (place, change) in edits {
            let at = place.index(document.len() + 1);
            match change {
                Change::Byte(byte) => {
                    if let Some(there) = document.get_mut(at) {
                        *there = byte;
                    }
                }
                Change::Insert(piece) => drop(document.splice(at..at, piece)),
                Change::Cut(length) => {
                    let end = document.len().min(at + usize::from(length));
                    document.drain(at..end);
                }
                Change::Repeat(length) => {
                    let end = document.len().min(at + usize::from(length));
                    let piece = document[at..end].to_vec();
                    document.splice(at..at, piece);
                }
                Change::Splice(other) => {
                    let other = other.get(&seeds);
                    document.truncate(at);
                    document.extend_from_slice(&other[at.min(other.len())..]);
                }
            }
        }
        document
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_parser_takes_everything(document in changed()) {
        for (_, target) in targets::ALL {
            target(&document);
        }
    }

    #[test]
    fn no_changed_answer_is_believed(
        edits in prop::collection::vec((any::<prop::sample::Index>(), change()), 1..4)
    ) {
        targets::forge(|query| {
            for (place, change) in &edits {
                let at = place.index(query.len() + 1);
                match change {
                    Change::Byte(byte) => if let Some(there) = query.get_mut(at) { *there = *byte },
                    Change::Insert(piece) => drop(query.splice(at..at, piece.iter().copied())),
                    Change::Cut(length) => {
                        let end = query.len().min(at + usize::from(*length));
                        query.drain(at..end);
                    }
                    Change::Repeat(length) => {
                        let end = query.len().min(at + usize::from(*length));
                        let piece = query[at..end].to_vec();
                        query.splice(at..at, piece);
                    }
                    Change::Splice(_) => query.truncate(at),
                }
            }
        });
    }
}

#[test]
fn every_parser_takes_the_vectors_and_the_large() {
    let mut documents = seeds();
    for piece in PIECES {
        documents.push(piece.repeat(30_000 / piece.len()));
    }
    documents.push(b"<a ".iter().chain(b"x=y ".repeat(10_000).iter()).copied().collect());
    documents.push(b"<a>".repeat(30_000));
    for document in &documents {
        for (_, target) in targets::ALL {
            target(document);
        }
    }
}

#[test]
fn attributes_are_not_counted_slowly() {
    let attributes: String = (0..40_000).map(|n| format!(" a{n}=''")).collect();
    let names: String = (0..20_000).map(|n| format!(" xmlns:a{n}='x'")).collect();
    for many in [attributes, names] {
        targets::xrds(format!("<XRDS xmlns='xri://$xrds'{many}></XRDS>").as_bytes());
        targets::page(format!("<html><head><link{many}>").as_bytes());
    }
}
