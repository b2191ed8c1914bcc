//! Devices as people recognise them: "Firefox on Windows".

use serde::{Deserialize, Serialize};

/// What a User-Agent header says, in a person's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// To show.
    pub label: String,
    /// To count by (`session.max_per_user` per class).
    pub class: DeviceClass,
}

/// Kinds of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceClass {
    /// A computer's browser.
    Desktop,
    /// A phone or tablet.
    Phone,
    /// A program that is no browser.
    Native,
}

impl DeviceClass {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Phone => "phone",
            Self::Native => "native",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Desktop, Self::Phone, Self::Native].into_iter().find(|class| class.as_str() == word)
    }
}

/// What the label of a device nobody knows is.
const UNKNOWN: &str = "Unknown device";
/// Stands in a label for a browser nobody knows.
const BROWSER: &str = "Browser";
/// Stands between browser and system.
const ON: &str = " on ";

/// A label taken apart, for pages in other languages. Stored and audited it is always English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words<'a> {
    /// Nobody knows what it is.
    Unknown,
    /// A browser, by its name if that is known, and its system.
    Known {
        /// "Firefox"
        browser: Option<&'a str>,
        /// "Windows"
        system: Option<&'a str>,
    },
}

impl<'a> Words<'a> {
    /// Reads a label as [`Device::from_user_agent`] makes them.
    pub fn of(label: &'a str) -> Self {
        if label == UNKNOWN {
            return Self::Unknown;
        }
        let (browser, system) = match label.split_once(ON) {
            Some((browser, system)) => (browser, Some(system)),
            None => (label, None),
        };
        Self::Known { browser: Some(browser).filter(|name| *name != BROWSER), system }
    }
}

impl Device {
    /// Reads a User-Agent. The header is a stranger's text: it only ever chooses among known
    /// words, none of it is stored.
    pub fn from_user_agent(header: Option<&str>) -> Self {
        let header = header.unwrap_or_default();
        let header = header.get(..512).unwrap_or(header);
        let unknown = || Self { label: UNKNOWN.to_owned(), class: DeviceClass::Native };
        let Some(found) = woothee::parser::Parser::new().parse(header) else { return unknown() };
        if found.category == "UNKNOWN" {
            return unknown();
        }
        let class = match found.category {
            "pc" => DeviceClass::Desktop,
            "smartphone" | "mobilephone" | "appliance" => DeviceClass::Phone,
            _ => DeviceClass::Native,
        };
        let browser = match found.name {
            "Internet Explorer" if found.vendor == "Microsoft" => "Internet Explorer",
            "UNKNOWN" => BROWSER,
            name => name,
        };
        let label = match system(found.os) {
            Some(system) => format!("{browser}{ON}{system}"),
            None => browser.to_owned(),
        };
        Self { label, class }
    }
}

fn system(os: &str) -> Option<&str> {
    match os {
        "UNKNOWN" => None,
        os if os.starts_with("Windows Phone") => Some("Windows Phone"),
        os if os.starts_with("Windows") => Some("Windows"),
        "Mac OSX" => Some("macOS"),
        "iPhone" => Some("iPhone"),
        "iPad" => Some("iPad"),
        os => Some(os),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_of_today() {
        let cases = [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Windows",
                DeviceClass::Desktop,
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36",
                "Chrome on Linux",
                DeviceClass::Desktop,
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36 Edg/148.0.0.0",
                "Edge on Windows",
                DeviceClass::Desktop,
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                "Safari on macOS",
                DeviceClass::Desktop,
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
                DeviceClass::Phone,
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
                DeviceClass::Phone,
            ),
        ];
        for (header, label, class) in cases {
            let device = Device::from_user_agent(Some(header));
            assert_eq!((device.label.as_str(), device.class), (label, class), "{header}");
        }
    }

    #[test]
    fn labels_come_apart() {
        let known = |browser, system| Words::Known { browser, system };
        assert_eq!(Words::of("Firefox on Windows"), known(Some("Firefox"), Some("Windows")));
        assert_eq!(Words::of("Browser on Linux"), known(None, Some("Linux")));
        assert_eq!(Words::of("Safari"), known(Some("Safari"), None));
        assert_eq!(Words::of(&Device::from_user_agent(None).label), Words::Unknown);
    }

    #[test]
    fn strangers_choose_no_words() {
        for header in
            [None, Some(""), Some("<script>alert(1)</script>"), Some("\u{202e}evil\u{1b}[31m")]
        {
            let device = Device::from_user_agent(header);
            assert_eq!(device.label, "Unknown device", "{header:?}");
        }
    }
}
