use base64::{Engine, engine::general_purpose::STANDARD};
use openid2::{
    association::{AssocType, Association, MacKey},
    message::Fields,
    names::Version,
    nonce::{self, NonceError},
    realm::is_return_to,
    url::WebUrl,
    verify::signed_names,
};

use crate::net::{hex, json};

#[test]
fn key_value_form() {
    for case in json("own/kvform.json").as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let read = Fields::from_key_values(text.as_bytes());
        match &case["expect"] {
            serde_json::Value::String(word) if word == "refuse" => {
                assert!(read.is_err(), "{text:?}")
            }
            serde_json::Value::String(_) => {
                // Either is right. Ours: a missing last newline is taken, blank lines and CR are
                // not.
                assert_eq!(read.is_ok(), text == "a:b", "{text:?}");
            }
            expected => {
                let read = read.unwrap();
                let expected = expected.as_object().unwrap();
                assert_eq!(read.len(), expected.len(), "{text:?}");
                for (key, value) in expected {
                    assert_eq!(read.get(key), value.as_str(), "{text:?}");
                }
            }
        }
    }
}

// OPENID A16-15.
#[test]
fn signatures() {
    for case in json("own/signatures.json").as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let mut fields = Fields::new();
        for (key, value) in case["fields"].as_object().unwrap() {
            fields.set(key.strip_prefix("openid.").unwrap(), value.as_str().unwrap());
        }
        let kind = AssocType::parse(case["assoc_type"].as_str().unwrap()).unwrap();
        let key = STANDARD.decode(case["mac_key_b64"].as_str().unwrap()).unwrap();
        let association = association(kind, &key);
        let signed = case["signed"].as_str().unwrap();
        let text = fields.to_key_values(signed.split(',')).unwrap();
        assert_eq!(text.as_bytes(), hex(case["token_hex"].as_str().unwrap()), "{name}");
        let signature = case["sig"].as_str().unwrap();
        assert_eq!(STANDARD.encode(association.sign(&text)), signature, "{name}");
        assert!(association.verifies(&text, signature), "{name}");
        assert!(association.verifies(&text, &signature.replace('+', " ")), "{name}");
        for wrong in ["", "AAAA", &signature[..20], &signature[1..]] {
            assert!(!association.verifies(&text, wrong), "{name}: {wrong}");
        }
        assert!(!association.verifies(&format!("{text} "), signature), "{name}");
    }
}

pub(super) fn association(kind: AssocType, key: &[u8]) -> Association {
    Association {
        op_endpoint: WebUrl::parse("http://op.example/op").unwrap(),
        handle: "h".to_owned(),
        version: Version::V2,
        kind,
        key: MacKey::new(key, kind).unwrap(),
        issued_at: 0,
        expires_at: 1,
    }
}

// SECURITY-CASES O-03, O-04.
#[test]
fn what_must_be_signed() {
    for case in json("own/required-signed.json").as_array().unwrap() {
        let version = if case["version"] == 2 { Version::V2 } else { Version::V1 };
        let mut fields = Fields::new();
        for name in case["present"].as_array().unwrap() {
            fields.set(name.as_str().unwrap(), "x");
        }
        fields.set("signed", case["signed"].as_str().unwrap());
        let names = signed_names(version, &fields);
        assert_eq!(names.is_ok(), case["expect"] != "refuse", "{case}");
        if case["expect"] == "valid-but-no-identifier" {
            assert!(fields.get("claimed_id").is_none());
        }
    }
}

// SECURITY-CASES O-06.
#[test]
fn nonces() {
    let vectors = json("own/nonce.json");
    // 2026-11-22T12:00:00Z.
    let now = 1_795_348_800;
    let (from, until) = (
        now - vectors["window_s"].as_i64().unwrap(),
        now + vectors["future_skew_s"].as_i64().unwrap(),
    );
    assert_eq!(nonce::check("2026-11-22T12:00:00Z", now, now), Ok(()));
    for case in vectors["cases"].as_array().unwrap() {
        let nonce = case["nonce"].as_str().unwrap();
        let outcome = match nonce::check(nonce, from, until) {
            Ok(()) => "ok",
            Err(NonceError::Malformed) => "malformed",
            Err(NonceError::Stale) => "stale",
            Err(NonceError::Future) => "future",
        };
        assert_eq!(outcome, case["expect"], "{nonce:?}");
    }
}

// SECURITY-CASES O-05.
#[test]
fn the_page_that_was_named() {
    for case in json("own/return-to.json").as_array().unwrap() {
        let word = |name: &str| case[name].as_str().unwrap();
        let is = is_return_to(word("return_to"), word("request_url")).unwrap_or(false);
        assert_eq!(is, case["match"], "{case}");
    }
}
