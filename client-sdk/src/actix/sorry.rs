//! What people read when something does not work: a page that reads well on every screen, made of
//! constants. Nothing of the request is repeated in it.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, REFRESH,
            RETRY_AFTER,
        },
    },
};

/// Its own style and nothing else; an app's stricter policy leaves plain text.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = "body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.0625rem/1.55 system-ui,sans-serif}main{max-width:30rem;padding:2rem 1.5rem}p{margin:0 0 1rem;text-wrap:pretty}[lang]+[lang]{opacity:.8}";
/// A page that waits for Passport is asked for again after so many seconds, by itself.
const AGAIN: &str = "5";

/// Passport was not heard for too long, so nobody knows who is signed in. In all languages: there is
/// nothing here to choose one by.
pub(super) fn away() -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::SERVICE_UNAVAILABLE);
    response.insert_header((RETRY_AFTER, "2")).insert_header((REFRESH, AGAIN));
    finish(
        response,
        "<p lang=\"en\">The sign-in service cannot be reached at the moment. You are not signed out; please try again shortly.</p>\
         <p lang=\"zh\">暂时无法连接登录服务。您并未退出登录，请稍后再试。</p>\
         <p lang=\"ru\">Служба входа сейчас недоступна. Вы не вышли; пожалуйста, повторите попытку чуть позже.</p>\
         <p><a href=\"\">Try again · 重试 · Повторить</a></p>",
    )
}

/// A plain sentence.
pub(super) fn sorry(status: StatusCode, text: &'static str) -> HttpResponse {
    finish(HttpResponse::build(status), &format!("<p>{text}</p><p><a href=\"/\">Go back</a></p>"))
}

fn finish(mut response: HttpResponseBuilder, words: &str) -> HttpResponse {
    response
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><title>Sign-in</title><style>{STYLE}</style></head><body><main>{words}</main></body></html>"
        ))
}
