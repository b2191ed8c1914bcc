//! What is signed, by which key, and who is asked.

use openid2::{
    exchange::{Method, Unreachable},
    names::Version,
    verify::{Outcome, SignedError, VerifyError},
};

use super::scene::{ALICE, BOB, Login, OP, alice, association, yes};
use crate::net::{answer, silent};

const EVIL: &str = "https://evil.example/op";

// SECURITY-CASES O-02, OPENID A16-5 (CVE-2014-1475).
#[test]
fn a_handle_is_its_provider_s() {
    let mut login = alice();
    let evil = association(EVIL, Version::V2);
    let mut assertion = login.assertion(ALICE, ALICE);
    assertion.association = evil.clone();
    login.association = Some(evil);
    assert_eq!(login.believes(&assertion.clone().signed()), Err(VerifyError::WrongAssociation));
    login.association = Some(association(OP, Version::V1));
    assert_eq!(login.believes(&assertion.signed()), Err(VerifyError::WrongAssociation));
    let mut other = association(OP, Version::V2);
    other.handle = "another".to_owned();
    login.association = Some(other);
    let honest = login.assertion(ALICE, ALICE).signed();
    assert_eq!(login.believes(&honest), Err(VerifyError::WrongAssociation));
}

#[test]
fn a_key_that_has_expired_does_not_count() {
    let mut login = alice();
    let honest = login.assertion(ALICE, ALICE).signed();
    if let Some(association) = &mut login.association {
        association.expires_at = login.now;
    }
    assert_eq!(login.believes(&honest), Err(VerifyError::AssociationExpired));
}

// SECURITY-CASES O-03, OPENID A16-2 (Google, 2011).
#[test]
fn everything_that_matters_is_signed() {
    let login = alice();
    for name in
        ["op_endpoint", "claimed_id", "identity", "return_to", "response_nonce", "assoc_handle"]
    {
        let assertion = login.assertion(ALICE, ALICE).unsigned(name).signed();
        assert_eq!(
            login.believes(&assertion),
            Err(VerifyError::Signed(SignedError::Unsigned(name))),
            "{name}"
        );
        let missing = login.assertion(ALICE, ALICE).without(name).unsigned(name).signed();
        assert!(login.believes(&missing).is_err(), "{name}");
    }
    let old = Login::speaking(Version::V1, Some(ALICE), ALICE);
    old.believes(&old.assertion("", ALICE).signed()).unwrap();
    for name in ["identity", "return_to"] {
        let assertion = old.assertion("", ALICE).unsigned(name).signed();
        assert!(old.believes(&assertion).is_err(), "{name}");
    }
}

#[test]
fn a_changed_field_breaks_the_signature() {
    let login = alice();
    for (name, value) in [("identity", BOB), ("claimed_id", BOB), ("assoc_handle", "shared2")] {
        let assertion = login.assertion(ALICE, ALICE).signed().with(name, value);
        assert!(login.believes(&assertion).is_err(), "{name}");
    }
    for signature in ["", "=", "AAAA", "%", "not base64"] {
        let assertion = login.assertion(ALICE, ALICE).with("sig", signature);
        assert!(login.believes(&assertion).is_err(), "{signature}");
    }
}

// SECURITY-CASES O-04.
#[test]
fn the_list_of_signed_fields_is_exact() {
    let login = alice();
    let honest = login.assertion(ALICE, ALICE);
    let signed = honest.fields.get("signed").unwrap().to_owned();
    for bad in [
        format!("{signed},identity"),
        format!("{signed},absent"),
        format!("{signed},"),
        format!(",{signed}"),
        signed.replace(',', ", "),
        signed.replace("identity", "openid.identity"),
        signed.to_uppercase(),
    ] {
        let assertion = honest.clone().with("signed", &bad).signed();
        assert!(matches!(login.believes(&assertion), Err(VerifyError::Signed(_))), "{bad}");
    }
}

// SECURITY-CASES O-07: only the discovered endpoint is asked, once, and only a plain yes is one.
#[test]
fn the_provider_is_asked_where_there_is_no_key() {
    let login = alice().stateless();
    let honest = login.assertion(ALICE, ALICE).with("sig", "from+the/provider=");
    let (outcome, asked) = login.verify(&honest, |_| Ok(yes("")));
    assert!(matches!(outcome, Ok(Outcome::Verified(_))));
    assert_eq!((asked.len(), asked[0].method, asked[0].url.as_str()), (1, Method::Post, OP));
    // Everything as it came, with another mode.
    let (_, sent) = asked[0].body.split_once("openid.mode=check_authentication").unwrap();
    assert!(sent.contains("openid.sig=from%2Bthe%2Fprovider%3D"));
    let expected = honest.fields.to_form().replace("id_res", "check_authentication");
    assert_eq!(asked[0].body, expected);

    let ns = "ns:http://specs.openid.net/auth/2.0\n";
    for refusal in [
        answer(200, &[], "is_valid:true\n"),
        answer(200, &[], format!("{ns}is_valid:false\n")),
        answer(200, &[], format!("{ns}is_valid:true\nis_valid:false\n")),
        answer(200, &[], format!("{ns}is_valid:false\nis_valid:true\n")),
        answer(200, &[], format!("{ns}is_valid: true\n")),
        answer(200, &[], format!("{ns}is_valid:true\r\n")),
        answer(200, &[], format!("{ns}is_valid:TRUE\n")),
        answer(200, &[], format!("{ns}x:is_valid:true\n")),
        answer(200, &[], format!("<html>is_valid:true</html>\n{ns}is_valid:true\n")),
        answer(400, &[], format!("{ns}is_valid:true\n")),
        answer(302, &[("location", EVIL)], format!("{ns}is_valid:true\n")),
        answer(200, &[("content-encoding", "gzip")], format!("{ns}is_valid:true\n")),
        answer(200, &[], format!("{ns}is_valid:true\nx:{}\n", "a".repeat(16 * 1024))),
        answer(200, &[], "error:bad_handle\n"),
        answer(200, &[], ""),
    ] {
        let (outcome, asked) = login.verify(&honest, |_| Ok(refusal.clone()));
        assert_eq!(outcome.unwrap_err(), VerifyError::NotConfirmed, "{refusal:?}");
        assert_eq!(asked.len(), 1);
    }
    let (outcome, _) = login.verify(&honest, |_| Err(Unreachable::TimedOut));
    assert_eq!(outcome.unwrap_err(), VerifyError::Unreachable(Unreachable::TimedOut));
}

// SECURITY-CASES O-07, O-15, OPENID A16-4: who is asked is not for the message to say.
#[test]
fn another_endpoint_in_the_message_is_refused() {
    for login in [alice(), alice().stateless()] {
        for endpoint in
            [EVIL, "https://op.example/op?x", "https://op.example/op/", "HTTPS://op.example/op"]
        {
            let assertion = login.assertion(ALICE, ALICE).with("op_endpoint", endpoint).signed();
            assert_eq!(login.believes(&assertion), Err(VerifyError::OtherProvider), "{endpoint}");
        }
    }
}

// OPENID A16-38: whoever is on the way would say yes.
#[test]
fn nobody_is_asked_without_tls() {
    let mut login = alice().stateless();
    let honest = login.assertion(ALICE, ALICE).with("op_endpoint", "http://op.example/op").signed();
    login.pending.endpoint.op_endpoint = super::scene::url("http://op.example/op");
    assert_eq!(login.believes(&honest), Err(VerifyError::Insecure));
}

// OPENID A16-11, S 11.4: a known key is not asked about.
#[test]
fn a_wrong_signature_of_a_known_key_is_the_end() {
    let login = alice();
    let (outcome, asked) = login.verify(&login.assertion(ALICE, ALICE).with("sig", "AAAA"), silent);
    assert_eq!((outcome.unwrap_err(), asked.len()), (VerifyError::Signature, 0));
}

// SECURITY-CASES O-08, OPENID A16-16.
#[test]
fn only_the_provider_drops_a_handle() {
    // In the browser's copy it means nothing.
    let login = alice();
    let assertion = login.assertion(ALICE, ALICE).with("invalidate_handle", "shared").signed();
    assert_eq!(login.verified(&assertion).invalidated_handle(), None);
    let login = login.stateless();
    let dropped = |more: &str| match login.verify(&assertion, |_| Ok(yes(more))).0 {
        Ok(Outcome::Verified(verified)) => verified.invalidated_handle().map(str::to_owned),
        other => panic!("{other:?}"),
    };
    assert_eq!(dropped(""), None);
    assert_eq!(dropped("invalidate_handle:another\n"), None);
    assert_eq!(dropped("invalidate_handle:shared\n").as_deref(), Some("shared"));
}

// OPENID A16-45: a provider is not asked about what is wrong anyway, for one question
// uses up its handle.
#[test]
fn the_provider_is_asked_last() {
    let login = alice().stateless();
    let honest = login.assertion(ALICE, ALICE).with("sig", "x");
    for wrong in [
        honest.clone().with("return_to", "https://rp.example/openid/return?t=x"),
        honest.clone().arriving("https://rp.example/openid/return?t=x"),
        honest.clone().with("op_endpoint", EVIL),
        honest.clone().with("response_nonce", "2001-01-01T00:00:00Zx"),
        honest.clone().unsigned("identity"),
        honest.clone().without("sig"),
        honest.clone().without("ns"),
        honest.clone().with("assoc_handle", "a b"),
        honest.clone().with("assoc_handle", &"a".repeat(256)),
    ] {
        let (outcome, asked) = login.verify(&wrong, silent);
        assert!(outcome.is_err() && asked.is_empty(), "{wrong:?}");
    }
    assert!(matches!(login.verify(&honest, |_| Ok(yes(""))).0, Ok(Outcome::Verified(_))));
}
