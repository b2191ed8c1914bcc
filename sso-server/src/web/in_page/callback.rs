//! The name of a JSONP callback.
//!
//! It is written into a script, at its beginning: with other characters it would be a script of the
//! asker's choice on our origin (SECURITY-CASES J-01, J-02). Names only, joined by dots.

/// Longest name, in bytes.
const LONGEST: usize = 64;
/// Most names joined by dots, and the longest of them.
const PARTS: usize = 4;
const PART_LONGEST: usize = 32;

/// Words that are no names (ECMA-262 section 12.7.2), and names that reach from any function to the
/// constructor of code.
const FORBIDDEN: [&str; 58] = [
    "__defineGetter__",
    "__defineSetter__",
    "__proto__",
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "constructor",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "Function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "of",
    "package",
    "private",
    "protected",
    "prototype",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "NaN",
    "Infinity",
];

/// A name that may be written into a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callback<'a>(&'a str);

impl<'a> Callback<'a> {
    /// Reads a name: ASCII letters, digits, `_` and `$`, up to four of them with dots between.
    pub fn parse(text: &'a str) -> Option<Self> {
        let first = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b == b'$';
        let name = |part: &str| {
            let fits = part.len() <= PART_LONGEST && part.bytes().next().is_some_and(first);
            fits && part.bytes().all(|b| first(b) || b.is_ascii_digit())
                && !FORBIDDEN.contains(&part)
        };
        let fits = text.len() <= LONGEST && text.split('.').count() <= PARTS;
        (fits && text.split('.').all(name)).then_some(Self(text))
    }

    /// Reads the name of a global variable: one name, no dots.
    pub fn parse_one(text: &'a str) -> Option<Self> {
        Self::parse(text).filter(|name| !name.0.contains('.'))
    }

    /// The name.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SECURITY-CASES J-01
    #[test]
    fn names_and_nothing_else() {
        let long = format!("a{}", "b".repeat(31));
        for good in ["cb", "$", "_", "passport.done", "a.b.c.d", "jQuery1_2", "$1", &long] {
            assert_eq!(Callback::parse(good).map(Callback::as_str), Some(good));
        }
        let too_long = format!("{long}x");
        let too_long_together = format!("{long}.{long}");
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "1a",
            "a.1",
            "a.b.c.d.e",
            &too_long,
            &too_long_together,
            "alert(1)//",
            "a;b",
            "a[0]",
            "a\n",
            "a b",
            " a",
            "a%0a",
            "<",
            "a<b",
            "a-b",
            "a'",
            "a\"",
            "a`",
            "a\\u0062",
            "é",
            "ａ",
            "a\u{2028}",
            "a\u{200d}",
            "a\0",
            "a/*",
            "CWSx\u{1}",
            "__proto__",
            "a.__proto__",
            "constructor",
            "constructor.constructor",
            "a.constructor",
            "eval",
            "window.eval",
            "Function",
            "this",
            "function",
            "new",
            "null",
            "yield",
            "a.prototype",
        ] {
            assert_eq!(Callback::parse(bad), None, "{bad:?}");
        }
    }
}
