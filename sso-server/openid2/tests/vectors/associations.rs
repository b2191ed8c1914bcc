use base64::{Engine, engine::general_purpose::STANDARD};
use openid2::{
    association::{
        AssocType, Association,
        associate::{Associate, AssociateError, Pair, Secrets, SessionType},
        dh::{KeyPair, btwoc},
    },
    exchange::{Fetch, Step},
    names::Version,
    policy::Policy,
    url::WebUrl,
};

use crate::net::{answer, decimal, drive, hex, json, lab, secret, text};

#[test]
fn shortest_twos_complement() {
    for case in json("own/btwoc.json").as_array().unwrap() {
        let number = decimal(case["dec"].as_str().unwrap(), 130);
        assert_eq!(btwoc(&number), hex(case["hex"].as_str().unwrap()), "{case}");
    }
    let text = text("python3-openid-3.2.0/n2b64");
    let mut cases = 0;
    for line in text.lines() {
        let (base64, number) = line.split_once(' ').unwrap();
        assert_eq!(STANDARD.encode(btwoc(&decimal(number, 600))), base64);
        cases += 1;
    }
    assert_eq!(cases, 650);
}

#[test]
fn private_and_public_keys() {
    for line in text("python3-openid-3.2.0/dhpriv").lines() {
        let (private, public) = line.split_once(' ').unwrap();
        let pair = KeyPair::from_random(&secret(&decimal(private, 128)));
        assert_eq!(pair.public(), STANDARD.encode(btwoc(&decimal(public, 128))));
    }
}

#[test]
fn shared_secrets_with_and_without_leading_zeros() {
    for case in json("own/dh.json")["cases"].as_array().unwrap() {
        let word = |name: &str| case[name].as_str().unwrap();
        let pair = KeyPair::from_random(&secret(&decimal(word("consumer_private"), 128)));
        assert_eq!(pair.public(), word("dh_consumer_public"), "{}", word("tag"));
        let shared = pair.shared(word("dh_server_public")).unwrap();
        assert_eq!(shared.len() as u64, case["shared_btwoc_len"].as_u64().unwrap(), "{case}");
    }
}

/// Asks once, as the vector says, and gives the answer to it. Whatever is asked after that is
/// handed back.
fn ask(
    case: &serde_json::Value,
    private: &str,
) -> Result<Association, (AssociateError, Vec<Fetch>)> {
    let request = &case["request"];
    let word = |name: &str| request[name].as_str().unwrap();
    let scheme = if request["tls"] == true { "https" } else { "http" };
    let op_endpoint = WebUrl::parse(&format!("{scheme}://op.example/op?tenant=7")).unwrap();
    let pair = Pair {
        assoc_type: AssocType::parse(word("assoc_type")).unwrap(),
        session_type: SessionType::parse(word("session_type")).unwrap(),
    };
    let version = if request["version"] == 2 { Version::V2 } else { Version::V1 };
    let random = secret(&decimal(private, 128));
    let secrets = Secrets::new([random, random]);
    let step = Associate::asking(pair, &op_endpoint, version, &lab(), secrets, 1000);
    let status = u16::try_from(case["http_status"].as_u64().unwrap()).unwrap();
    let mut first = Some(answer(status, &[], case["body"].as_str().unwrap()));
    let (outcome, asked) =
        drive(step, |_| Ok(first.take().unwrap_or_else(|| answer(503, &[], ""))));
    outcome.map_err(|error| (error, asked))
}

// SECURITY-CASES O-16, OPENID A16-12 to A16-14.
#[test]
fn answers_to_associate() {
    let vectors = json("own/association-responses.json");
    let private = vectors["consumer_private"].as_str().unwrap();
    let mut cases = 0;
    for case in vectors["cases"].as_array().unwrap() {
        cases += 1;
        let name = case["name"].as_str().unwrap();
        let outcome = ask(case, private);
        let word = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        match case["expect"].as_str().unwrap() {
            "accept" => {
                let association = outcome.unwrap_or_else(|error| panic!("{name}: {error:?}"));
                if let Some(key) = word(&case["mac_key_hex"]) {
                    assert_eq!(association.key.expose(), hex(&key), "{name}");
                }
                if let Some(handle) = word(&case["handle"]) {
                    assert_eq!(association.handle, handle, "{name}");
                }
                if let Some(seconds) = case["expires_in"].as_i64() {
                    assert_eq!(association.expires_at, 1000 + seconds, "{name}");
                }
            }
            // Ours: more digits than a number has are cut to two weeks.
            "refuse-or-clamp" => {
                assert_eq!(outcome.unwrap().expires_at, 1000 + 14 * 24 * 3600, "{name}");
            }
            "refuse" => {
                let (error, asked) = outcome.expect_err(name);
                assert!(
                    matches!(error, AssociateError::Refused(_) | AssociateError::Status(500)),
                    "{name}: {error:?}"
                );
                assert_eq!(asked.len(), 1, "{name}: nothing is asked again");
            }
            "retry" => {
                let (_, asked) = outcome.expect_err(name);
                assert_eq!(asked.len(), 2, "{name}");
                assert!(asked[1].body.contains("assoc_type=HMAC-SHA1"), "{name}");
                assert!(asked[1].body.contains("session_type=DH-SHA1"), "{name}");
            }
            "stateless" => {
                let (error, asked) = outcome.expect_err(name);
                assert_eq!((error, asked.len()), (AssociateError::Unsupported, 1), "{name}");
            }
            // Ours: our own next pair, once.
            "stateless-or-own-fallback" => {
                let (_, asked) = outcome.expect_err(name);
                assert_eq!(asked.len(), 2, "{name}");
                assert!(asked[1].body.contains("session_type=DH-SHA1"), "{name}");
                assert!(!asked[1].body.contains("no-encryption"), "{name}");
            }
            other => panic!("{name}: {other}"),
        }
    }
    assert_eq!(cases, 52);
}

#[test]
fn what_is_asked_for() {
    let op_endpoint = WebUrl::parse("https://op.example/op").unwrap();
    let secrets = || Secrets::new([[7; 144], [8; 144]]);
    let body = |version| {
        let step = Associate::start(&op_endpoint, version, &lab(), secrets(), 0);
        let Step::Fetch(fetch, _) = step else { panic!() };
        fetch.body
    };
    let two = body(Version::V2);
    assert!(two.starts_with(
        "openid.ns=http%3A%2F%2Fspecs.openid.net%2Fauth%2F2.0&openid.mode=associate&\
         openid.assoc_type=HMAC-SHA256&openid.session_type=DH-SHA256&openid.dh_consumer_public="
    ));
    let one = body(Version::V1);
    assert!(one.starts_with(
        "openid.mode=associate&openid.assoc_type=HMAC-SHA1&openid.session_type=DH-SHA1&"
    ));
    assert!(!one.contains("openid.ns"));
}

// SECURITY-CASES O-16: a new key for each request, and HMAC-SHA1 only where it is allowed.
#[test]
fn the_second_request_has_a_key_of_its_own() {
    let op_endpoint = WebUrl::parse("https://op.example/op").unwrap();
    let hint = "ns:http://specs.openid.net/auth/2.0\nerror_code:unsupported-type\n\
                assoc_type:HMAC-SHA1\nsession_type:DH-SHA1\n";
    let run = |policy: &Policy| {
        let secrets = Secrets::new([[7; 144], [8; 144]]);
        let step = Associate::start(&op_endpoint, Version::V2, policy, secrets, 0);
        drive(step, |_| Ok(answer(400, &[], hint)))
    };
    let (outcome, asked) = run(&Policy::everything());
    assert_eq!((outcome.unwrap_err(), asked.len()), (AssociateError::Unsupported, 2));
    let key = |fetch: &Fetch| fetch.body.split("dh_consumer_public=").nth(1).unwrap().to_owned();
    assert_ne!(key(&asked[0]), key(&asked[1]));
    let (outcome, asked) = run(&Policy::default());
    assert_eq!((outcome.unwrap_err(), asked.len()), (AssociateError::Unsupported, 1));
}
