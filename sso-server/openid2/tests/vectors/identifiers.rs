use openid2::{identifier::UserInput, url::WebUrl};

use crate::net::{json, text};

// SECURITY-CASES O-11.
#[test]
fn what_people_type_has_one_canonical_form() {
    for case in json("own/normalize.json").as_array().unwrap() {
        let input = case["input"].as_str().unwrap();
        let read = UserInput::parse(input).ok().map(|read| read.identifier.as_str().to_owned());
        match case["kind"].as_str().unwrap() {
            // Vector "XRI://=example": both readings are right; a scheme has no case.
            "either" => assert_eq!(read.as_deref(), Some("=example"), "{input}"),
            "refuse" => assert_eq!(read, None, "{input}"),
            _ => assert_eq!(read.as_deref(), case["identifier"].as_str(), "{input}"),
        }
    }
}

#[test]
fn urinorm() {
    let text = text("python3-openid-3.2.0/urinorm.txt");
    let mut cases = 0;
    for block in text.trim().split("\n\n") {
        let lines: Vec<&str> = block.lines().collect();
        let [name, input, expected] = lines[..] else { panic!("{block:?}") };
        let normal = WebUrl::normalise(input).ok().map(String::from);
        assert_eq!(normal.as_deref().unwrap_or("fail"), expected, "{name}");
        cases += 1;
    }
    assert_eq!(cases, 22);
}

#[test]
fn what_is_canonical_stays_as_it_is() {
    for case in json("own/normalize.json").as_array().unwrap() {
        if let (Some("url"), Some(url)) = (case["kind"].as_str(), case["identifier"].as_str()) {
            assert!(WebUrl::parse(url).unwrap().is_normal(), "{url}");
        }
    }
}
