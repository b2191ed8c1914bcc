//! The cases of `return_urls.txt`.

/// A line of the file.
#[derive(Debug)]
pub struct Vector {
    /// What comes of registering it.
    pub registration: &'static str,
    /// Whether `/login` sends a ticket there.
    pub ticket: bool,
    /// The URL.
    pub url: String,
}

/// All lines.
pub fn vectors() -> Vec<Vector> {
    let lines = include_str!("return_urls.txt").lines();
    let read = |line: &'static str| {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("too short: {line:?}"));
        let (case, registration, login, url) = (word(), word(), word(), word());
        assert!(case.starts_with("R-") && matches!(login, "ticket" | "refuse"), "{line:?}");
        Vector { registration, ticket: login == "ticket", url: unescape(url) }
    };
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(read).collect()
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let (kind, after) = after.split_at(1);
        let (character, after) = match kind {
            "\\" => ('\\', after),
            "t" => ('\t', after),
            "r" => ('\r', after),
            "n" => ('\n', after),
            "x" => (hexadecimal(&after[..2]), &after[2..]),
            "u" => {
                let (digits, after) = after[1..].split_once('}').unwrap();
                (hexadecimal(digits), after)
            }
            _ => panic!("unknown escape in {text:?}"),
        };
        plain.push(character);
        rest = after;
    }
    plain + rest
}

fn hexadecimal(digits: &str) -> char {
    char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap()
}
