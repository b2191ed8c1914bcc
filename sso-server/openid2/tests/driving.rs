//! What a driver relies on: what it may keep, and move between tasks and nodes.

use openid2::{
    association::associate::Associate,
    discovery::{Discovered, Discovery, Endpoint, Person, xrds::Xrds},
    exchange::{Answer, Fetch, Limits, Method, Step},
    identifier::Identifier,
    names::{TYPE_RETURN_TO, Version},
    realm::{Realm, relying_party_document},
    request::Pending,
    url::WebUrl,
    verify::{Confirmation, Response, Verification, Verified},
};

#[test]
fn exchanges_move_between_tasks() {
    fn moves<T: Send + 'static>() {}
    moves::<Step<Associate>>();
    moves::<Step<Discovery>>();
    moves::<Step<Verification>>();
    moves::<Step<Confirmation>>();
    moves::<Verified>();
    moves::<Fetch>();
    moves::<Discovered>();
}

fn pending() -> Pending {
    Pending {
        started_at: 1,
        endpoint: Endpoint {
            version: Version::V2,
            op_endpoint: WebUrl::parse("https://OP.example/op?a=%41").unwrap(),
            person: Person::Claimed {
                claimed_id: Identifier::canonical("https://alice.example/").unwrap(),
                local_id: "alice".to_owned(),
            },
            types: vec!["x".to_owned()],
        },
        assoc_handle: Some("h".to_owned()),
        return_to: WebUrl::parse("https://rp.example/return?t=1").unwrap(),
        immediate: false,
    }
}

#[test]
fn a_login_in_the_middle_can_be_stored() {
    let text = serde_json::to_string(&pending()).unwrap();
    assert_eq!(serde_json::from_str::<Pending>(&text).unwrap(), pending());
    assert!(text.contains("\"https://OP.example/op?a=%41\""), "byte for byte: {text}");
    // What is read back is checked like what comes from outside.
    for (good, bad) in [
        ("https://OP.example/op?a=%41", "file:///etc/passwd"),
        ("https://alice.example/", "https://ALICE.example/"),
        ("https://rp.example/return?t=1", "javascript:x"),
    ] {
        assert!(serde_json::from_str::<Pending>(&text.replace(good, bad)).is_err(), "{bad}");
    }
    for version in [Version::V1, Version::V2] {
        assert_eq!(Version::parse(version.as_str()), Some(version));
    }
}

// SECURITY-CASES O-20, section 13.
#[test]
fn what_a_provider_reads_at_our_realm() {
    let return_to = WebUrl::parse("https://rp.example/openid/return?a=b&c=d").unwrap();
    let document = Xrds::parse(relying_party_document(&return_to).as_bytes()).unwrap();
    let service = &document.descriptors[0].services[0];
    assert_eq!(service.types, [TYPE_RETURN_TO]);
    assert_eq!(service.uris[0].text, return_to.as_str());
    assert!(Realm::parse("https://rp.example/").unwrap().covers(&return_to));
}

// Secrets and people's data do not reach logs by `{:?}`.
#[test]
fn nothing_secret_is_shown() {
    use openid2::{
        association::{AssocType, MacKey},
        message::Fields,
    };
    let key = MacKey::new(&[77; 32], AssocType::HmacSha256).unwrap();
    assert_eq!(format!("{key:?}"), "MacKey(…)");
    let mut fields = Fields::new();
    fields.set("sreg.email", "alice@example.com");
    assert_eq!(format!("{fields:?}"), "{\"sreg.email\"}");
    let said = "https://rp.example/return?t=1&openid.sreg.email=alice%40example.com";
    assert_eq!(format!("{:?}", Response::from_get(said).unwrap()), "{\"sreg.email\"}");
    let answer = Answer { status: 200, headers: vec![], body: b"mac_key:c2VjcmV0\n".to_vec() };
    assert_eq!(format!("{answer:?}"), "200 (17 bytes)");
    let fetch = Fetch {
        method: Method::Post,
        url: "https://op.example/op".to_owned(),
        headers: vec![],
        body: "openid.sig=x".to_owned(),
        limits: Limits::DIRECT,
    };
    assert_eq!(format!("{fetch:?}"), "POST https://op.example/op (12 bytes)");
}

fn sources(folder: &std::path::Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_readme_names_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = String::new();
    sources(&root.join("tests"), &mut tests);
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let mut named = 0;
    for row in readme.lines().filter(|line| line.starts_with("| ") && line.contains(" | `")) {
        let last = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
        for name in last.split('`').skip(1).step_by(2).filter(|name| name.contains('_')) {
            assert!(tests.contains(&format!("fn {name}(")), "{name}");
            named += 1;
        }
    }
    assert!(named >= 25, "{named}");
}

/// The manifest is the proof: whoever adds a crate that talks, waits or guesses changes this list.
#[test]
fn nothing_here_touches_the_world() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("[dependencies]\n").unwrap();
    let crates: Vec<&str> = rest
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.strip_suffix(".workspace = true"))
        .collect();
    assert_eq!(
        crates,
        [
            "base64",
            "crypto-bigint",
            "hmac",
            "html5gum",
            "idna",
            "jiff",
            "percent-encoding",
            "quick-xml",
            "serde",
            "sha1",
            "sha2",
            "subtle",
            "thiserror",
            "unicode-security",
            "url",
            "zeroize",
        ]
    );
    let mut source = String::new();
    sources(&root.join("src"), &mut source);
    for word in ["std::net", "std::fs", "std::env", "std::process", "std::thread", "::now("] {
        assert!(!source.contains(word), "{word}");
    }
}

#[test]
fn keys_are_renewed_before_they_end() {
    use openid2::association::{AssocType, Association, MacKey};
    let living = |seconds: i64| Association {
        op_endpoint: WebUrl::parse("https://op.example/").unwrap(),
        handle: "h".to_owned(),
        version: Version::V2,
        kind: AssocType::HmacSha256,
        key: MacKey::new(&[1; 32], AssocType::HmacSha256).unwrap(),
        issued_at: 0,
        expires_at: seconds,
    };
    let day = living(86_400);
    assert!(!day.wants_renewal(86_400 - 86_400 / 5));
    assert!(day.wants_renewal(86_401 - 86_400 / 5));
    assert!(!living(3600).wants_renewal(1800) && living(3600).wants_renewal(1801));
    assert!(!living(599).wants_renewal(598), "asked about each answer instead");
    assert!(day.serves_new_logins(86_400 - 901) && !day.serves_new_logins(86_400 - 900));
    assert!(day.is_live(86_399) && !day.is_live(86_400));
}
