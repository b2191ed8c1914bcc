use openid2::{
    discovery::{Discovery, DiscoveryError, xrds::Xrds},
    exchange::Step,
    identifier::{Identifier, Xri, canonical_id},
    policy::{Policy, XriProxy},
    url::WebUrl,
};

use crate::net::{bytes, drive, json, lab, xrds};

const DATA: &str = "python3-openid-3.2.0/data/test_etxrd";

// OPENID A16-27: the chain of authority.
#[test]
fn canonical_ids() {
    let vectors = json("python3-openid-3.2.0/EXPECTED-canonicalid.json");
    for case in vectors["cases"].as_array().unwrap() {
        let (asked, file) = (case[0].as_str().unwrap(), case[1].as_str().unwrap());
        let document = Xrds::parse(&bytes(&format!("{DATA}/{file}"))).unwrap();
        let ids: Vec<Option<&str>> = document
            .descriptors
            .iter()
            .map(|xrd| xrd.canonical_ids.first().map(String::as_str))
            .collect();
        match (canonical_id(asked, &ids), case[2].as_str()) {
            (Err(_), Some("fraud")) | (Ok(None), None) => {}
            (Ok(Some(id)), Some(expected)) => assert_eq!(id.as_str(), expected, "{case}"),
            (outcome, _) => panic!("{case}: {outcome:?}"),
        }
    }
}

#[test]
fn documents_of_the_resolver_s_tests() {
    for (file, reads) in [("not-xrds.xml", false), ("no-xrd.xml", false), ("ref.xrds", true)] {
        assert_eq!(Xrds::parse(&bytes(&format!("{DATA}/{file}"))).is_ok(), reads, "{file}");
    }
    // The last descriptor of the outermost document counts, not what is nested in it.
    let document = Xrds::parse(&bytes(&format!("{DATA}/ref.xrds"))).unwrap();
    assert_eq!(document.descriptors.len(), 3);
    // An XRDS with everything a service may have.
    let full = Xrds::parse(&bytes(&format!("{DATA}/valid-populated-xrds.xml"))).unwrap();
    assert!(!full.descriptors[0].services.is_empty());
    assert!(Xrds::parse(&bytes("python3-openid-3.2.0/data/example-xrds.xml")).is_ok());
}

fn with_proxy(trusted: bool) -> Policy {
    let url = WebUrl::parse("https://xri.example/").unwrap();
    Policy { xri_proxy: Some(XriProxy { url, trusted }), ..lab() }
}

#[test]
fn a_proxy_resolves() {
    let asked = Identifier::canonical("@ootao*test1").unwrap();
    let file = bytes(&format!("{DATA}/delegated-20060809-r2.xrds"));
    let (outcome, fetched) =
        drive(Discovery::of(&asked, &with_proxy(false)), |_| Ok(xrds(file.clone())));
    assert_eq!(
        fetched[0].url,
        "https://xri.example/@ootao*test1?_xrd_r=application/xrds%2Bxml;sep=false;cid=true;https=true"
    );
    let found = outcome.unwrap();
    assert_eq!(found.claimed_id.as_str(), "@!5BAD.2AA.3C72.AF46!0000.0000.3B9A.CA01");
    // append="qxri".
    let endpoint = found.endpoints[0].op_endpoint.as_str();
    let canonical = "@!5BAD.2AA.3C72.AF46!0000.0000.3B9A.CA01";
    assert_eq!(endpoint, format!("https://linksafe.ezibroker.net/server/{canonical}"));
}

#[test]
fn a_proxy_that_proves_nothing_is_not_believed() {
    let ask = |xri: &str, policy: &Policy, body: Vec<u8>| {
        let identifier = Identifier::canonical(xri).unwrap();
        drive(Discovery::of(&identifier, policy), |_| Ok(xrds(body.clone()))).0
    };
    for (xri, file) in [
        ("=keturn*isDrummond", "spoof1.xrds"),
        ("=keturn*isDrummond", "spoof2.xrds"),
        ("@keturn*is*drummond", "spoof3.xrds"),
        ("=x", "status222.xrds"),
        ("@ootao*test.ref", "ref.xrds"),
    ] {
        let body = bytes(&format!("{DATA}/{file}"));
        for trusted in [false, true] {
            let outcome = ask(xri, &with_proxy(trusted), body.clone());
            assert_eq!(outcome, Err(DiscoveryError::XriUnresolved), "{file}");
        }
    }
    let one = |cid: &str| {
        format!(
            "<XRDS xmlns='xri://$xrds'><XRD xmlns='xri://$xrd*($v*2.0)'>\
             <Status code='100' cid='{cid}'/><ProviderID>=</ProviderID>\
             <CanonicalID>=!elsewhere!1</CanonicalID>\
             <Service><Type>http://specs.openid.net/auth/2.0/signon</Type>\
             <URI>https://op.example/</URI></Service></XRD></XRDS>"
        )
        .into_bytes()
    };
    assert!(ask("=example", &with_proxy(true), one("verified")).is_ok());
    assert!(ask("=example", &with_proxy(true), one("off")).is_err());
    assert!(ask("=example", &with_proxy(false), one("verified")).is_err());
}

#[test]
fn no_proxy_no_xri() {
    let xri = Identifier::Xri(Xri::parse("=example").unwrap());
    assert!(matches!(Discovery::of(&xri, &lab()), Step::Failed(DiscoveryError::XriDisabled)));
}

#[test]
fn cross_references_stay_in_one_piece() {
    let asked = Identifier::canonical("(http://example.com/a)*b").unwrap();
    let Step::Fetch(fetch, _) = Discovery::of(&asked, &with_proxy(false)) else { panic!() };
    assert!(fetch.url.starts_with("https://xri.example/(http:%2F%2Fexample.com%2Fa)*b?"));
}
