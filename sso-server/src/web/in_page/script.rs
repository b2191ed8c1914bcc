//! `GET /sso.js`, `/sso.mjs`, `/sso.d.ts`: the browser half of the SDK, for the pages of apps.
//!
//! Its parts lie in `sso-server/browser/` and are put together here: once as a script that makes
//! `window.passport`, once as a module. Comments and indentation stay with us. Browsers ask for it
//! again each time and mostly need not be sent it, so that a new version is everywhere at once. It is
//! compressed once, as well as can be, and not for each request as well as there is time for.

use std::{io::Write, sync::LazyLock};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, AcceptEncoding, CACHE_CONTROL,
        CONTENT_ENCODING, CONTENT_TYPE, ETag, Encoding, EntityTag, Header, IfNoneMatch, VARY,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

/// What script and module have in common, in this order.
const PARTS: [&str; 9] = [
    include_str!("../../../browser/options.js"),
    include_str!("../../../browser/texts.js"),
    include_str!("../../../browser/looks.js"),
    include_str!("../../../browser/over.js"),
    include_str!("../../../browser/stream.js"),
    include_str!("../../../browser/steps.js"),
    include_str!("../../../browser/ladder.js"),
    include_str!("../../../browser/button.js"),
    include_str!("../../../browser/start.js"),
];

static SCRIPT: LazyLock<Text> = LazyLock::new(|| {
    let begin = include_str!("../../../browser/begin_script.js");
    Text::of(put_together(begin, include_str!("../../../browser/end_script.js")))
});
static MODULE: LazyLock<Text> = LazyLock::new(|| {
    let begin = include_str!("../../../browser/begin_module.js");
    Text::of(put_together(begin, include_str!("../../../browser/end_module.js")))
});
static TYPES: LazyLock<Text> =
    LazyLock::new(|| Text::of(include_str!("../../../browser/sso.d.ts").to_owned()));

/// A text and the tag of this version of it.
struct Text {
    text: String,
    /// The same, compressed (RFC 1952); empty if that could not be done.
    gzip: Vec<u8>,
    tag: String,
}

impl Text {
    fn of(text: String) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(digest.get(..9).unwrap_or_default());
        let mut writer = GzEncoder::new(Vec::new(), Compression::best());
        let gzip = writer.write_all(text.as_bytes()).and_then(|()| writer.finish());
        Self { text, gzip: gzip.unwrap_or_default(), tag }
    }
}

/// The first line says what it is; other lines of comment go.
fn put_together(begin: &str, end: &str) -> String {
    let lines = begin.lines().take(1).chain(
        [begin]
            .into_iter()
            .chain(PARTS)
            .chain([end])
            .flat_map(str::lines)
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("//")),
    );
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// `GET /sso.js`
pub async fn script(request: HttpRequest) -> HttpResponse {
    answer(&SCRIPT, "text/javascript; charset=utf-8", &request)
}

/// `GET /sso.mjs`
pub async fn module(request: HttpRequest) -> HttpResponse {
    answer(&MODULE, "text/javascript; charset=utf-8", &request)
}

/// `GET /sso.d.ts`
pub async fn types(request: HttpRequest) -> HttpResponse {
    answer(&TYPES, "text/plain; charset=utf-8", &request)
}

fn answer(text: &'static Text, kind: &'static str, request: &HttpRequest) -> HttpResponse {
    // Weak, because the compressed text is meant as well.
    let tag = EntityTag::new_weak(text.tag.clone());
    let known = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|one| one.weak_eq(&tag)),
        Ok(IfNoneMatch::Any) => true,
        Err(_) => false,
    };
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header(ETag(tag))
        // Other sites' pages are what it is for, as a script, and as a module, which browsers load
        // under CORS. The same for everybody; no cookie is read.
        .insert_header(("cross-origin-resource-policy", "cross-origin"))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    if known {
        return response.finish();
    }
    response.insert_header((CONTENT_TYPE, kind));
    let takes = AcceptEncoding::parse(request).ok();
    let gzip = takes.and_then(|takes| takes.negotiate([&Encoding::gzip()].into_iter()));
    if request.headers().contains_key(ACCEPT_ENCODING)
        && gzip == Some(Encoding::gzip())
        && !text.gzip.is_empty()
    {
        return response.insert_header((CONTENT_ENCODING, "gzip")).body(text.gzip.as_slice());
    }
    response.body(text.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_everything_else_stays() {
        let whole = "  // no\n\n  const a = `b\nc`; // yes\n//no\n";
        assert_eq!(
            put_together("// This is it.\n(\n", whole).lines().next(),
            Some("// This is it.")
        );
        assert!(put_together("// This is it.\n(\n", whole).ends_with("const a = `b\nc`; // yes\n"));
    }
}
