//! Stylesheet, script, pictures: compiled in, named with their content, kept by browsers for ever.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
    web::Path,
};
use rust_embed::RustEmbed;

use super::error::PageError;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/static"]
struct Files;

/// The address of a file, which changes with its content.
pub fn url(name: &str) -> String {
    let version = Files::get(name).map_or_else(String::new, |file| {
        let hash = file.metadata.sha256_hash();
        hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    });
    format!("/static/{name}?v={version}")
}

/// `GET /static/{name}`
pub async fn file(name: Path<String>, request: HttpRequest) -> Result<HttpResponse, PageError> {
    let name = name.into_inner();
    let file = Files::get(&name).ok_or(PageError::NotFound)?;
    let kind = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => return Err(PageError::NotFound),
    };
    let current = url(&name).ends_with(&format!("?{}", request.query_string()));
    let cache = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CACHE_CONTROL, cache))
        .body(file.data.into_owned()))
}

/// `GET /sso.js`: the browser half of the SDK, for the pages of apps. Asked for again each time and
/// mostly not sent again, so that a new version is everywhere at once.
pub async fn sso_js(request: HttpRequest) -> Result<HttpResponse, PageError> {
    let mut response = file(Path::from("sso.js".to_owned()), request).await?;
    // Other sites' pages are what it is for; ours is the default.
    response.headers_mut().insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    Ok(response)
}
