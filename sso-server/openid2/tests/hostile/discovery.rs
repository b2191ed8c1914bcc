use openid2::{
    discovery::{
        Discovered, Discovery, DiscoveryError,
        html::Head,
        xrds::{Xrds, XrdsError},
    },
    exchange::{Answer, Fetch, Unreachable},
    identifier::UserInput,
    policy::{PlainHttp, Policy},
};

use crate::net::{Pages, SIGNON, answer, document, drive, html, lab, redirect, service, xrds};

const OP: &str = "https://op.example/op";

fn discover(
    typed: &str,
    policy: &Policy,
    net: impl FnMut(&Fetch) -> Result<Answer, Unreachable>,
) -> (Result<Discovered, DiscoveryError>, Vec<Fetch>) {
    drive(Discovery::start(&UserInput::parse(typed).unwrap(), policy), net)
}

fn good() -> Answer {
    xrds(document(&service(SIGNON, OP, None)))
}

// SECURITY-CASES O-12, OPENID A16-38: without a scheme, https; and a broken certificate is no reason
// for http.
#[test]
fn https_comes_first() {
    let pages = Pages::default().with("https://id.example/", good());
    let (outcome, asked) = discover("id.example", &Policy::default(), |f| pages.get(f));
    assert_eq!(outcome.unwrap().claimed_id.as_str(), "https://id.example/");
    assert_eq!(asked.len(), 1);

    let only_http = |fetch: &Fetch, failure| match fetch.url.as_str() {
        "http://id.example/" => Ok(xrds(document(&service(SIGNON, "http://op.example/", None)))),
        _ => Err(failure),
    };
    let listed = Policy {
        plain_http: PlainHttp::Hosts(vec!["id.example".to_owned(), "op.example".to_owned()]),
        ..Policy::default()
    };
    let (outcome, asked) = discover("id.example", &listed, |f| only_http(f, Unreachable::Nobody));
    assert_eq!(outcome.unwrap().claimed_id.as_str(), "http://id.example/");
    assert_eq!(asked.len(), 2);
    let (outcome, asked) =
        discover("id.example", &listed, |f| only_http(f, Unreachable::Certificate));
    assert_eq!(outcome, Err(DiscoveryError::Unreachable(Unreachable::Certificate)));
    assert_eq!(asked.len(), 1);
    let (outcome, asked) =
        discover("id.example", &Policy::default(), |f| only_http(f, Unreachable::Nobody));
    assert_eq!(outcome, Err(DiscoveryError::Unreachable(Unreachable::Nobody)));
    assert_eq!(asked.len(), 1);
    let (outcome, asked) = discover("http://id.example/", &Policy::default(), |f| pages.get(f));
    assert_eq!((outcome, asked.len()), (Err(DiscoveryError::Insecure), 0));
}

// A2: once secured, always secured, also where plain http is allowed.
#[test]
fn a_chain_does_not_lose_its_tls() {
    let start = "https://id.example/";
    for page in [
        redirect("http://id.example/"),
        answer(200, &[("x-xrds-location", "http://id.example/x")], ""),
        html("<html><head><meta http-equiv=x-xrds-location content='http://id.example/x'>"),
        xrds(document(&service(SIGNON, "http://op.example/", None))),
        html("<html><head><link rel=openid2.provider href='http://op.example/'>"),
    ] {
        let pages = Pages::default()
            .with(start, page.clone())
            .with("http://id.example/", good())
            .with("http://id.example/x", good());
        let (outcome, asked) = discover(start, &lab(), |fetch| pages.get(fetch));
        assert!(outcome.is_err(), "{page:?}");
        assert!(asked.iter().all(|fetch| fetch.url.starts_with("https://")), "{asked:?}");
    }
    let up = Pages::default().with("http://id.example/", redirect(start)).with(start, good());
    let (outcome, _) = discover("http://id.example/", &lab(), |fetch| up.get(fetch));
    assert_eq!(outcome.unwrap().claimed_id.as_str(), start);
}

// SECURITY-CASES O-13, O-14, OPENID A16-22.
#[test]
fn redirects_are_few_and_to_the_web() {
    let base = "https://id.example/";
    for to in [
        "file:///etc/passwd",
        "ftp://id.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://u:p@id.example/x",
        "https://id.example\\@evil.example/",
        "https:///x",
        "https://id.example/\u{7f}",
        "",
        base,
    ] {
        let pages = Pages::default().with(base, redirect(to));
        let (outcome, asked) = discover(base, &lab(), |fetch| pages.get(fetch));
        assert_eq!((outcome, asked.len()), (Err(DiscoveryError::Redirect), 1), "{to}");
    }
    let hop = |n: usize| format!("https://id.example/{n}");
    let chain = |length: usize| {
        let mut pages = Pages::default().with(&hop(length), good());
        for n in 0..length {
            pages = pages.with(&hop(n), redirect(&hop(n + 1)));
        }
        discover(&hop(0), &lab(), |fetch| pages.get(fetch))
    };
    assert_eq!(chain(3).0.unwrap().claimed_id.as_str(), hop(3));
    let (outcome, asked) = chain(4);
    assert_eq!((outcome, asked.len()), (Err(DiscoveryError::Redirect), 4));
    let ring = Pages::default().with(&hop(0), redirect("/1")).with(&hop(1), redirect("/0"));
    let (outcome, asked) = discover(&hop(0), &lab(), |fetch| ring.get(fetch));
    assert_eq!((outcome, asked.len()), (Err(DiscoveryError::Redirect), 2));
}

// SECURITY-CASES O-13, OPENID A16-18, A16-19 (CVE-2013-4701, CVE-2013-1812).
#[test]
fn documents_that_bite() {
    let entity = "<!DOCTYPE x [<!ENTITY a 'https://op.example/op'>]>";
    let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>";
    let with = |head: &str, uri: &str| format!("{head}{}", document(&service(SIGNON, uri, None)));
    for (body, error) in [
        (with(entity, "&a;"), XrdsError::Doctype),
        (with(bomb, "&b;"), XrdsError::Doctype),
        (with("<!DOCTYPE x SYSTEM 'http://evil.example/dtd'>", OP), XrdsError::Doctype),
        (with("<!doctype x>", OP), XrdsError::Doctype),
        (with("", "&a;"), XrdsError::Doctype),
        (with("", "&hellip;"), XrdsError::Doctype),
        (with("<?xml version='1.0' encoding='UTF-7'?>", OP), XrdsError::Encoding),
        (with("<?xml version='1.0' encoding='ISO-8859-1'?>", OP), XrdsError::Encoding),
        (document(&"<a>".repeat(40)), XrdsError::TooLarge),
        (document(&"<a/>".repeat(10_001)), XrdsError::TooLarge),
        (document(&format!("<a{}/>", attributes(65))), XrdsError::TooLarge),
        (document("<Service>"), XrdsError::Malformed),
        (document("<Service a='1' a='2'/>"), XrdsError::Malformed),
        (document("<x:Service/>"), XrdsError::Malformed),
        (with("", &format!("https://op.example/{}", "a".repeat(5000))), XrdsError::TooLarge),
        (with("x", OP), XrdsError::NotXrds),
        (with("", OP) + "<x/>", XrdsError::NotXrds),
        ("<XRDS/>".to_owned(), XrdsError::NotXrds),
        (String::new(), XrdsError::NotXrds),
    ] {
        assert_eq!(Xrds::parse(body.as_bytes()), Err(error), "{body:.120}");
    }
    assert_eq!(Xrds::parse(b"\xff\xfe<\0X"), Err(XrdsError::Encoding));
    assert_eq!(Xrds::parse(b"<XRDS xmlns='xri://$xrds'>\xff</XRDS>"), Err(XrdsError::Encoding));
    let wide: Vec<u8> = with("\u{feff}", OP).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(Xrds::parse(&wide), Xrds::parse(with("", OP).as_bytes()));
    // XML's own entities and characters are text.
    let plain = Xrds::parse(with("", "https://op.example/?a&amp;b&#61;c").as_bytes()).unwrap();
    assert_eq!(plain.descriptors[0].services[0].uris[0].text, "https://op.example/?a&b=c");
}

fn attributes(count: usize) -> String {
    (0..count).map(|n| format!(" a{n}=''")).collect()
}

// SECURITY-CASES O-13: compressed, too large, or not a success.
#[test]
fn answers_that_are_not_taken() {
    let body = document(&service(SIGNON, OP, None));
    let kind = ("content-type", "application/xrds+xml");
    let large = format!("{body}{}", " ".repeat(512 * 1024));
    for (page, error) in [
        (answer(200, &[kind, ("content-encoding", "gzip")], &*body), DiscoveryError::Body),
        (answer(200, &[kind], &*large), DiscoveryError::Body),
        (answer(201, &[kind], &*body), DiscoveryError::Status(201)),
        (answer(206, &[kind], &*body), DiscoveryError::Status(206)),
        (answer(304, &[kind], &*body), DiscoveryError::Status(304)),
        (answer(500, &[kind], &*body), DiscoveryError::Status(500)),
        (answer(200, &[("content-type", "text/plain")], PAGE), DiscoveryError::Nothing),
    ] {
        let (outcome, _) = discover("https://id.example/", &lab(), |_| Ok(page.clone()));
        assert_eq!(outcome, Err(error));
    }
    assert!(discover("https://id.example/", &lab(), |_| Ok(html(PAGE))).0.is_ok());
    assert!(discover("https://id.example/", &lab(), |_| Ok(answer(200, &[], PAGE))).0.is_ok());
}

const PAGE: &str = "<html><head><link rel=openid2.provider href=https://op.example/op></head>";

// OPENID A16-24: what libraries sent people to.
#[test]
fn endpoints_are_of_the_web() {
    for uri in [
        "file:///etc/passwd",
        "ftp://op.example/",
        "javascript:alert(1)",
        "/op",
        "op.example",
        "//op.example/",
        "https://op.example/\r\nX: y",
        "https://op.example/a b",
        "https://u:p@op.example/",
        "https://op.example/#f",
        "https://op.example\\.evil.example/",
        "https://bücher.example/",
        "https:op.example",
        "https://",
    ] {
        let (outcome, _) = discover("https://id.example/", &lab(), |fetch| {
            let preferred = fetch.headers[0].1.contains("xrds");
            let page = format!("<html><head><link rel=openid2.provider href='{uri}'>");
            Ok(if preferred { xrds(document(&service(SIGNON, uri, None))) } else { html(page) })
        });
        assert_eq!(outcome, Err(DiscoveryError::Nothing), "{uri}");
    }
    let (outcome, _) = discover("https://id.example/", &lab(), |_| {
        Ok(xrds(document(&service(SIGNON, " https://op.example/op?tenant=7 ", None))))
    });
    assert_eq!(
        outcome.unwrap().endpoints[0].op_endpoint.as_str(),
        "https://op.example/op?tenant=7"
    );
}

// SECURITY-CASES O-13, OPENID A16-25: many tags, and what visitors write.
#[test]
fn pages_that_bite() {
    let many = format!("<html><head>{}{}", "<link rel=x href=y>".repeat(5000), &PAGE[12..]);
    assert_eq!(Head::parse(&many).links.len(), 1000);
    for page in [
        "<html><head></head><body><link rel=openid2.provider href=https://evil.example/>",
        "<html><head><!-- <link rel=openid2.provider href=https://evil.example/> -->",
        "<html><head><title><link rel=openid2.provider href=https://evil.example/></title>",
        "<html><head><script>'<link rel=openid2.provider href=https://evil.example/>'</script>",
        "<html><head><meta name='<link rel=openid2.provider href=https://evil.example/>'>",
        // UTF-7, which some browsers once guessed.
        "+ADw-html+AD4APA-head+AD4APA-link rel=openid2.provider href=https://evil.example/+AD4-",
    ] {
        let (outcome, _) = discover("https://id.example/", &lab(), |_| Ok(html(page)));
        assert_eq!(outcome, Err(DiscoveryError::Nothing), "{page}");
    }
}

#[test]
fn version_1_can_be_switched_off() {
    let page = "<html><head><link rel=openid.server href=https://op.example/op></head>";
    let without = Policy { openid1: false, ..lab() };
    assert!(discover("https://id.example/", &lab(), |_| Ok(html(page))).0.is_ok());
    assert!(discover("https://id.example/", &without, |_| Ok(html(page))).0.is_err());
}
