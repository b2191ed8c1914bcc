use openid2::discovery::html::Head;

use crate::net::text;

/// Vectors that are older than the HTML standard. What a browser reads is what we read: a site that
/// cleans what its visitors write cleans it for browsers.
const NOT_FOLLOWED: [(&str, &str); 9] = [
    ("Ignore random tags inside of html", "its <link> is the text of an open <title>"),
    ("short tag has rel", "the slash belongs to an unquoted value, or URLs would lose theirs"),
    ("non-attr, has rel, short", "the same"),
    ("entity not processed", "a numeric reference is a character"),
    ("mixed entity and non-entity", "&hellip; is an entity"),
    ("mixed entity and non-entity (w/normal chars)", "&hellip; is an entity"),
    ("broken tags", "`<` belongs to an unquoted value"),
    ("missing close pointy", "one tag, which ends at its `>`"),
    ("Repeated attribute", "the first one counts"),
];

#[derive(Debug)]
struct Expected {
    optional: bool,
    attributes: Vec<(String, bool, String)>,
}

fn expected(header: &str) -> Option<Expected> {
    let (word, rest) = header.split_once(':')?;
    let optional = match word {
        "Link" => false,
        "Link*" => true,
        _ => return None,
    };
    let attributes = rest.split_whitespace().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("{header:?}"));
        let required = !name.ends_with('*');
        (name.trim_end_matches('*').to_owned(), required, value.to_owned())
    });
    Some(Expected { optional, attributes: attributes.collect() })
}

/// Attributes without a value are not in the vectors.
fn fits(expected: &Expected, actual: &[(String, String)]) -> bool {
    let told = |name: &str| expected.attributes.iter().find(|(key, _, _)| key == name);
    let all = expected.attributes.iter().all(|(name, required, value)| {
        !required || actual.iter().any(|(key, v)| key == name && v == value)
    });
    all && actual.iter().all(|(name, value)| {
        value.is_empty() || told(name).is_some_and(|(_, _, expected)| expected == value)
    })
}

fn matches(expected: &[Expected], actual: &[Vec<(String, String)>]) -> bool {
    match (expected, actual) {
        ([], []) => true,
        ([first, rest @ ..], _) if first.optional && matches(rest, actual) => true,
        ([first, rest @ ..], [link, others @ ..]) => fits(first, link) && matches(rest, others),
        _ => false,
    }
}

// SECURITY-CASES O-13, OPENID A16-25.
#[test]
fn links_in_heads() {
    let text = text("python3-openid-3.2.0/linkparse.txt");
    let (comment, cases) = text.split_once("\n\n\n").unwrap();
    let announced: usize =
        comment.lines().next().unwrap().strip_prefix("Num Tests: ").unwrap().parse().unwrap();
    let mut seen = 0;
    let mut differ = Vec::new();
    for case in cases.trim_end().split("\n\n\n") {
        let (headers, page) =
            case.trim_start().split_once("\n\n").unwrap_or_else(|| panic!("{case:?}"));
        let name = headers.lines().find_map(|line| line.strip_prefix("Name: ")).unwrap();
        let expected: Vec<Expected> = headers.lines().filter_map(expected).collect();
        let links = Head::parse(page).links;
        if !matches(&expected, &links) {
            differ.push(name);
            // A vector that is not followed finds less than it says, never more links.
            assert!(links.len() <= expected.len(), "{name}: {links:?}");
        }
        seen += 1;
    }
    assert_eq!(seen, announced);
    let table: Vec<&str> = NOT_FOLLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(differ, table);
}

#[test]
fn where_the_xrds_is() {
    let text = text("python3-openid-3.2.0/data/test1-parsehtml.txt");
    for case in text.split("\u{c}\n") {
        let (expected, page) = case.split_once('\n').unwrap();
        let found = Head::parse(page).xrds_location;
        let expected = match expected {
            "EOF" | "None" => None,
            value => Some(value.to_owned()),
        };
        assert_eq!(found, expected, "{page}");
    }
}

#[test]
fn the_head_ends_where_browsers_end_it() {
    let with = |middle: &str| {
        let page = format!(
            "<html><head><title>t</title>{middle}\
             <link rel=openid2.provider href=https://op.example/>"
        );
        Head::parse(&page).link("openid2.provider").is_some()
    };
    assert!(with(""));
    assert!(with("<style><p></style><script><p></script><base href=/ >"));
    for middle in [
        "<p>",
        "<div>",
        "<img>",
        "</head>",
        "<body>",
        "<textarea>",
        "<!--",
        "<script>",
        "<style>",
        "<title>",
        "<template>",
        "<noframes>",
        "<iframe>",
        "<plaintext>",
        "<svg>",
        "text",
        "<base>&nbsp;",
        "<x>text</x>",
    ] {
        assert!(!with(middle), "{middle}");
    }
}
