//! The two shapes of an answer: JSON under CORS, and a script that calls the page's function.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL,
            CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY,
        },
    },
};
use client_sdk::wire::Check;

use super::callback::Callback;

/// What an answer depends on: no cache may give one person's to another (SECURITY-CASES J-10).
const DEPENDS_ON: HeaderValue = HeaderValue::from_static(
    "Cookie, Origin, Referer, Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest, Sec-Fetch-Storage-Access",
);
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const P3P: HeaderName = HeaderName::from_static("p3p");
/// For Internet Explorer, the only browser that ever read it (P3P 1.0 section 4): nothing that names
/// a person, for the act at hand, for ourselves alone, by a random identifier.
const COMPACT_POLICY: &str = "CP=\"NOI CURa OUR STP UNI\"";

/// How the page wants it.
#[derive(Clone, Copy, Debug)]
pub enum As<'a> {
    /// JSON.
    Json,
    /// A script that calls this function.
    CallOf(Callback<'a>),
    /// A script that sets this global variable: the page that includes it reads it in the next line.
    Variable(Callback<'a>),
}

/// The answer in one of these shapes.
pub fn respond(check: &Check, how: As<'_>) -> HttpResponse {
    let script = match how {
        As::Json => return HttpResponse::Ok().json(check),
        As::CallOf(callback) => call(callback, check),
        As::Variable(variable) => set(variable, check),
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/javascript; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"f.txt\""))
        .insert_header((RESOURCE, "cross-origin"))
        .insert_header((P3P, COMPACT_POLICY))
        .body(script)
}

/// The comment keeps the first bytes out of the asker's hands (CVE-2014-4671; J-02).
fn call(callback: Callback<'_>, check: &Check) -> String {
    let name = callback.as_str();
    format!("/**/typeof {name}==='function'&&{name}({});", json(check))
}

fn set(variable: Callback<'_>, check: &Check) -> String {
    format!("/**/var {}={};", variable.as_str(), json(check))
}

fn json(check: &Check) -> String {
    let json =
        serde_json::to_string(check).unwrap_or_else(|_| "{\"status\":\"unknown\"}".to_owned());
    escaped(&json)
}

/// JSON that means the same in a script, wherever it is copied to: these characters occur in JSON only
/// within texts (J-04).
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\'' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    out
}

/// A refusal in plain text: who meets it is a developer.
pub fn refuse(status: StatusCode, text: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body(text)
}

/// Kept by nobody.
pub fn seal(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    headers.insert(VARY, DEPENDS_ON);
}

/// Lets a page of this origin read the answer. Only ever a registered one, which the request named:
/// never `*`, never `null` (J-14).
pub fn open_to(headers: &mut HeaderMap, origin: &str) {
    if let Ok(origin) = HeaderValue::from_str(origin) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// Asks the browser to send the request once more, with the cookies that it holds back though the
/// person has allowed them (Storage Access Headers).
pub fn ask_for_cookies(headers: &mut HeaderMap, origin: &str) {
    if let Ok(retry) = HeaderValue::try_from(format!("retry; allowed-origin=\"{origin}\"")) {
        headers.insert(HeaderName::from_static("activate-storage-access"), retry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SECURITY-CASES J-02, J-04
    #[test]
    fn nothing_sent_ends_the_script() {
        let check = Check::SignedIn {
            ticket: "a.b.c".to_owned(),
            state: "</script><!--]]>'\"\\\u{2028}\u{2029}&".to_owned(),
        };
        let called = call(Callback::parse("a.b").unwrap(), &check);
        let put = set(Callback::parse("ab").unwrap(), &check);
        for (script, start, end) in
            [(called, "/**/typeof a.b==='function'&&a.b(", ");"), (put, "/**/var ab=", ";")]
        {
            let json = script.strip_prefix(start).unwrap().strip_suffix(end).unwrap();
            assert!(!json.contains(['<', '>', '&', '\'', '\u{2028}', '\u{2029}']), "{json}");
            assert_eq!(serde_json::from_str::<Check>(json).unwrap(), check, "and means the same");
        }
    }
}
