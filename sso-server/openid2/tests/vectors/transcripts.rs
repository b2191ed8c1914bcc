//! Whole logins, recorded between python3-openid as relying party and as provider: what it asked
//! we ask, what it was told we believe, and what it refused we refuse.

use openid2::{
    association::{AssocType, Association, MacKey},
    discovery::{Discovery, Endpoint},
    exchange::{Answer, Fetch, Unreachable},
    extensions::{Extensions, ax, sreg},
    identifier::Identifier,
    nonce::Spent,
    realm::Realm,
    request::Request,
    url::WebUrl,
    verify::{Outcome, Response, Verification},
};
use serde_json::Value;

use crate::net::{answer, drive, files, hex, json, lab};

struct Transcript {
    name: String,
    data: Value,
}

impl Transcript {
    fn exchanges(&self) -> impl Iterator<Item = &Value> {
        self.data["exchanges"].as_array().unwrap().iter()
    }

    /// The recorded answer to a request.
    fn answer(&self, fetch: &Fetch) -> Result<Answer, Unreachable> {
        let method = fetch.method.to_string();
        let recorded = self.exchanges().find(|exchange| {
            exchange["method"] == *method
                && exchange["url"] == *fetch.url
                && (fetch.body.is_empty() || mode(&fetch.body) == mode(&body(exchange)))
        });
        let recorded = recorded.unwrap_or_else(|| panic!("{}: {fetch:?}", self.name));
        let headers = recorded["response_headers"].as_object().unwrap();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())).collect();
        let status = u16::try_from(recorded["status"].as_u64().unwrap()).unwrap();
        Ok(answer(status, &headers, recorded["response_body"].as_str().unwrap()))
    }

    /// The URL by which the browser went to the provider, and the one by which it came back.
    fn browser(&self) -> (String, String) {
        let there = self.exchanges().find(|exchange| exchange["who"] == "browser").unwrap();
        let headers = there["response_headers"].as_object().unwrap();
        let back = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location")).unwrap();
        (there["url"].as_str().unwrap().to_owned(), back.1.as_str().unwrap().to_owned())
    }

    fn association(&self, endpoint: &Endpoint, now: i64) -> Option<Association> {
        let recorded = self.data["association"].as_object()?;
        let kind = AssocType::parse(recorded["type"].as_str().unwrap()).unwrap();
        Some(Association {
            op_endpoint: endpoint.op_endpoint.clone(),
            handle: recorded["handle"].as_str().unwrap().to_owned(),
            version: endpoint.version,
            kind,
            key: MacKey::new(&hex(recorded["mac_key_hex"].as_str().unwrap()), kind).unwrap(),
            issued_at: now,
            expires_at: now + recorded["lifetime"].as_i64().unwrap(),
        })
    }
}

fn body(exchange: &Value) -> String {
    exchange.get("request_body").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn mode(form: &str) -> String {
    value(form, "openid.mode").unwrap_or_default()
}

fn value(query: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[test]
fn recorded_logins() {
    let names = files("transcripts");
    assert_eq!(names.len(), 11);
    for name in names {
        replay(&Transcript { data: json(&format!("transcripts/{name}")), name });
    }
}

fn replay(transcript: &Transcript) {
    let name = &transcript.name;
    let result = &transcript.data["result"];
    let now = transcript.data["when"].as_f64().unwrap() as i64;
    let policy = lab();
    // Discovery.
    let typed = Identifier::canonical(transcript.data["identifier"].as_str().unwrap()).unwrap();
    let (found, _) = drive(Discovery::of(&typed, &policy), |fetch| transcript.answer(fetch));
    let endpoint = found.unwrap_or_else(|error| panic!("{name}: {error}")).endpoints.remove(0);
    assert_eq!(endpoint.op_endpoint.as_str(), result["op"], "{name}");
    // The request.
    let (there, back) = transcript.browser();
    let asked = there.split_once('?').unwrap().1;
    let return_to = WebUrl::parse(&value(asked, "openid.return_to").unwrap()).unwrap();
    let realm = value(asked, "openid.realm").or_else(|| value(asked, "openid.trust_root")).unwrap();
    let association = transcript.association(&endpoint, now);
    let request = Request {
        endpoint: &endpoint,
        association: association.as_ref(),
        return_to: &return_to,
        realm: &Realm::parse(&realm).unwrap(),
        immediate: mode(asked) == "checkid_immediate",
        extensions: &Extensions::default(),
    };
    let (outgoing, pending) = request.build(&policy, now).unwrap();
    for (field, ours) in outgoing.fields.iter() {
        let theirs = value(asked, &format!("openid.{field}"));
        assert_eq!(theirs.as_deref(), Some(ours), "{name}: {field}");
    }
    // The answer.
    let response = Response::from_get(&back).unwrap();
    let step = Verification::start(&response, &pending, association.as_ref(), &policy, now);
    let (outcome, _) = drive(step, |fetch| transcript.answer(fetch));
    let outcome = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
    match (outcome, result["status"].as_str().unwrap()) {
        (Outcome::Cancelled, "cancel") | (Outcome::SetupNeeded, "setup_needed") => {}
        (Outcome::Verified(verified), "success") => {
            let (person, _) =
                drive(verified.redeem(Spent::First, &policy), |fetch| transcript.answer(fetch));
            let person = person.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(person.claimed_id(), result["identity_url"], "{name}");
            let registration = sreg::Response::read(person.signed()).unwrap_or_default();
            let told = |field: &str| result["sreg"].get(field).and_then(Value::as_str);
            assert_eq!(registration.fullname.as_deref(), told("fullname"), "{name}");
            assert_eq!(registration.email.as_deref(), told("email"), "{name}");
            assert_eq!(registration.dob.as_deref(), told("dob"), "{name}");
            let attributes = ax::Response::read(person.signed()).unwrap_or_default();
            for (kind, values) in result["ax"].as_object().into_iter().flatten() {
                let values: Vec<&str> =
                    values.as_array().unwrap().iter().filter_map(Value::as_str).collect();
                assert_eq!(attributes.all(kind), values, "{name}: {kind}");
            }
        }
        (outcome, status) => panic!("{name}: {outcome:?} where python says {status}"),
    }
}
