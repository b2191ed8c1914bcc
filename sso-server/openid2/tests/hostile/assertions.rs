use openid2::{
    exchange::{Method, Step, Unreachable},
    message::MessageError,
    names::{IDENTIFIER_SELECT, Version},
    nonce::{NonceError, Spent},
    policy::Policy,
    verify::{ConfirmError, Outcome, Response, ResponseError, SignedError, VerifyError},
};

use super::scene::{ALICE, BOB, HOME, Login, NOW, OP, RETURN_TO, association, policy, web, yes};
use crate::net::{
    Pages, SERVER, SIGNON, answer, document, drive, html, redirect, service, silent, xrds,
};

const EVIL: &str = "https://evil.example/op";

fn alice() -> Login {
    Login::of(Some(ALICE), ALICE)
}

#[test]
fn an_honest_answer_is_a_login() {
    let login = alice();
    let person = login.ends(&login.assertion(ALICE, ALICE).signed(), &web()).unwrap();
    assert_eq!(person.claimed_id(), ALICE);
    assert_eq!(person.op_endpoint().as_str(), OP);
    assert!(person.as_asked());
}

// SECURITY-CASES O-01, attack 3.
#[test]
fn a_provider_speaks_only_for_those_who_name_it() {
    // Alice's login at her provider, which says that she is Bob: his page names the provider too.
    let login = alice();
    let honest = login.assertion(BOB, BOB).signed();
    let person = login.ends(&honest, &web()).unwrap();
    assert_eq!((person.claimed_id(), person.as_asked()), (BOB, false));
    // The same about somebody whose page names another provider.
    let victim = "https://victim.example/";
    let about_victim = login.assertion(victim, victim).signed();
    for page in [
        xrds(document(&service(SIGNON, EVIL, None))),
        xrds(document(&service(SERVER, OP, None))),
        xrds(document(&service("http://openid.net/signon/1.1", OP, None))),
        xrds(document(&service(SIGNON, "https://op.example/op?", None))),
        xrds(document(&service(SIGNON, OP, Some("https://op.example/id/other")))),
    ] {
        let outcome = login.ends(&about_victim, &web().with(victim, page));
        assert_eq!(outcome, Err(ConfirmError::NotAuthoritative));
    }
    let named = html(format!("<html><head><link rel=openid2.provider href='{OP}'></head>"));
    assert!(login.ends(&about_victim, &web().with(victim, named)).is_ok());
    assert!(matches!(login.ends(&about_victim, &web()), Err(ConfirmError::Discovery(_))));
}

// SECURITY-CASES O-01: the identifier must be the page, not lead to it.
#[test]
fn an_identifier_that_leads_elsewhere_is_not_proven() {
    let login = alice();
    let moved = "https://op.example/moved";
    let web = web().with(moved, redirect(ALICE));
    let outcome = login.ends(&login.assertion(moved, ALICE).signed(), &web);
    assert_eq!(outcome, Err(ConfirmError::Elsewhere));
}

// SECURITY-CASES O-10.
#[test]
fn after_a_choice_at_the_provider_the_identifier_is_discovered() {
    let login = Login::of(None, "");
    assert_eq!(login.outgoing.fields.get("identity"), Some(IDENTIFIER_SELECT));
    let person = login.ends(&login.assertion(ALICE, ALICE).signed(), &web()).unwrap();
    assert_eq!((person.claimed_id(), person.as_asked()), (ALICE, false));
    let victim = "https://victim.example/";
    let web = web().with(victim, xrds(document(&service(SIGNON, EVIL, None))));
    let outcome = login.ends(&login.assertion(victim, victim).signed(), &web);
    assert_eq!(outcome, Err(ConfirmError::NotAuthoritative));
}

// SECURITY-CASES O-14, CVE-2019-11027: nothing is fetched for an answer that is not signed, nor
// for one that was played before.
#[test]
fn nothing_is_fetched_for_a_forged_answer() {
    let login = Login::of(None, "");
    let forged = login.assertion("https://10.0.0.1/", "https://10.0.0.1/").with("sig", "AAAA");
    let (outcome, asked) = login.verify(&forged, silent);
    assert_eq!(outcome.unwrap_err(), VerifyError::Signature);
    assert!(asked.is_empty());
    let verified = login.verified(&login.assertion(ALICE, ALICE).signed());
    let (outcome, asked) = drive(verified.redeem(Spent::Again, &policy()), silent);
    assert_eq!((outcome, asked.len()), (Err(ConfirmError::Replayed), 0));
}

// SECURITY-CASES O-11: what is asserted must be in its canonical form.
#[test]
fn an_identifier_has_one_form() {
    let login = alice();
    for odd in [
        "https://OP.example/id/alice",
        "https://op.example:443/id/alice",
        "https://op.example/id/%61lice",
        "https://op.example/id/./alice",
        "https://op.example/id/x/../alice",
        "HTTPS://op.example/id/alice",
        "op.example/id/alice",
        "https://bücher.example/",
        "https://u@op.example/id/alice",
        "ftp://op.example/id/alice",
        "file:///etc/passwd",
        "",
    ] {
        let outcome = login.ends(&login.assertion(odd, ALICE).signed(), &web());
        assert_eq!(outcome, Err(ConfirmError::Malformed), "{odd}");
    }
    let plain = "http://op.example/id/alice";
    let outcome = login.ends(&login.assertion(plain, plain).signed(), &web());
    assert!(matches!(outcome, Err(ConfirmError::Discovery(_))), "O-12: {outcome:?}");
}

// Attack 35 of SECURITY-CASES: the fragment tells a later owner of a name from an earlier one.
#[test]
fn the_fragment_is_part_of_the_key() {
    let login = alice();
    let second = format!("{ALICE}#2");
    let person = login.ends(&login.assertion(&second, ALICE).signed(), &web()).unwrap();
    assert_eq!(person.claimed_id(), second);
    assert_eq!(person.display(), ALICE);
    let chosen = Login::of(None, "");
    let person = chosen.ends(&chosen.assertion(&second, ALICE).signed(), &web()).unwrap();
    assert_eq!(person.claimed_id(), second);
}

// SECURITY-CASES O-02, CVE-2014-1475.
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

// SECURITY-CASES O-03 (Google, 2011).
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

// SECURITY-CASES O-04, attacks 28 to 30.
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

// SECURITY-CASES O-05.
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

// SECURITY-CASES O-06.
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

// SECURITY-CASES O-06, attack 9: the same nonce of another provider is another nonce.
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

// Attack 45 of SECURITY-CASES: a provider is not asked about what is wrong anyway, for one question
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

#[test]
fn a_login_does_not_last_for_ever() {
    let mut login = alice();
    let honest = login.assertion(ALICE, ALICE).signed();
    login.now = NOW + 3601;
    assert_eq!(login.believes(&honest), Err(VerifyError::Expired));
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

// SECURITY-CASES O-07, O-15: who is asked is not for the message to say.
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

// Attack 38 of SECURITY-CASES: whoever is on the way would say yes.
#[test]
fn nobody_is_asked_without_tls() {
    let mut login = alice().stateless();
    let honest = login.assertion(ALICE, ALICE).with("op_endpoint", "http://op.example/op").signed();
    login.pending.endpoint.op_endpoint = super::scene::url("http://op.example/op");
    assert_eq!(login.believes(&honest), Err(VerifyError::Insecure));
}

// SECURITY-CASES attack 11, S 11.4: a known key is not asked about.
#[test]
fn a_wrong_signature_of_a_known_key_is_the_end() {
    let login = alice();
    let (outcome, asked) = login.verify(&login.assertion(ALICE, ALICE).with("sig", "AAAA"), silent);
    assert_eq!((outcome.unwrap_err(), asked.len()), (VerifyError::Signature, 0));
}

// SECURITY-CASES O-08.
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

// Version 1: immediate failure is a signed id_res without an identity.
#[test]
fn the_setup_url_of_version_1_is_not_followed() {
    let old = Login::speaking(Version::V1, Some(ALICE), ALICE);
    let assertion = old.assertion("", ALICE).with("user_setup_url", "javascript:alert(1)").signed();
    assert!(matches!(old.verify(&assertion, silent).0, Ok(Outcome::SetupNeeded)));
    let two = alice();
    two.believes(&two.assertion(ALICE, ALICE).with("user_setup_url", "x").signed()).unwrap();
}

// Attack 31 of SECURITY-CASES.
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

// SECURITY-CASES O-18, attacks 7 and 8, CVE-2014-2048.
#[test]
fn a_local_name_is_nobody_s_key() {
    for version in [Version::V2, Version::V1] {
        let login = Login::speaking(version, Some(HOME), ALICE);
        let person = login.ends(&login.assertion(HOME, ALICE).signed(), &web()).unwrap();
        assert_eq!((person.claimed_id(), person.local_id()), (HOME, ALICE));
        let swapped = login.ends(&login.assertion(HOME, BOB).signed(), &web());
        assert_eq!(swapped, Err(ConfirmError::OtherPerson), "{version:?}");
    }
    // In version 1 no field of the message says who it is.
    let login = Login::speaking(Version::V1, Some(HOME), ALICE);
    let told = login.assertion("", ALICE).saying(&[("claimed_id", BOB), ("op_endpoint", EVIL)]);
    assert_eq!(login.ends(&told.signed(), &web()).unwrap().claimed_id(), HOME);
}

// Attack 42 of SECURITY-CASES.
#[test]
fn an_answer_about_nobody_logs_nobody_in() {
    let login = alice();
    let nobody = login
        .assertion(ALICE, ALICE)
        .without("claimed_id")
        .without("identity")
        .unsigned("claimed_id")
        .unsigned("identity")
        .signed();
    assert_eq!(login.ends(&nobody, &web()), Err(ConfirmError::NoIdentifier));
}

// SECURITY-CASES O-19.
#[test]
fn who_has_moved_is_not_the_old_provider_s_any_more() {
    let login = Login::of(None, "");
    let assertion = login.assertion(HOME, ALICE).signed();
    assert!(login.ends(&assertion, &web()).is_ok());
    let moved = web().with(HOME, xrds(document(&service(SIGNON, EVIL, Some(ALICE)))));
    assert_eq!(login.ends(&assertion, &moved), Err(ConfirmError::NotAuthoritative));
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

#[test]
fn a_page_that_is_not_there_is_no_identifier() {
    let login = Login::of(None, "");
    let outcome = login.ends(&login.assertion(ALICE, ALICE).signed(), &Pages::default());
    assert!(matches!(outcome, Err(ConfirmError::Discovery(_))));
}
