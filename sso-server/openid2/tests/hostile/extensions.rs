use openid2::{
    extensions::{Extensions, ax, pape, sreg, ui},
    names::{AX, PAPE, SREG_1_0, SREG_1_1, Version},
    realm::Realm,
    request::{Request, RequestError},
    verify::Authenticated,
};

use super::scene::{ALICE, Assertion, Login, NOW, RETURN_TO, alice, association, policy, url, web};

fn person(login: &Login, assertion: Assertion) -> Authenticated {
    login.ends(&assertion.signed(), &web()).unwrap()
}

fn email(login: &Login, assertion: Assertion) -> Option<String> {
    sreg::Response::read(person(login, assertion).signed())?.email
}

// SECURITY-CASES O-03, OPENID A16-1 (Google, 2011; CVE-2011-4314).
#[test]
fn only_what_is_signed_is_said() {
    let login = alice();
    let plain = || login.assertion(ALICE, ALICE);
    let said = [("ns.sreg", SREG_1_1), ("sreg.email", "a@x.example")];
    assert_eq!(email(&login, plain().saying(&said)).as_deref(), Some("a@x.example"));
    // Not the field, not the line that gives it its meaning, neither.
    assert_eq!(email(&login, plain().saying(&said).unsigned("sreg.email")), None);
    assert_eq!(email(&login, plain().saying(&said).unsigned("ns.sreg")), None);
    let loose = plain().with("ns.sreg", SREG_1_1).with("sreg.email", "a@x.example");
    assert_eq!(email(&login, loose), None);
    // Signed, but under another name: an unsigned line must not change what it means.
    let renamed = plain()
        .saying(&[("ns.ext1", "http://example.com/other"), ("ext1.email", "a@x.example")])
        .with("ns.sreg", SREG_1_1);
    assert_eq!(email(&login, renamed), None);
}

#[test]
fn aliases() {
    let login = alice();
    let plain = || login.assertion(ALICE, ALICE);
    let other = plain().saying(&[("ns.ext1", SREG_1_0), ("ext1.email", "a@x.example")]);
    assert_eq!(email(&login, other).as_deref(), Some("a@x.example"));
    // Two aliases for one extension, reserved words, dots.
    let twice = plain().saying(&[
        ("ns.a", SREG_1_1),
        ("ns.b", SREG_1_1),
        ("a.email", "a@x.example"),
        ("b.email", "b@x.example"),
    ]);
    assert_eq!(email(&login, twice), None);
    for alias in ["mode", "sig", "a.b"] {
        let bad = plain().saying(&[
            (&*format!("ns.{alias}"), SREG_1_1),
            (&*format!("{alias}.email"), "a@x.example"),
        ]);
        assert_eq!(email(&login, bad), None, "{alias}");
    }
    // A missing line is forgiven in version 1 only.
    assert_eq!(email(&login, plain().saying(&[("sreg.email", "a@x.example")])), None);
    let old = Login::speaking(Version::V1, Some(ALICE), ALICE);
    let said = old.assertion("", ALICE).saying(&[("sreg.email", "a@x.example")]);
    assert_eq!(email(&old, said).as_deref(), Some("a@x.example"));
}

#[test]
fn registration_is_what_a_form_would_take() {
    let login = alice();
    let long = "a".repeat(256);
    let said = login.assertion(ALICE, ALICE).saying(&[
        ("ns.sreg", SREG_1_1),
        ("sreg.nickname", " böb "),
        ("sreg.fullname", &long),
        ("sreg.dob", "1975-00-00"),
        ("sreg.gender", "X"),
        ("sreg.email", ""),
        ("sreg.shoe_size", "44"),
    ]);
    let read = sreg::Response::read(person(&login, said).signed()).unwrap();
    assert_eq!(read.nickname.as_deref(), Some("böb"));
    assert_eq!(read.dob.as_deref(), Some("1975-00-00"));
    assert_eq!((read.fullname, read.gender, read.email), (None, None, None));
}

#[test]
fn attributes_go_by_their_type() {
    let login = alice();
    let said = login.assertion(ALICE, ALICE).saying(&[
        ("ns.ext0", AX),
        ("ext0.mode", "fetch_response"),
        ("ext0.type.ext0", ax::EMAIL),
        ("ext0.count.ext0", "2"),
        ("ext0.value.ext0.1", "a@x.example"),
        ("ext0.value.ext0.2", "b@x.example"),
        ("ext0.value.ext0.3", "c@x.example"),
        ("ext0.type.name", ax::FULLNAME),
        ("ext0.value.name", "Alice"),
        // ruby-openid: a type with neither value nor count.
        ("ext0.type.gone", ax::NICKNAME),
        ("ext0.type.zero", ax::LANGUAGE),
        ("ext0.count.zero", "0"),
        ("ext0.type.many", ax::LAST_NAME),
        ("ext0.count.many", "99999999999"),
    ]);
    let read = ax::Response::read(person(&login, said).signed()).unwrap();
    assert_eq!(read.all(ax::EMAIL), ["a@x.example", "b@x.example"]);
    assert_eq!(read.first(ax::FULLNAME), Some("Alice"));
    for none in [ax::NICKNAME, ax::LANGUAGE, ax::LAST_NAME, "x"] {
        assert!(read.all(none).is_empty(), "{none}");
    }
    let unsolicited = login.assertion(ALICE, ALICE).saying(&[
        ("ns.ax", AX),
        ("ax.mode", "store_request"),
        ("ax.type.a", ax::EMAIL),
    ]);
    assert_eq!(ax::Response::read(person(&login, unsolicited).signed()), None);
}

#[test]
fn when_somebody_was_authenticated() {
    let login = alice();
    let said = login.assertion(ALICE, ALICE).saying(&[
        ("ns.pape", PAPE),
        ("pape.auth_policies", &format!("none {}", pape::MULTI_FACTOR)),
        ("pape.auth_time", "2026-11-22T11:50:00Z"),
        ("pape.auth_level.ns.nist", "http://csrc.nist.gov/x.pdf"),
        ("pape.auth_level.nist", "2"),
    ]);
    let read = pape::Response::read(person(&login, said).signed()).unwrap();
    assert_eq!(read.policies, [pape::MULTI_FACTOR]);
    assert_eq!(read.levels["http://csrc.nist.gov/x.pdf"], "2");
    assert!(read.is_fresh(600, NOW, 0));
    assert!(!read.is_fresh(599, NOW, 0));
    assert!(!read.is_fresh(600, NOW - 3600, 0), "not from the future");
}

#[test]
fn what_is_asked_for() {
    let extensions = Extensions {
        sreg: Some(sreg::Request {
            required: vec![sreg::Field::Email, sreg::Field::Nickname],
            optional: vec![sreg::Field::Language],
            policy_url: Some("https://rp.example/privacy".to_owned()),
        }),
        ax: Some(ax::Request::profile()),
        pape: Some(pape::Request { max_auth_age: Some(0), preferred: vec![] }),
        ui: Some(ui::Request { languages: vec!["zh-CN".to_owned(), "en".to_owned()] }),
    };
    let login = alice();
    let (association, realm) =
        (association(super::scene::OP, Version::V2), Realm::parse("https://rp.example/").unwrap());
    let return_to = url(RETURN_TO);
    let request = Request {
        endpoint: &login.pending.endpoint,
        association: Some(&association),
        return_to: &return_to,
        realm: &realm,
        immediate: true,
        extensions: &extensions,
    };
    let (outgoing, _) = request.build(&policy(), NOW).unwrap();
    for (name, value) in [
        ("mode", "checkid_immediate"),
        ("ns.sreg", SREG_1_1),
        ("sreg.required", "email,nickname"),
        ("sreg.optional", "language"),
        ("sreg.policy_url", "https://rp.example/privacy"),
        ("ax.mode", "fetch_request"),
        ("ax.required", "email"),
        ("ax.if_available", "email2,fullname,nickname"),
        ("ax.type.email2", ax::EMAIL_OLD),
        ("pape.max_auth_age", "0"),
        ("ui.lang", "zh-CN,en"),
    ] {
        assert_eq!(outgoing.fields.get(name), Some(value), "{name}");
    }
    assert!(!outgoing.url().contains("update_url"));
    // The caller's own faults.
    let fails = |request: Request| request.build(&policy(), NOW).unwrap_err();
    let wild = Realm::parse("https://*.rp.example/").unwrap();
    assert_eq!(fails(Request { realm: &wild, ..request }), RequestError::Wildcard);
    for page in [
        "https://other.example/return?t=1",
        "http://rp.example/return",
        "https://rp.example/return?openid.mode=id_res",
    ] {
        let return_to = url(page);
        assert_eq!(fails(Request { return_to: &return_to, ..request }), RequestError::ReturnTo);
    }
    let foreign = self::association("https://evil.example/op", Version::V2);
    let mut ending = self::association(super::scene::OP, Version::V2);
    ending.expires_at = NOW + 600;
    for association in [foreign, ending] {
        let request = Request { association: Some(&association), ..request };
        assert_eq!(fails(request), RequestError::Association);
    }
}

#[test]
fn the_query_of_an_endpoint_is_kept() {
    let mut login = alice();
    for (endpoint, start) in [
        ("https://op.example/op", "https://op.example/op?openid.ns="),
        ("https://op.example/op?", "https://op.example/op?openid.ns="),
        ("https://op.example/op?tenant=7", "https://op.example/op?tenant=7&openid.ns="),
    ] {
        login.outgoing.op_endpoint = url(endpoint);
        assert!(login.outgoing.url().starts_with(start), "{endpoint}");
    }
    assert!(login.outgoing.fits_redirect());
    login.outgoing.fields.set("x", "a".repeat(2000));
    assert!(!login.outgoing.fits_redirect());
    let (name, value) = login.outgoing.inputs().last().unwrap();
    assert_eq!((&*name, value.len()), ("openid.x", 2000));
}
