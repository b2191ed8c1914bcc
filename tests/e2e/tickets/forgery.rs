//! Tickets that are not ours: header, key, signature, claims. Each row differs from a good ticket in
//! one respect, and is followed by the good one, which nobody has burned.

use aws_lc_rs::{hmac, signature::KeyPair};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::{
    forge::{Forge, claims_of, header_of, message},
    scene::Scene,
};

/// Shows each text that `forged` makes of a fresh ticket's claims, then the true ticket.
pub async fn refuses_all(
    scene: &mut Scene,
    forged: impl Fn(&Forge, Value) -> Vec<(String, String)>,
) -> usize {
    let forge = Forge::insider(&scene.passport).await;
    let ticket = scene.ticket().await;
    assert_eq!(header_of(&ticket), forge.header(), "the forge knows what a header looks like");
    let rows = forged(&forge, claims_of(&ticket));
    let spent = scene.spent().await;
    for (row, text) in &rows {
        eprintln!("{row}");
        let line = scene.refuses("not_genuine", scene.aw.redeem(text)).await;
        assert_eq!(
            (line.app.as_deref(), line.user),
            (Some("aw"), None),
            "nothing in it is believed"
        );
        assert!(!line.detail.contains(text.as_str()), "no ticket in the log");
    }
    assert_eq!(scene.spent().await, spent, "what is not genuine spends nothing");
    let resigned = forge.sign(&forge.header(), &claims_of(&ticket));
    assert_eq!(
        scene.aw.redeem(&resigned).await.status,
        200,
        "control: only that one respect counts"
    );
    rows.len()
}

/// A header with one member changed, or without it.
pub fn changed(mut object: Value, member: &str, to: Option<Value>) -> Value {
    let members = object.as_object_mut().unwrap();
    members.remove(member);
    if let Some(value) = to {
        members.insert(member.to_owned(), value);
    }
    object
}

// SECURITY-CASES T-15
#[actix_web::test]
async fn only_one_algorithm_is_read() {
    let mut scene = Scene::start().await;
    refuses_all(&mut scene, |forge, claims| {
        let algorithms = [
            None,
            Some(json!("none")),
            Some(json!("None")),
            Some(json!("nOnE")),
            Some(json!("NONE")),
            Some(json!("")),
            Some(json!(["EdDSA"])),
            Some(json!(1)),
            Some(json!(null)),
            Some(json!("eddsa")),
            Some(json!("EdDSA ")),
            Some(json!("Ed25519")),
            Some(json!("HS256")),
            Some(json!("RS256")),
            Some(json!("ES256")),
        ];
        let mut rows = Vec::new();
        for algorithm in algorithms {
            let header = changed(forge.header(), "alg", algorithm);
            rows.push((format!("{header}, signed"), forge.sign(&header, &claims)));
            let bare = message(&header.to_string(), &claims.to_string());
            rows.push((format!("{header}, an empty signature"), format!("{bare}.")));
            rows.push((format!("{header}, no signature"), bare));
        }
        rows
    })
    .await;
}

// SECURITY-CASES T-16
#[actix_web::test]
async fn the_public_key_is_no_shared_secret() {
    let mut scene = Scene::start().await;
    refuses_all(&mut scene, |forge, claims| {
        let raw = forge.pair.public_key().as_ref().to_vec();
        // SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 section 4).
        let der = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0], &*raw];
        let der = der.concat();
        let base64 = STANDARD.encode(&der);
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                          "kid": forge.kid, "x": forge.public() });
        let secrets = [
            ("raw", raw),
            ("DER", der),
            (
                "PEM",
                format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n").into(),
            ),
            ("JWK", jwk.to_string().into()),
            ("base64url", forge.public().into()),
            ("the empty secret", Vec::new()),
        ];
        let mut rows = Vec::new();
        for (row, secret) in secrets {
            for (name, algorithm) in [
                ("HS256", hmac::HMAC_SHA256),
                ("HS384", hmac::HMAC_SHA384),
                ("HS512", hmac::HMAC_SHA512),
            ] {
                let key = hmac::Key::new(algorithm, &secret);
                let theirs = changed(forge.header(), "alg", Some(json!(name)));
                // The same, too, under the header that is expected here.
                for header in [theirs, forge.header()] {
                    let message = message(&header.to_string(), &claims.to_string());
                    let signature = hmac::sign(&key, message.as_bytes());
                    let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
                    rows.push((
                        format!("{row}: {header}, {name}"),
                        format!("{message}.{signature}"),
                    ));
                }
            }
        }
        rows
    })
    .await;
}

// SECURITY-CASES T-17
#[actix_web::test]
async fn a_key_is_named_and_nothing_else() {
    let mut scene = Scene::start().await;
    refuses_all(&mut scene, |forge, claims| {
        let names = [
            None,
            Some(json!(null)),
            Some(json!("")),
            Some(json!([forge.kid])),
            Some(json!(0)),
            Some(json!("../../etc/passwd")),
            Some(json!("/dev/null")),
            Some(json!("' OR 1=1--")),
            Some(json!("|id")),
            Some(json!("$(id)")),
            Some(json!("https://evil.example/jwks.json")),
            Some(json!(forge.kid.to_uppercase() + " ")),
            Some(json!(&forge.kid[..15])),
            Some(json!(format!("{}\0", forge.kid))),
            Some(json!("k".repeat(10_000))),
        ];
        let row = |name| {
            let header = changed(forge.header(), "kid", name);
            (header.to_string(), forge.sign(&header, &claims))
        };
        names.into_iter().map(row).collect()
    })
    .await;
}

// SECURITY-CASES T-18
#[actix_web::test]
async fn a_ticket_does_not_bring_its_own_key() {
    let mut scene = Scene::start().await;
    refuses_all(&mut scene, |forge, claims| {
        let stranger = Forge::stranger(&forge.kid);
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": stranger.public() });
        let mut rows = vec![(
            "a stranger's key under our name".to_owned(),
            stranger.sign(&forge.header(), &claims),
        )];
        for (member, value) in [
            ("jwk", jwk),
            ("jku", json!("https://evil.example/jwks.json")),
            ("x5u", json!("https://evil.example/cert.pem")),
            ("x5c", json!([STANDARD.encode(stranger.pair.public_key())])),
            ("x5t", json!(URL_SAFE_NO_PAD.encode([7; 20]))),
            ("x5t#S256", json!(URL_SAFE_NO_PAD.encode([7; 32]))),
        ] {
            let header = changed(forge.header(), member, Some(value));
            rows.push((format!("{member}, theirs"), stranger.sign(&header, &claims)));
            // Even signed by us: we never write such a header.
            rows.push((format!("{member}, ours"), forge.sign(&header, &claims)));
        }
        rows
    })
    .await;
}

// SECURITY-CASES T-20, T-22. Extensions that must be understood (RFC 7515 section 4.1.11) are not.
#[actix_web::test]
async fn other_kinds_of_tokens_are_no_tickets() {
    let mut scene = Scene::start().await;
    refuses_all(&mut scene, |forge, claims| {
        let mut rows = Vec::new();
        for kind in [
            None,
            Some(json!(null)),
            Some(json!("JWT")),
            Some(json!("at+jwt")),
            Some(json!("logout+jwt")),
            Some(json!("secevent+jwt")),
            Some(json!("passport-ticket")),
            Some(json!("passport-event+jwt")),
            Some(json!("application/passport-ticket+jwt")),
            Some(json!(["passport-ticket+jwt"])),
        ] {
            let header = changed(forge.header(), "typ", kind);
            rows.push((header.to_string(), forge.sign(&header, &claims)));
        }
        for (member, value) in [
            ("crit", json!(["exp"])),
            ("crit", json!(["b64"])),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
            ("enc", json!("A256GCM")),
            ("cty", json!("JWT")),
            ("p2c", json!(2_147_483_648_u32)),
        ] {
            let header = changed(forge.header(), member, Some(value));
            rows.push((header.to_string(), forge.sign(&header, &claims)));
        }
        // Encrypted tokens (RFC 7516): five parts, around a ticket or around nothing.
        let inner = message(r#"{"alg":"none"}"#, &claims.to_string());
        for header in [
            json!({ "alg": "dir", "enc": "A256GCM", "typ": "passport-ticket+jwt", "kid": forge.kid }),
            json!({ "alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 2_147_483_648_u32 }),
            json!({ "alg": "EdDSA", "enc": "A256GCM", "zip": "DEF", "kid": forge.kid }),
        ] {
            let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let five = [&encode(&header.to_string()), "", "AAAA", &encode(&inner), "AAAA"].join(".");
            rows.push((format!("five parts: {header}"), five));
        }
        // A ticket around a ticket around a ticket …
        let mut nested = forge.sign(&forge.header(), &claims);
        for depth in 1..=3 {
            let header = changed(forge.header(), "cty", Some(json!("JWT")));
            nested = forge.sign_text(&header.to_string(), &json!(nested).to_string());
            rows.push((format!("nested {depth} deep"), nested.clone()));
        }
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        rows.push(("deep JSON".to_owned(), forge.sign_text(&forge.header().to_string(), &deep)));
        rows
    })
    .await;
}
