//! How an answer is written, when and where it arrives.

use openid2::{
    exchange::Step,
    message::MessageError,
    names::Version,
    nonce::NonceError,
    policy::Policy,
    verify::{Outcome, Response, ResponseError, VerifyError},
};

use super::scene::{ALICE, Login, NOW, RETURN_TO, alice, association, policy};
use crate::net::silent;

// SECURITY-CASES O-04, OPENID A16-28 to A16-30.
#[test]
fn what_is_ambiguous_is_not_read() {
    let query = login_query();
    let read = |more: &str| Response::from_get(&format!("{RETURN_TO}&{query}{more}"));
    read("").unwrap();
    for (more, error) in [
        ("&openid.identity=x", MessageError::Duplicate),
        ("&openid%2Eidentity=x", MessageError::Duplicate),
        ("&t=abc", MessageError::Duplicate),
        ("&openid.x=a%0Ab:c", MessageError::Control),
        ("&openid.x%0Ay=a", MessageError::Control),
        ("&openid.x=a%00", MessageError::Control),
        ("&openid.x=a%0D", MessageError::Control),
        ("&x%00=a", MessageError::Control),
        ("&openid.x=%ff", MessageError::Encoding),
        ("&openid.x=%f", MessageError::Encoding),
        ("&openid.x=%zz", MessageError::Encoding),
        (&*format!("&openid.x={}", "a".repeat(16 * 1024)), MessageError::TooLarge),
        (&*(0..200).map(|n| format!("&openid.x{n}=")).collect::<String>(), MessageError::TooLarge),
    ] {
        assert_eq!(read(more), Err(ResponseError::Message(error)), "{more:.40}");
    }
    // Names are taken as they are: nothing becomes `openid.identity`.
    for more in ["&openid_identity=x", "&openid[identity]=x", "&OpenID.identity=x"] {
        assert_eq!(read(more).unwrap().fields().get("identity"), Some(ALICE), "{more}");
    }
}

fn login_query() -> String {
    alice().assertion(ALICE, ALICE).signed().fields.to_form()
}

// SECURITY-CASES O-05, OPENID A16-6.
#[test]
fn an_answer_comes_to_the_page_that_was_named() {
    let login = alice();
    let honest = login.assertion(ALICE, ALICE).signed();
    login.believes(&honest.clone().arriving("https://rp.example/openid/return?t=abc")).unwrap();
    for page in [
        "http://rp.example/openid/return?t=abc",
        "https://other.example/openid/return?t=abc",
        "https://rp.example:8443/openid/return?t=abc",
        "https://rp.example/openid/return",
        "https://rp.example/openid/return?t=abd",
        "https://rp.example/openid/return/?t=abc",
        "https://rp.example/openid/Return?t=abc",
        "https://rp.example/?t=abc",
        "https://rp.example/openid/return?t=abc&next=https://evil.example/",
    ] {
        let outcome = login.believes(&honest.clone().arriving(page));
        assert_eq!(outcome, Err(VerifyError::ReturnTo), "{page}");
    }
    // Made for another relying party, or for another login of ours.
    for page in
        ["https://other.example/openid/return?t=abc", "https://rp.example/openid/return?t=x"]
    {
        let assertion = login.assertion(ALICE, ALICE).with("return_to", page).signed();
        assert_eq!(login.believes(&assertion), Err(VerifyError::ReturnTo), "{page}");
    }
}

// SECURITY-CASES O-06, OPENID A16-9, A16-10.
#[test]
fn an_answer_is_of_this_login_and_counts_once() {
    let login = alice();
    let at = |nonce: &str| {
        login.believes(&login.assertion(ALICE, ALICE).with("response_nonce", nonce).signed())
    };
    for good in ["2026-11-22T11:55:00Zx", "2026-11-22T12:05:30Zx"] {
        assert_eq!(at(good), Ok(()), "{good}");
    }
    for (bad, error) in [
        ("2026-11-22T11:54:59Zx", NonceError::Stale),
        ("2026-11-22T12:05:31Zx", NonceError::Future),
        ("2039-01-01T00:00:00Zx", NonceError::Future),
        ("2001-01-01T00:00:00Zx", NonceError::Stale),
        ("x", NonceError::Malformed),
    ] {
        assert_eq!(at(bad), Err(VerifyError::Nonce(error)), "{bad}");
    }
    // The same nonce is the same; of another provider it would not be.
    let assertion = login.assertion(ALICE, ALICE).signed();
    let (one, two) = (login.verified(&assertion), login.verified(&assertion));
    assert_eq!(one.nonce(), two.nonce());
    assert!(one.nonce().keep_until > NOW + 3600 + 2 * 300, "longer than any answer is taken");
    let other = login.assertion(ALICE, ALICE).with("response_nonce", "2026-11-22T12:00:20Zx2");
    assert_ne!(one.nonce().hash, login.verified(&other.signed()).nonce().hash);
}

// SECURITY-CASES O-06, OPENID A16-9: the same nonce of another provider is another nonce.
#[test]
fn a_nonce_is_its_provider_s() {
    let one = alice();
    let mut two = alice();
    let other = "https://other.example/op";
    two.pending.endpoint.op_endpoint = super::scene::url(other);
    two.association = Some(association(other, Version::V2));
    let of_two = two.assertion(ALICE, ALICE).with("op_endpoint", other);
    let hashes = [
        one.verified(&one.assertion(ALICE, ALICE).signed()).nonce().hash,
        two.verified(&of_two.signed()).nonce().hash,
    ];
    assert_ne!(hashes[0], hashes[1]);
    // Version 1 has none: the page that was named is one.
    let old = Login::speaking(Version::V1, Some(ALICE), ALICE);
    let again = old.assertion("", ALICE).signed();
    assert_eq!(old.verified(&again).nonce(), old.verified(&again).nonce());
}

#[test]
fn a_login_does_not_last_for_ever() {
    let mut login = alice();
    let honest = login.assertion(ALICE, ALICE).signed();
    login.now = NOW + 3601;
    assert_eq!(login.believes(&honest), Err(VerifyError::Expired));
}

// SECURITY-CASES O-09.
#[test]
fn a_no_is_a_no() {
    let login = alice();
    let honest = login.assertion(ALICE, ALICE).signed();
    let ends = |mode: &str| login.verify(&honest.clone().with("mode", mode), silent).0;
    assert!(matches!(ends("cancel"), Ok(Outcome::Cancelled)));
    assert!(matches!(ends("setup_needed"), Ok(Outcome::SetupNeeded)));
    let long = "<script>".repeat(100);
    let said = login.verify(&honest.clone().with("mode", "error").with("error", &long), silent).0;
    let Ok(Outcome::ProviderError { said }) = said else { panic!("{said:?}") };
    assert_eq!(said.chars().count(), 200);
    for mode in ["", "ID_RES", "id_res ", "checkid_setup", "associate", "_complete_id_res"] {
        assert_eq!(ends(mode).unwrap_err(), VerifyError::Mode, "{mode}");
    }
    // A missing ns is forgiven where nobody logs in (Net::OpenID::Server forgets it).
    let cancelled = login.verify(&honest.clone().with("mode", "cancel").without("ns"), silent).0;
    assert!(matches!(cancelled, Ok(Outcome::Cancelled)));
    let elsewhere = honest.with("mode", "cancel").arriving("https://rp.example/openid/return?t=x");
    assert_eq!(login.verify(&elsewhere, silent).0.unwrap_err(), VerifyError::ReturnTo);
}

// OPENID A16-34. Version 1: immediate failure is a signed id_res without an identity.
#[test]
fn the_setup_url_of_version_1_is_not_followed() {
    let old = Login::speaking(Version::V1, Some(ALICE), ALICE);
    let assertion = old.assertion("", ALICE).with("user_setup_url", "javascript:alert(1)").signed();
    assert!(matches!(old.verify(&assertion, silent).0, Ok(Outcome::SetupNeeded)));
    let two = alice();
    two.believes(&two.assertion(ALICE, ALICE).with("user_setup_url", "x").signed()).unwrap();
}

// OPENID A16-31.
#[test]
fn there_is_no_way_down_to_version_1() {
    let login = alice();
    let honest = login.assertion(ALICE, ALICE);
    for (name, assertion) in [
        ("no ns", honest.clone().without("ns")),
        ("ns of 1.1", honest.clone().with("ns", "http://openid.net/signon/1.1")),
        ("ns of 3", honest.clone().with("ns", "http://specs.openid.net/auth/3.0")),
    ] {
        assert_eq!(login.believes(&assertion.signed()), Err(VerifyError::Version), "{name}");
    }
    let old = Login::speaking(Version::V1, Some(ALICE), ALICE);
    let up = old.assertion("", ALICE).with("ns", "http://specs.openid.net/auth/2.0");
    assert_eq!(old.believes(&up.signed()), Err(VerifyError::Version));
    let said = old.assertion("", ALICE).with("ns", "http://openid.net/signon/1.0");
    old.believes(&said.signed()).unwrap();
}

// SECURITY-CASES O-17, S 4.1.2.
#[test]
fn a_posted_answer_is_in_its_body() {
    let query = login_query();
    let posted = |url: &str, body: &str| Response::from_post(url, body.as_bytes());
    let response = posted(RETURN_TO, &query).unwrap();
    assert_eq!(response.parameter("t"), Some("abc"));
    assert_eq!(response.fields().get("identity"), Some(ALICE));
    assert_eq!(
        posted(RETURN_TO, &format!("t=abc&{query}")).unwrap().fields().len(),
        response.fields().len()
    );
    for (url, body) in [
        (format!("{RETURN_TO}&openid.mode=id_res"), query.clone()),
        (RETURN_TO.to_owned(), format!("{query}&t=abd")),
        (RETURN_TO.to_owned(), format!("{query}&next=x")),
    ] {
        assert_eq!(posted(&url, &body), Err(ResponseError::TwoPlaces), "{url} {body:.60}");
    }
    let login = alice();
    let association = login.association.as_ref();
    let step = openid2::verify::Verification::start(
        &response,
        &login.pending,
        association,
        &policy(),
        login.now,
    );
    assert!(matches!(step, Step::Done(Outcome::Verified(_))));
}

// SECURITY-CASES O-12: the default has neither plain http nor version 1.
#[test]
fn the_default_is_strict() {
    let strict = Policy::default();
    assert!(!strict.allows(&super::scene::url("http://op.example/"), false));
    assert!(strict.allows(&super::scene::url("https://op.example/"), false));
    assert!(!strict.openid1 && !strict.sha1 && strict.xri_proxy.is_none());
}
