//! The headers that every answer bears (DESIGN rule 8).

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue,
        REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
    middleware::Next,
    web::Data,
};

use super::Web;

/// A page whose form leads, by redirect, to this source puts it into the request's extensions:
/// browsers apply `form-action` to the redirect behind a form, too.
#[derive(Clone, Debug)]
pub struct FormLeadsTo(pub String);

/// A page that other sites' pages may show in a frame: those of these origins, with blanks between.
#[derive(Clone, Debug)]
pub struct FramedBy(pub String);

/// No script but our own files, no frame around us, nothing else from anywhere. Trusted Types make
/// even our own script unable to turn text into markup.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'; form-action 'self'";

/// The part of it that changes for a page in frames.
const NO_FRAMES: &str = "frame-ancestors 'none';";

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// Adds them, to what failed as well.
pub async fn add(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let https = request
        .app_data::<Data<Web>>()
        .is_some_and(|web| web.app.config.server.public_url.starts_with("https:"));
    match next.call(request).await {
        Ok(mut response) => {
            let leads_to = response.request().extensions().get::<FormLeadsTo>().cloned();
            let framed_by = response.request().extensions().get::<FramedBy>().cloned();
            apply(response.headers_mut(), leads_to.as_ref(), https);
            if let Some(framed_by) = framed_by {
                open_to_frames(response.headers_mut(), &framed_by);
            }
            Ok(response)
        }
        Err(error) => {
            let mut response = error.error_response();
            apply(response.headers_mut(), None, https);
            Err(InternalError::from_response(error.to_string(), response).into())
        }
    }
}

/// The headers themselves.
pub(super) fn apply(headers: &mut HeaderMap, leads_to: Option<&FormLeadsTo>, https: bool) {
    let policy = leads_to
        .and_then(|leads| HeaderValue::try_from(format!("{POLICY} {}", leads.0)).ok())
        .unwrap_or(HeaderValue::from_static(POLICY));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    default(headers, CACHE_CONTROL, "no-store");
    default(headers, REFERRER_POLICY, "no-referrer");
    default(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(headers, X_FRAME_OPTIONS, "DENY");
    default(headers, OPENER, "same-origin");
    default(headers, RESOURCE, "same-origin");
    default(headers, PERMISSIONS, "camera=(), geolocation=(), microphone=()");
    if https {
        default(headers, STRICT_TRANSPORT_SECURITY, "max-age=63072000");
    }
}

/// `X-Frame-Options` knows no list of origins and would forbid them all.
fn open_to_frames(headers: &mut HeaderMap, framed_by: &FramedBy) {
    let policy = POLICY.replace(NO_FRAMES, &format!("frame-ancestors {};", framed_by.0));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        headers.remove(X_FRAME_OPTIONS);
    }
}

fn default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
