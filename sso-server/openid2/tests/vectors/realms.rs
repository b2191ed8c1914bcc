use openid2::{realm::Realm, url::WebUrl};

use crate::net::text;

/// Realms of python3-openid that are none here, or the other way round.
const NOT_FOLLOWED: [(&str, &str); 4] = [
    ("http://*/", "everybody; python3-openid matches it here and calls it insane elsewhere"),
    ("http://*:8081/", "the same"),
    ("http://127.1/abc", "an address has one spelling"),
    ("http://π.pi.com/", "international hosts are hosts"),
];

fn is_exception(realm: &str) -> bool {
    NOT_FOLLOWED.iter().any(|(name, _)| *name == realm)
}

/// The lines under a heading of `trustroot.txt`.
fn under<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let at = text.find(heading).unwrap();
    let (count, _) = text[..at].rsplit('\n').next().unwrap().split_once(':').unwrap();
    let lines = text[at..].lines().skip(2);
    let lines: Vec<&str> =
        lines.take_while(|line| !line.starts_with("---") && !line.starts_with("===")).collect();
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() <= count.trim().parse().unwrap(), "{heading}");
    assert!(lines.len() > 14);
    lines
}

#[test]
fn realms_and_pages() {
    let text = text("python3-openid-3.2.0/data/trustroot.txt");
    for line in under(&text, "Does not parse") {
        assert_eq!(Realm::parse(line).is_ok(), is_exception(line), "{line}");
    }
    for (heading, expected) in [(" matches", true), (" does not match", false)] {
        for line in under(&text, heading) {
            let (realm, page) = line.split_once(' ').unwrap();
            let page = WebUrl::parse(page.trim());
            let covers =
                Realm::parse(realm).is_ok_and(|realm| page.is_ok_and(|page| realm.covers(&page)));
            assert_eq!(covers, expected && !is_exception(realm), "{line}");
        }
    }
}
