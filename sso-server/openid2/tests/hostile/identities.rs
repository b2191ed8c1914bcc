//! For whom a provider may speak.

use openid2::{
    names::{IDENTIFIER_SELECT, Version},
    nonce::Spent,
    verify::{ConfirmError, VerifyError},
};

use super::scene::{ALICE, BOB, HOME, Login, OP, alice, policy, web};
use crate::net::{Pages, SERVER, SIGNON, document, drive, html, redirect, service, silent, xrds};

const EVIL: &str = "https://evil.example/op";

#[test]
fn an_honest_answer_is_a_login() {
    let login = alice();
    let person = login.ends(&login.assertion(ALICE, ALICE).signed(), &web()).unwrap();
    assert_eq!(person.claimed_id(), ALICE);
    assert_eq!(person.op_endpoint().as_str(), OP);
    assert!(person.as_asked());
}

// SECURITY-CASES O-01, OPENID A16-3.
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

// SECURITY-CASES O-14, OPENID A16-20 (CVE-2019-11027): nothing is fetched for an answer that is not signed, nor
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

// SECURITY-CASES O-11, OPENID A16-37: what is asserted must be in its canonical form.
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

// OPENID A16-35: the fragment tells a later owner of a name from an earlier one.
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

// SECURITY-CASES O-18, OPENID A16-7, A16-8, CVE-2014-2048.
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

// OPENID A16-42.
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

#[test]
fn a_page_that_is_not_there_is_no_identifier() {
    let login = Login::of(None, "");
    let outcome = login.ends(&login.assertion(ALICE, ALICE).signed(), &Pages::default());
    assert!(matches!(outcome, Err(ConfirmError::Discovery(_))));
}
