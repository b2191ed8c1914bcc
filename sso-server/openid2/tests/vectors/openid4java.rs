use base64::{Engine, engine::general_purpose::STANDARD};
use openid2::{
    association::{
        AssocType,
        dh::{KeyPair, btwoc},
    },
    discovery::{
        Discovery, DiscoveryError, Person,
        html::Head,
        xrds::{Xrds, XrdsError},
    },
    identifier::Identifier,
    names::Version,
    realm::Realm,
    url::WebUrl,
};

use super::messages::association;
use crate::net::{Pages, SIGNON, answer, bytes, drive, files, html, lab, secret, text, xrds};

const DATA: &str = "openid4java-1.0.0";

/// What openid4java refuses and we read, or the other way round.
const NOT_FOLLOWED: [(&str, &str); 2] = [
    ("html/multiplexrdslocation", "the first <meta> counts (test1-parsehtml.txt says so too)"),
    ("html/twoheads", "the first <head> counts, the second one ends the reading"),
];

/// The `<test …/>` elements of a file, as attributes.
fn tests(file: &str) -> Vec<Vec<(String, String)>> {
    let text = text(&format!("{DATA}/{file}"));
    let mut found = Vec::new();
    for test in text.split("<test ").skip(1) {
        let mut attributes = Vec::new();
        let mut rest = test.split('>').next().unwrap();
        while let Some((name, after)) = rest.split_once("=\"") {
            let (value, after) = after.split_once('"').unwrap();
            attributes.push((name.trim().to_owned(), value.to_owned()));
            rest = after;
        }
        if let Some((_, after)) = test.split_once("<text>") {
            let (value, _) = after.split_once("</text>").unwrap();
            attributes.push(("text".to_owned(), value.trim_start().to_owned()));
        }
        found.push(attributes);
    }
    found
}

fn word<'a>(test: &'a [(String, String)], name: &str) -> &'a str {
    test.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

#[test]
fn signatures() {
    let tests = tests("association/AssociationTestData.xml");
    assert_eq!(tests.len(), 2);
    for test in &tests {
        let kind = AssocType::parse(word(test, "assoc_type")).unwrap();
        let key = STANDARD.decode(word(test, "mac_key")).unwrap();
        let association = association(kind, &key);
        assert!(association.verifies(word(test, "text"), word(test, "sig")), "{test:?}");
    }
}

#[test]
fn diffie_hellman_sessions() {
    let default = "ANz5OguIOXLsDhmYmsWizjEOHTdxfo2Vcbt2I3MYZuYe91ouJ4mLBX";
    let (mut ours, mut all) = (0, 0);
    for test in &tests("association/DiffieHellmanSessionTestData.xml") {
        all += 1;
        // Other moduli are never asked for.
        if !word(test, "dh_modulus").starts_with(default) || word(test, "dh_gen") != "Ag==" {
            continue;
        }
        ours += 1;
        let number = |name: &str| {
            let bytes = STANDARD.decode(word(test, name)).unwrap();
            bytes.iter().copied().skip_while(|b| *b == 0).collect::<Vec<u8>>()
        };
        let pair = KeyPair::from_random(&secret(&number("dh_consumer_private")));
        assert_eq!(pair.public(), STANDARD.encode(btwoc(&number("dh_consumer_public"))));
        let shared = pair.shared(word(test, "dh_server_public")).unwrap();
        let server = KeyPair::from_random(&secret(&number("dh_server_private")));
        assert_eq!(*shared, *server.shared(word(test, "dh_consumer_public")).unwrap());
    }
    assert!(ours >= 2 && all >= ours, "{ours} of {all}");
}

#[test]
fn realms() {
    let tests = tests("server/RealmTestData.xml");
    assert_eq!(tests.len(), 48);
    for test in &tests {
        let page = WebUrl::parse(word(test, "returnTo")).unwrap();
        let covers = Realm::parse(word(test, "realm")).is_ok_and(|realm| realm.covers(&page));
        assert_eq!(covers, word(test, "result") == "OK", "{test:?}");
    }
}

#[test]
fn documents() {
    let outcomes = [
        ("malformedxrds1", Some(XrdsError::Malformed)),
        ("malformedxrds2", Some(XrdsError::Malformed)),
        ("malformedxrds3", None),
        ("malformedxrds4", None),
        ("malformedxrds5", None),
        ("malformedxrds6", None),
        ("simplexrds", None),
        ("xrdsdelegate", None),
        ("xrdsxxe", Some(XrdsError::Doctype)),
    ];
    assert_eq!(files(&format!("{DATA}/yadisdata/xrds")), outcomes.map(|(name, _)| name));
    let identifier = Identifier::canonical("http://id.example/").unwrap();
    for (name, expected) in outcomes {
        let body = text(&format!("{DATA}/yadisdata/xrds/{name}"));
        assert_eq!(Xrds::parse(body.as_bytes()).err(), expected, "{name}");
        // With a type of ours in place of the example's, only the URI decides.
        let body = body.replace("http://example.com/</Type>", &format!("{SIGNON}</Type>"));
        let (outcome, _) = drive(Discovery::of(&identifier, &lab()), |fetch| {
            let preferred = fetch.headers[0].1.contains("xrds");
            Ok(if preferred { xrds(body.clone()) } else { answer(404, &[], "") })
        });
        assert_eq!(outcome.is_ok(), ["simplexrds", "xrdsdelegate"].contains(&name), "{name}");
    }
}

/// The answers that openid4java's tests put together of a head and a body.
fn put_together(headers: &str, body: &str) -> openid2::exchange::Answer {
    let port = |text: String| text.replace("SERVLET_PORT", "8080");
    let text = port(text(&format!("{DATA}/yadisdata/headers/{headers}")));
    let mut headers: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.split_once('=')).collect();
    let (_, status) = headers.remove(0);
    answer(status.parse().unwrap(), &headers, port(body.to_owned()))
}

// OPENID A16-26: a header that is there twice, or is no URL.
#[test]
fn headers() {
    let document = text(&format!("{DATA}/yadisdata/xrds/xrdsdelegate"));
    let served = |head: &str| {
        let pages = Pages::default()
            .with("http://id.example/", put_together(head, ""))
            .with("http://localhost:8080/?headers=simpleheaders", put_together("simpleheaders", ""))
            .with(
                "http://localhost:8080/?html=simplehtml",
                put_together("simplehtml", &text(&format!("{DATA}/yadisdata/html/simplehtml"))),
            )
            .with(
                "http://localhost:8080/?xrds=simplexrds&headers=simplexml",
                put_together("simplexml", &document),
            )
            .with(
                "http://localhost:8080/?xrds=simplexrds&headers=simplexrds",
                put_together("simplexrds", &document),
            )
            .with(
                "http://localhost:8080/?headers=simplexrds&xrds=simplexrds",
                put_together("simplexrds", &document),
            );
        let identifier = Identifier::canonical("http://id.example/").unwrap();
        let (outcome, asked) = drive(Discovery::of(&identifier, &lab()), |f| pages.get(f));
        (outcome.map(|found| found.claimed_id.to_string()), asked.len())
    };
    let mut seen = Vec::new();
    for (head, claimed_id, fetched) in [
        ("invalidxrdslocation1", None, 1),
        ("invalidxrdslocation2", None, 1),
        ("multiplexrdslocation", None, 1),
        ("redir_simpleheaders", Some("http://localhost:8080/?headers=simpleheaders"), 3),
        ("redir_simplehtml", Some("http://localhost:8080/?html=simplehtml"), 3),
        ("redir_simplexrds", Some("http://localhost:8080/?headers=simplexrds&xrds=simplexrds"), 2),
        ("simpleheaders", Some("http://id.example/"), 2),
        ("simpleheaders_xml", Some("http://id.example/"), 2),
        ("simplehtml", None, 1),
        ("simplexml", None, 1),
        ("simplexrds", None, 2),
    ] {
        let expected = claimed_id.map(str::to_owned).ok_or(DiscoveryError::Nothing);
        assert_eq!(served(head), (expected, fetched), "{head}");
        seen.push(head);
    }
    assert_eq!(files(&format!("{DATA}/yadisdata/headers")), seen);
}

#[test]
fn pages() {
    let location = Some("http://localhost:SERVLET_PORT/?headers=simplexrds&xrds=simplexrds");
    let mut seen = Vec::new();
    for (name, expected) in [
        ("empty", None),
        ("extraheadinbody", location),
        ("headnometa", None),
        ("multiplexrdslocation", location),
        ("nohead", None),
        ("simplehtml", location),
        ("twoheads", location),
    ] {
        let head = Head::parse(&text(&format!("{DATA}/yadisdata/html/{name}")));
        assert_eq!(head.xrds_location.as_deref(), expected, "{name}");
        seen.push(name);
    }
    assert_eq!(files(&format!("{DATA}/yadisdata/html")), seen);
    for (name, _) in NOT_FOLLOWED {
        assert!(seen.contains(&name.strip_prefix("html/").unwrap()));
    }
    let head = Head::parse(&text(&format!("{DATA}/yadis/issue83.html")));
    assert_eq!(head.xrds_location.as_deref(), Some("http://edevil.livejournal.com/data/yadis"));
    assert_eq!(head.link("openid.server"), Some("http://www.livejournal.com/openid/server.bml"));
}

// SECURITY-CASES O-13: entities that are declared are not looked at.
#[test]
fn identity_pages() {
    for name in files(&format!("{DATA}/html")) {
        let body = bytes(&format!("{DATA}/html/{name}"));
        let identifier = Identifier::canonical("http://id.example/").unwrap();
        let (outcome, asked) =
            drive(Discovery::of(&identifier, &lab()), |_| Ok(html(body.clone())));
        let endpoint = outcome.unwrap().endpoints.remove(0);
        assert_eq!(asked.len(), 1, "{name}");
        assert_eq!(endpoint.version, Version::V1, "{name}");
        let op = "http://www.example.com:8080/openidserver/openid.server";
        assert_eq!(endpoint.op_endpoint.as_str(), op, "{name}");
        let Person::Claimed { local_id, .. } = endpoint.person else { panic!("{name}") };
        assert_eq!(local_id, "http://www.example.com:8080/openidserver/users/myusername");
    }
}

#[test]
fn examples_of_discovery() {
    for (name, version, local_id) in [
        ("exampleClaimed", Version::V2, Some("http://id.example/")),
        ("exampleDelegate", Version::V2, Some("http://op.example.com/user")),
        ("exampleDelegate1", Version::V1, Some("http://op.example.com/user")),
        ("exampleOP", Version::V2, None),
    ] {
        let body = bytes(&format!("{DATA}/discovery/{name}.xml"));
        let identifier = Identifier::canonical("http://id.example/").unwrap();
        let (outcome, _) = drive(Discovery::of(&identifier, &lab()), |_| Ok(xrds(body.clone())));
        let endpoint = outcome.unwrap().endpoints.remove(0);
        assert_eq!(endpoint.version, version, "{name}");
        let found = match &endpoint.person {
            Person::Unknown => None,
            Person::Claimed { local_id, .. } => Some(local_id.as_str()),
        };
        assert_eq!(found, local_id, "{name}");
    }
}
