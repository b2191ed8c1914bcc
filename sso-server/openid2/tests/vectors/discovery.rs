use std::collections::BTreeMap;

use openid2::{
    discovery::{Discovered, Discovery, DiscoveryError, Endpoint, Person},
    exchange::{Answer, Exchange, Fetch},
    identifier::Identifier,
};

use crate::net::{
    Pages, SIGNON, answer, document, drive, files, html, json, lab, service, text, xrds,
};

const PYTHON: &str = "python3-openid-3.2.0";

/// Vectors whose services are not all ours.
const NOT_FOLLOWED: [(&str, &str); 1] = [(
    "yadis_2entries_idp.xml",
    "a provider's own identifier excludes the others (section 7.3.2.2); python3-openid lists them \
     here and drops them later",
)];

fn discover(
    url: &str,
    net: impl FnMut(&Fetch) -> Result<Answer, openid2::exchange::Unreachable>,
) -> (Result<Discovered, DiscoveryError>, Vec<Fetch>) {
    let identifier = Identifier::canonical(url).unwrap();
    drive(Discovery::of(&identifier, &lab()), net)
}

/// An endpoint as the vectors write it.
fn told(endpoint: &Endpoint) -> serde_json::Value {
    let (claimed_id, local_id) = match &endpoint.person {
        Person::Unknown => (None, None),
        Person::Claimed { claimed_id, local_id } => (
            Some(claimed_id.as_str()),
            Some(local_id.as_str()).filter(|local_id| *local_id != claimed_id.as_str()),
        ),
    };
    serde_json::json!({
        "types": endpoint.types,
        "op_endpoint": endpoint.op_endpoint.as_str(),
        "claimed_id": claimed_id,
        "local_id": local_id,
        "is_op_identifier": endpoint.person == Person::Unknown,
    })
}

#[test]
fn pages_and_documents() {
    let vectors = json(&format!("{PYTHON}/EXPECTED-test_discover.json"));
    let results = vectors["results"].as_object().unwrap();
    assert_eq!(results.len(), files(&format!("{PYTHON}/data/test_discover")).len());
    for (name, expected) in results {
        let body = text(&format!("{PYTHON}/data/test_discover/{name}"));
        let page = if name.ends_with(".html") { html(body) } else { xrds(body) };
        let mut page = Some(page);
        let (outcome, _) = discover(vectors["claimed_url"].as_str().unwrap(), |_| {
            Ok(page.take().unwrap_or_else(|| answer(404, &[], "")))
        });
        if expected.is_string() {
            assert_eq!(outcome, Err(DiscoveryError::Contradiction), "{name}");
            continue;
        }
        let found = outcome.map(|found| found.endpoints).unwrap_or_default();
        let mut told: Vec<_> = found.iter().map(told).collect();
        let mut expected = expected.as_array().unwrap().clone();
        if NOT_FOLLOWED.iter().any(|(vector, _)| vector == name) {
            assert_ne!(told, expected, "{name}");
            expected.retain(|endpoint| endpoint["is_op_identifier"] == true);
        }
        // Services of equal priority have no order.
        told.sort_by_key(ToString::to_string);
        expected.sort_by_key(ToString::to_string);
        assert_eq!(told, expected, "{name}");
    }
}

/// The raw answers of `test1-discover.txt`, by name.
fn raw_answers(base: &str) -> BTreeMap<String, Answer> {
    let text = text(&format!("{PYTHON}/data/test1-discover.txt"))
        .replace("URL_BASE", base)
        .replace("YADIS_HEADER", "X-XRDS-Location");
    let mut answers = BTreeMap::new();
    for block in text.split("\u{c}\n") {
        let (name, rest) = block.split_once('\n').unwrap();
        let (head, body) = rest.split_once("\n\n").unwrap_or((rest, ""));
        let mut headers: Vec<(&str, &str)> =
            head.lines().filter_map(|line| line.split_once(": ")).collect();
        let (_, status) = headers.remove(0);
        let status = status.split(' ').next().unwrap().parse().unwrap();
        // So that one sees which document was read.
        let services = service(SIGNON, &format!("http://op.example/{name}"), None);
        let body = body.replace("<XRDS Content>", &document(&services));
        answers.insert(name.to_owned(), answer(status, &headers, body));
    }
    answers
}

// SECURITY-CASES O-13.
#[test]
fn yadis() {
    let base = "http://unittest";
    let answers = raw_answers(base);
    let vectors = json(&format!("{PYTHON}/EXPECTED-discover.json"));
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 17);
    for case in cases {
        let word = |name: &str| case[name].as_str();
        let name = word("name").unwrap();
        let (outcome, asked) = discover(&format!("{base}/{name}"), |fetch| {
            let page = fetch.url.strip_prefix("http://unittest/").unwrap();
            Ok(answers.get(page).unwrap_or_else(|| panic!("{name}: {page}")).clone())
        });
        assert_eq!(outcome.is_ok(), case["success"].as_bool().unwrap(), "{name}");
        assert!(asked[0].headers[0].1.starts_with("application/xrds+xml"));
        if let Ok(found) = outcome {
            assert_eq!(found.claimed_id.as_str(), format!("{base}/{}", word("final").unwrap()));
            let read = found.endpoints[0].op_endpoint.as_str();
            assert_eq!(read, format!("http://op.example/{}", word("result").unwrap()), "{name}");
        }
    }
}

#[test]
fn priorities_and_versions() {
    let services = "
        <Service priority='0'><Type>http://openid.net/signon/1.0</Type><URI>http://a.example/</URI></Service>
        <Service><Type>http://openid.net/server/1.1</Type><URI>http://b.example/</URI></Service>
        <Service><Type>http://specs.openid.net/auth/2.0/signon</Type>
          <URI>http://worst.example/</URI><URI priority='007'>http://third.example/</URI>
          <URI priority='-1'>http://worst2.example/</URI></Service>
        <Service priority='20'><Type>http://specs.openid.net/auth/2.0/signon</Type>
          <URI priority='1'>http://second.example/</URI><URI priority='0'> http://first.example/?a=b&amp;c </URI></Service>
        <Service priority='30'><Type>http://openid.net/signon/1.1</Type><Type>x</Type>
          <URI>http://c.example/</URI></Service>";
    let (outcome, _) = discover("http://id.example/", |_| Ok(xrds(document(services))));
    let found: Vec<String> =
        outcome.unwrap().endpoints.iter().map(|e| e.op_endpoint.to_string()).collect();
    assert_eq!(
        found,
        [
            "http://first.example/?a=b&c",
            "http://second.example/",
            "http://third.example/",
            "http://worst.example/",
            "http://worst2.example/",
            "http://c.example/",
            "http://a.example/",
            "http://b.example/",
        ]
    );
}

#[test]
fn an_xrds_without_openid_leaves_the_page() {
    let page = "<html><head><link rel='OpenID2.Provider other' href=' http://op.example/?x=1&amp;y=2 '>\
                <link rel=openid2.local_id href=http://op.example/alice></head>";
    let nothing = document(&service("http://example.com/", "http://example.com/", None));
    // The first answer is the document, the second one, without the preference, the page.
    let (outcome, asked) = discover("http://id.example/", |fetch| {
        let preferred = fetch.headers[0].1.contains("xrds");
        Ok(if preferred { xrds(nothing.clone()) } else { html(page) })
    });
    let found = outcome.unwrap();
    assert_eq!(asked.len(), 2);
    assert_eq!(found.endpoints[0].op_endpoint.as_str(), "http://op.example/?x=1&y=2");
    // The page names the document.
    let pages = Pages::default()
        .with(
            "http://id.example/",
            answer(200, &[("X-XRDS-Location", "http://id.example/x")], page),
        )
        .with("http://id.example/x", xrds(nothing));
    let (outcome, asked) = discover("http://id.example/", |fetch| pages.get(fetch));
    assert_eq!((outcome.unwrap().endpoints, asked.len()), (found.endpoints, 2));
}

/// Both exchanges and steps can be shown in logs: they hold no secrets.
#[test]
fn steps_can_be_shown() {
    fn shown<E: Exchange + std::fmt::Debug>(_: &E) {}
    let identifier = Identifier::canonical("http://id.example/").unwrap();
    let step = Discovery::of(&identifier, &lab());
    let openid2::exchange::Step::Fetch(_, exchange) = step else { panic!() };
    shown(&exchange);
}
