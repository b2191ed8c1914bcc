//! Methods: each address says which it answers, and answers those.

use harness::Passport;
use reqwest::Method;

const ADDRESSES: &[(&str, &str)] = &[
    ("/healthz", "GET"),
    ("/readyz", "GET"),
    ("/.well-known/passport-configuration", "GET"),
    ("/.well-known/jwks.json", "GET"),
    ("/api/v1/tickets/redeem", "POST"),
    ("/api/v1/app-sessions/x", "GET"),
    ("/api/v1/app-sessions/x/end", "POST"),
    ("/api/v1/events", "GET"),
    ("/static/mark.svg", "GET"),
    ("/", "GET"),
    ("/login", "GET, POST"),
    ("/logout", "GET, POST"),
    ("/account", "GET"),
    ("/account/sessions/end", "POST"),
    ("/setup", "GET, POST"),
];

#[actix_web::test]
async fn a_wrong_method_hears_the_right_ones() {
    let passport = Passport::start().await;
    let mut browser = passport.browser();
    for (path, methods) in ADDRESSES {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let allowed = methods.split(", ").any(|one| one == method.as_str());
            let answer = browser.request(method.clone(), path, None, &[]).await;
            assert_eq!(answer.status != 405, allowed, "{method} {path}: {}", answer.status);
            assert_eq!(answer.header("allow"), if allowed { "" } else { methods }, "{path}");
        }
    }
    let elsewhere = browser.request(Method::PUT, "/nowhere", None, &[]).await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.header("allow")), (404, ""));
}
