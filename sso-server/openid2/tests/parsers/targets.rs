//! One function a parser, for tests and for a fuzzer. A panic is a finding.

use std::sync::LazyLock;

use openid2::{
    association::{
        AssocType, Association, MacKey,
        associate::{Associate, Pair, Secrets, SessionType},
        dh::KeyPair,
    },
    discovery::{
        Discovery, Endpoint, Person,
        html::{self, Head, MAX_TAGS},
        xrds::{MAX_LIST, Xrds},
    },
    exchange::{Answer, Exchange, Fetch, Step, Unreachable},
    extensions::{ax, pape, sreg},
    identifier::{Identifier, UserInput, canonical_id},
    message::{Fields, MAX_FIELDS},
    names::Version,
    nonce::{self, Spent},
    policy::{PlainHttp, Policy, XriProxy},
    realm::{Realm, is_return_to},
    request::Pending,
    url::{MAX_URL, WebUrl},
    verify::{Outcome, Response, Verification},
};

/// Takes whatever there is.
pub(crate) type Target = fn(&[u8]);

/// By name.
pub(crate) const ALL: [(&str, Target); 10] = [
    ("url", url),
    ("identifier", identifier),
    ("key_values", key_values),
    ("response", response),
    ("xrds", xrds),
    ("html", page),
    ("nonce", nonce),
    ("realm", realm),
    ("associate", associate),
    ("discovery", discovery),
];

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

fn lab() -> Policy {
    let xri_proxy = WebUrl::parse("https://xri.example/").ok();
    let xri_proxy = xri_proxy.map(|url| XriProxy { url, trusted: data_is_trusted() });
    Policy { plain_http: PlainHttp::Everywhere, xri_proxy, ..Policy::everything() }
}

fn data_is_trusted() -> bool {
    false
}

/// The canonical form stays as it is, and others read the same host and path in it.
pub(crate) fn url(data: &[u8]) {
    let text = text(data);
    let _ = WebUrl::parse(&text).map(|url| url.display());
    let Ok(normal) = WebUrl::normalise(&text) else { return };
    assert!(normal.as_str().len() <= MAX_URL && normal.as_str().is_ascii());
    assert_eq!(WebUrl::normalise(normal.as_str()).as_ref(), Ok(&normal));
    assert_eq!(WebUrl::parse(normal.as_str()).as_ref(), Ok(&normal));
    let theirs =
        ::url::Url::parse(normal.as_str()).unwrap_or_else(|error| panic!("{normal}: {error}"));
    assert_eq!(theirs.host_str(), Some(normal.host()));
    assert_eq!(theirs.scheme() == "https", normal.is_https());
    assert_eq!((theirs.username(), theirs.password(), theirs.fragment()), ("", None, None));
    let _ = normal.display();
}

/// What was typed has one form, which is its own.
pub(crate) fn identifier(data: &[u8]) {
    let text = text(data);
    if let Ok(typed) = UserInput::parse(&text) {
        let canonical = Identifier::canonical(typed.identifier.as_str());
        assert_eq!(canonical.as_ref(), Some(&typed.identifier));
        let _ = typed.identifier.display();
    }
    let ids: Vec<Option<&str>> = text.lines().map(Some).collect();
    let _ = canonical_id(&text, &ids);
}

/// What is read is written as it was.
pub(crate) fn key_values(data: &[u8]) {
    let Ok(fields) = Fields::from_key_values(data) else { return };
    assert!(fields.len() <= MAX_FIELDS);
    let written = fields.to_key_values(fields.iter().map(|(name, _)| name)).unwrap_or_default();
    assert_eq!(Fields::from_key_values(written.as_bytes()).as_ref(), Ok(&fields));
}

/// What is read of a query is written as a query that says the same.
pub(crate) fn response(data: &[u8]) {
    let page = "https://rp.example/return?";
    let _ = Response::from_post(page, data);
    let Ok(read) = Response::from_get(&format!("{page}{}", text(data))) else { return };
    let again = Response::from_get(&format!("{page}{}", read.fields().to_form()));
    assert_eq!(again.map(|again| again.fields().clone()).as_ref(), Ok(read.fields()));
}

/// Bounded lists, whatever the document.
pub(crate) fn xrds(data: &[u8]) {
    let Ok(document) = Xrds::parse(data) else { return };
    assert!(!document.descriptors.is_empty());
    for service in document.descriptors.iter().flat_map(|xrd| &xrd.services) {
        assert!(service.types.len() <= MAX_LIST && service.uris.len() <= MAX_LIST);
    }
}

/// Bounded lists, whatever the page.
pub(crate) fn page(data: &[u8]) {
    for kind in [None, Some("text/html; charset=ISO-8859-1")] {
        let head = Head::parse(&html::decode(data, kind));
        assert!(head.links.len() <= MAX_TAGS);
        let _ = head.link("openid2.provider");
    }
}

/// A time is a time.
pub(crate) fn nonce(data: &[u8]) {
    let _ = nonce::check(&text(data), 0, i64::MAX);
}

/// Whoever covers a page is of its scheme.
pub(crate) fn realm(data: &[u8]) {
    let text = text(data);
    let (one, two) = text.split_once('\n').unwrap_or((&text, &text));
    let _ = is_return_to(one, two);
    if let (Ok(realm), Ok(page)) = (Realm::parse(one), WebUrl::parse(two)) {
        assert!(!realm.covers(&page) || realm.as_str().len() >= 8);
    }
}

/// No answer makes a key of the wrong length, and no third request.
pub(crate) fn associate(data: &[u8]) {
    // Made once: modular exponentiation is not what is tried here.
    static PAIR: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::from_random(&[1; 144]));
    let _ = PAIR.shared(&text(data));
    let Ok(op_endpoint) = WebUrl::parse("https://op.example/") else { return };
    let secrets = Secrets::new([[1; 144], [2; 144]]);
    let in_clear =
        Pair { assoc_type: AssocType::HmacSha1, session_type: SessionType::NoEncryption };
    let mut step = Associate::asking(in_clear, &op_endpoint, Version::V1, &lab(), secrets, 0);
    for _ in 0..3 {
        match step {
            Step::Fetch(_, exchange) => step = exchange.receive(Ok(answer(data))),
            Step::Done(association) => {
                assert_eq!(association.key.expose().len(), association.kind.key_len());
                return;
            }
            Step::Failed(_) => return,
        }
    }
    panic!("a third request");
}

fn answer(body: &[u8]) -> Answer {
    Answer { status: 200, headers: vec![], body: body.to_vec() }
}

/// The same bytes as every answer: it ends, and only checked URLs are asked for.
pub(crate) fn discovery(data: &[u8]) {
    let starts = ["http://id.example/", "=example"];
    let kinds = ["application/xrds+xml", "text/html", "text/plain"];
    for (start, kind) in starts.iter().flat_map(|start| kinds.map(|kind| (start, kind))) {
        let Some(identifier) = Identifier::canonical(start) else { continue };
        let mut step = Discovery::of(&identifier, &lab());
        for turn in 0.. {
            assert!(turn < 16, "this does not end");
            let Step::Fetch(fetch, exchange) = step else { break };
            assert!(WebUrl::parse(&fetch.url).is_ok_and(|url| url.is_normal()));
            step = exchange.receive(served(data, kind, &fetch, turn));
        }
    }
}

fn served(data: &[u8], kind: &str, fetch: &Fetch, turn: usize) -> Result<Answer, Unreachable> {
    if fetch.url.len() % 7 == 6 {
        return Err(Unreachable::Broken);
    }
    let mut answer = answer(data);
    answer.headers.push(("content-type".to_owned(), kind.to_owned()));
    let line = data.split(|b| *b == b'\n').next().unwrap_or_default();
    if turn == 1 {
        answer.status = 302;
        answer.headers.push(("location".to_owned(), text(line)));
    }
    Ok(answer)
}

/// Lets somebody change an honest answer. If it is believed, every signed field is as it was.
pub(crate) fn forge(change: impl FnOnce(&mut Vec<u8>)) {
    let endpoint = || {
        Some(Endpoint {
            version: Version::V2,
            op_endpoint: WebUrl::parse("https://op.example/op").ok()?,
            person: Person::Claimed {
                claimed_id: Identifier::canonical("https://op.example/alice")?,
                local_id: "https://op.example/alice".to_owned(),
            },
            types: vec![],
        })
    };
    let Some(endpoint) = endpoint() else { return };
    let Ok(return_to) = WebUrl::parse("https://rp.example/return?t=1") else { return };
    let kind = AssocType::HmacSha256;
    let Some(key) = MacKey::new(&[9; 32], kind) else { return };
    let association = Association {
        op_endpoint: endpoint.op_endpoint.clone(),
        handle: "h".to_owned(),
        version: Version::V2,
        kind,
        key,
        issued_at: 0,
        expires_at: i64::MAX,
    };
    let pending = Pending {
        started_at: 1_795_348_800,
        endpoint,
        assoc_handle: Some("h".to_owned()),
        return_to,
        immediate: false,
    };
    let mut honest = Fields::new();
    for (name, value) in [
        ("ns", "http://specs.openid.net/auth/2.0"),
        ("mode", "id_res"),
        ("op_endpoint", "https://op.example/op"),
        ("claimed_id", "https://op.example/alice"),
        ("identity", "https://op.example/alice"),
        ("return_to", "https://rp.example/return?t=1"),
        ("response_nonce", "2026-11-22T12:00:20Zx"),
        ("assoc_handle", "h"),
        ("ns.sreg", "http://openid.net/extensions/sreg/1.1"),
        ("sreg.email", "alice@example.com"),
        ("sreg.nickname", "alice"),
        ("ns.ax", "http://openid.net/srv/ax/1.0"),
        ("ax.mode", "fetch_response"),
        ("ns.pape", "http://specs.openid.net/extensions/pape/1.0"),
    ] {
        honest.set(name, value);
    }
    let names: Vec<String> = honest.iter().map(|(name, _)| name.to_owned()).collect();
    let text = honest.to_key_values(names.iter().map(String::as_str)).unwrap_or_default();
    honest.set("signed", names.join(","));
    honest.set(
        "sig",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, association.sign(&text)),
    );
    let mut query = honest.to_form().into_bytes();
    change(&mut query);
    let url = format!("https://rp.example/return?t=1&{}", String::from_utf8_lossy(&query));
    let Ok(response) = Response::from_get(&url) else { return };
    let policy = Policy::default();
    let now = pending.started_at + 30;
    let step = Verification::start(&response, &pending, Some(&association), &policy, now);
    let Step::Done(Outcome::Verified(verified)) = step else { return };
    let Step::Done(person) = verified.redeem(Spent::First, &policy) else { return };
    for (name, value) in honest.iter().filter(|(name, _)| names.iter().any(|signed| signed == name))
    {
        assert_eq!(person.signed().get(name), Some(value), "{name}");
    }
    let _ = (ax::Response::read(person.signed()), pape::Response::read(person.signed()));
    let read = sreg::Response::read(person.signed());
    assert_eq!(read.and_then(|read| read.email).as_deref(), Some("alice@example.com"));
}
