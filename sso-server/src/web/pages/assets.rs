//! Stylesheet, script, pictures: compiled in, named with their content, kept by browsers for ever.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        CACHE_CONTROL, CONTENT_TYPE, CROSS_ORIGIN_RESOURCE_POLICY, ETag, EntityTag, Header,
        IfNoneMatch,
    },
    web::Path,
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::PageError;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/static"]
struct Files;

/// The address of a file, which changes with its content.
pub fn url(name: &str) -> String {
    let version = Files::get(name).map_or_else(String::new, |file| version(&file));
    format!("/static/{name}?v={version}")
}

fn version(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// `GET /static/{name}`
pub async fn file(name: Path<String>, request: HttpRequest) -> Result<HttpResponse, PageError> {
    let name = name.into_inner();
    let file = Files::get(&name).ok_or(PageError::NotFound)?;
    let kind = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => return Err(PageError::NotFound),
    };
    let current = url(&name).ends_with(&format!("?{}", request.query_string()));
    let cache = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    // Weak, because the compressed file is meant as well.
    let tag = EntityTag::new_weak(version(&file));
    let known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|one| one.weak_eq(&tag)),
        Ok(IfNoneMatch::Any) => true,
        Err(_) => false,
    };
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((CACHE_CONTROL, cache)).insert_header(ETag(tag));
    if known {
        return Ok(response.finish());
    }
    if kind == "image/png" {
        // For the browser's sign-in dialog, which it draws on behalf of another site's page.
        response.insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"));
    }
    Ok(response.insert_header((CONTENT_TYPE, kind)).body(file.data.into_owned()))
}
