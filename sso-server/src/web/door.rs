//! The door: what no honest client sends is refused before anything looks at it, and of the cookies
//! only our own are let in.

use std::net::SocketAddr;

use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{CONTENT_TYPE, COOKIE, HOST},
    middleware::Next,
    web::Data,
};

use super::{Web, cookies};

/// Longest path and query, in bytes.
const TARGET_MAX: usize = 8_192;
/// Most cookies. Browsers keep fewer than 200 for a site and all its neighbours together (RFC 6265
/// section 6.1 asks for 50), so nobody is kept out by a neighbour's.
const COOKIES_MOST: usize = 1_000;

/// Why a request is refused at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Cookies,
    ManyCookies,
    Host,
    Target,
}

/// Refuses them.
pub async fn refuse_the_dishonest(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody, BoxBody>>, Error> {
    let passed = check(&request).and_then(|()| {
        cookies::keep_ours(request.headers_mut()).map_err(|cookies::Ambiguous| Refusal::Cookies)
    });
    match passed {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(refusal) => Ok(request.into_response(explain(refusal)).map_into_right_body()),
    }
}

fn check(request: &ServiceRequest) -> Result<(), Refusal> {
    let uri = request.uri();
    // `GET http://evil/ HTTP/1.1`: only proxies are spoken to like that (SECURITY-CASES H-03).
    if uri.authority().is_some()
        || uri.path_and_query().is_some_and(|t| t.as_str().len() > TARGET_MAX)
    {
        return Err(Refusal::Target);
    }
    // No name of ours holds a NUL, and PostgreSQL takes none in a text: asked for one it fails, which
    // would look as if nobody knew.
    if uri.path().contains("%00") {
        return Err(Refusal::Target);
    }
    let cookies = request.headers().get_all(COOKIE);
    let cookies = cookies.flat_map(|header| header.as_bytes().split(|b| *b == b';'));
    if cookies.take(COOKIES_MOST + 1).count() > COOKIES_MOST {
        return Err(Refusal::ManyCookies);
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let known = request
        .app_data::<Data<Web>>()
        .is_some_and(|web| web.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)));
    // Machines probe health by whatever address they have.
    if !known && !matches!(uri.path(), "/healthz" | "/readyz") {
        return Err(Refusal::Host);
    }
    Ok(())
}

/// In plain text: who meets this is a program, or a browser that somebody has meddled with.
fn explain(refusal: Refusal) -> HttpResponse {
    let (mut response, text) = match refusal {
        Refusal::Cookies => (
            HttpResponse::BadRequest(),
            "400: This request carries cookies with ambiguous names. Clear the cookies of this site \
             in your browser and try again.\n",
        ),
        Refusal::ManyCookies => (
            HttpResponse::BadRequest(),
            "400: This request carries more cookies than a browser keeps.\n",
        ),
        Refusal::Host => (
            HttpResponse::build(actix_web::http::StatusCode::MISDIRECTED_REQUEST),
            "421: This server does not answer under this host name. Operators: set \
             server.public_url to the address that people use.\n",
        ),
        Refusal::Target => {
            (HttpResponse::BadRequest(), "400: The address of this request is malformed.\n")
        }
    };
    response.insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).body(text)
}

/// The values of `Host` that are answered: the public name, and the addresses listened on.
pub fn hosts(public_url: &str, listens: &[SocketAddr]) -> Vec<String> {
    let mut hosts = Vec::new();
    if let Ok(url) = url::Url::parse(public_url) {
        let host = url.host_str().unwrap_or_default();
        // With the port, and without it where browsers leave it out or a proxy strips it.
        if let Some(port) = url.port_or_known_default() {
            hosts.push(format!("{host}:{port}"));
        }
        hosts.push(host.to_owned());
    }
    for address in listens {
        let port = address.port();
        hosts.push(address.to_string());
        hosts.extend([
            format!("localhost:{port}"),
            format!("127.0.0.1:{port}"),
            format!("[::1]:{port}"),
        ]);
    }
    hosts.sort();
    hosts.dedup();
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_server() {
        let hosts = hosts("https://sso.example", &["10.0.0.7:8800".parse().unwrap()]);
        for known in ["sso.example", "sso.example:443", "10.0.0.7:8800", "127.0.0.1:8800"] {
            assert!(hosts.contains(&known.to_owned()), "{known} in {hosts:?}");
        }
        assert!(!hosts.contains(&"evil.example".to_owned()));
    }
}
