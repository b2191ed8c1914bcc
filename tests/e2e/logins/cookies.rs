//! Cookies: byte for byte what we set, and nobody else's taken for ours.

use harness::{Answer, Database, Passport, on_both, raw};
use sha2::{Digest, Sha256};

use crate::scene::{attempt, filled_in};

const SESSION: &str = "__Host-passport";
const DEVICE: &str = "__Host-passport-device";
const FORM: &str = "__Host-passport-form";

/// The `Set-Cookie` header of this name: its value and its attributes, sorted.
fn set_cookie(answer: &Answer, name: &str) -> (String, Vec<String>) {
    let headers: Vec<&str> = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|header| header.to_str().unwrap())
        .collect();
    let found: Vec<&str> =
        headers.iter().filter_map(|header| header.strip_prefix(name)?.strip_prefix('=')).collect();
    assert_eq!(found.len(), 1, "one {name} in {headers:?}");
    let (value, attributes) = found[0].split_once("; ").unwrap();
    let mut attributes: Vec<String> = attributes.split("; ").map(str::to_owned).collect();
    attributes.sort();
    (value.to_owned(), attributes)
}

// SECURITY-CASES S-01: the same over https and on localhost, which browsers hold for secure.
#[actix_web::test]
async fn every_cookie_is_for_this_host_and_no_script() {
    for public_url in [None, Some("https://sso.example")] {
        let passport = Passport::with(Database::Sqlite, |config| {
            if let Some(url) = public_url {
                config.server.public_url = url.to_owned();
            }
        })
        .await;
        passport.add_user("member").await;
        let always = ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"];
        let with = |more: &[&str]| {
            let mut all: Vec<String> =
                always.iter().chain(more).map(|text| (*text).to_owned()).collect();
            all.sort();
            all
        };

        let mut browser = passport.browser();
        let page = browser.get("/login").await;
        assert_eq!(set_cookie(&page, FORM).1, with(&[]));
        let entered = attempt(&mut browser, "member", harness::PASSWORD).await;
        assert_eq!(entered.status, 303);
        assert_eq!(set_cookie(&entered, SESSION).1, with(&["Max-Age=2592000"]), "30 days");
        assert_eq!(set_cookie(&entered, DEVICE).1, with(&["Max-Age=31536000"]));

        let form = browser.get("/logout").await.form("/logout");
        let left = browser.submit(&form).await;
        let (value, attributes) = set_cookie(&left, SESSION);
        assert_eq!(value, "", "SECURITY-CASES S-08: cleared with the same attributes");
        let kept: Vec<&String> = attributes
            .iter()
            .filter(|one| !one.starts_with("Expires=") && *one != "Max-Age=0")
            .collect();
        assert_eq!(kept, with(&[]).iter().collect::<Vec<_>>());
        assert!(attributes.contains(&"Max-Age=0".to_owned()));

        let mut browser = passport.browser();
        let form = filled_in(&mut browser, "member", harness::PASSWORD).await.without("keep");
        let entered = browser.submit(&form).await;
        assert_eq!(set_cookie(&entered, SESSION).1, with(&[]), "goes with the browser");
    }
}

/// The status of `/account` for a browser that sends these `Cookie` headers.
async fn account_with(passport: &Passport, headers: &[&[u8]]) -> u16 {
    let host = passport.url.split_once("://").unwrap().1;
    let mut request =
        format!("GET /account HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n").into_bytes();
    for header in headers {
        request.extend_from_slice(b"Cookie: ");
        request.extend_from_slice(header);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    raw::status(&raw::exchange(passport.address, &request).await)
}

// SECURITY-CASES S-02, S-03: what a neighbouring host can set is never taken for the session.
#[actix_web::test]
async fn only_the_exact_name_is_the_session() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let browser = passport.signed_in("member").await;
    let good = &browser.cookies[SESSION];
    let ours = format!("{SESSION}={good}");
    assert_eq!(account_with(&passport, &[ours.as_bytes()]).await, 200);
    assert_eq!(
        account_with(&passport, &[format!("a=é; foo; {ours}; =x").as_bytes()]).await,
        200,
        "strange cookies of others do not matter"
    );
    assert_eq!(account_with(&passport, &[b"a=1", ours.as_bytes()]).await, 200);

    let many: String = (0..300).map(|n| format!("c{n}=1; ")).collect();
    for foreign in [
        &b"x=\xff\xfe"[..],
        b"a%3d=1; %=",
        b"a=1; a=1",
        "\u{2003}__Host-passport=evil; __Host-passport\u{a0}=evil".as_bytes(),
        many.as_bytes(),
    ] {
        for headers in [[foreign, ours.as_bytes()], [ours.as_bytes(), foreign]] {
            assert_eq!(account_with(&passport, &headers).await, 200, "{foreign:?}");
            let one = headers.join(&b"; "[..]);
            assert_eq!(account_with(&passport, &[&one]).await, 200, "{foreign:?}");
        }
    }

    for tossed in [
        format!("__%48ost-passport={good}"),
        format!("__%48ost-passport=evil; {ours}"),
        format!("{ours}; __%48ost-passport=evil"),
        // A letter beyond ASCII once hid all of its header from the door, and from it alone.
        format!("__%48ost-passport={good}; x=é"),
        format!("{ours}; {ours}"),
        format!("{ours}; {ours}; x=é"),
        format!("{SESSION}=evil; {ours}"),
    ] {
        assert_eq!(account_with(&passport, &[tossed.as_bytes()]).await, 400, "{tossed:?}");
    }
    assert_eq!(account_with(&passport, &[ours.as_bytes(), ours.as_bytes()]).await, 400);

    for other in [
        // Blanks of Unicode, which a careless reader trims away.
        format!("\u{2003}{ours}"),
        format!("\u{a0}{ours}"),
        format!("{SESSION}\u{2003}={good}"),
        format!("passport={good}"),
        format!("__host-passport={good}"),
        format!("__Secure-passport={good}"),
        format!("{SESSION}=evil"),
        format!("{SESSION}="),
        format!("{SESSION}={}", &good[..good.len() - 1]),
        format!("{SESSION}={good}x"),
    ] {
        assert_eq!(account_with(&passport, &[other.as_bytes()]).await, 303, "{other:?}");
    }
}

// SECURITY-CASES S-04: 256 bits in the browser, their digest in the row; a copy of the table signs
// nobody in.
#[actix_web::test]
async fn the_row_holds_nothing_that_signs_in() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let browser = passport.signed_in("member").await;
        let sent = percent_decoded(&browser.cookies[SESSION]);
        // actix-session signs: 44 characters of HMAC, then the token.
        let (signature, token) = sent.split_at(44);
        assert_eq!(token.len(), 43, "256 bits as base64url");
        let digest = passport.text("SELECT digest FROM sessions").await;
        let expected = base64::Engine::encode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            Sha256::digest(token.as_bytes()),
        );
        assert_eq!(digest, expected);

        let id = passport.text("SELECT id FROM sessions").await;
        for stolen in [digest.clone(), format!("{signature}{digest}"), id] {
            let mut thief = passport.browser();
            thief.cookies.insert(SESSION.to_owned(), stolen.clone());
            assert!(!thief.is_signed_in().await, "{stolen}");
        }
        let mut owner = passport.browser();
        owner.cookies.insert(SESSION.to_owned(), browser.cookies[SESSION].clone());
        assert!(owner.is_signed_in().await);

        let other = passport.signed_in("member").await;
        assert_ne!(other.cookies[SESSION], browser.cookies[SESSION]);
    })
    .await;
}

fn percent_decoded(text: &str) -> String {
    let pair = format!("v={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned()
}
