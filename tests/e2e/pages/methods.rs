//! Each address by each method: what is there answers, what is not says what is.

use harness::Passport;
use reqwest::Method;

/// Every route of `web/mod.rs`, and the methods that it has.
const ROUTES: [(&str, &[&str]); 14] = [
    ("/healthz", &["GET"]),
    ("/readyz", &["GET"]),
    ("/.well-known/passport-configuration", &["GET"]),
    ("/.well-known/jwks.json", &["GET"]),
    ("/api/v1/tickets/redeem", &["POST"]),
    ("/api/v1/app-sessions/x", &["GET"]),
    ("/api/v1/app-sessions/x/end", &["POST"]),
    ("/api/v1/events", &["GET"]),
    ("/static/passport.css", &["GET"]),
    ("/", &["GET"]),
    ("/login", &["GET", "POST"]),
    ("/logout", &["GET", "POST"]),
    ("/account", &["GET"]),
    ("/account/sessions/end", &["POST"]),
];

const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "INVENTED"];

#[actix_web::test]
async fn another_method_is_405_and_names_the_right_ones() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let mut browser = passport.signed_in("member").await;
    for (path, allowed) in ROUTES.into_iter().chain([("/setup", &["GET", "POST"][..])]) {
        for name in METHODS {
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            let answer = browser.request(method, path, None, &[]).await;
            if allowed.contains(&name) {
                assert_ne!(answer.status, 405, "{name} {path}");
                assert_eq!(answer.header("allow"), "", "{name} {path}");
                continue;
            }
            assert_eq!(answer.status, 405, "{name} {path}");
            // RFC 9110 section 15.5.6: must be there.
            assert_eq!(answer.header("allow"), allowed.join(", "), "{name} {path}");
            if path.starts_with("/api/") && name != "HEAD" {
                assert_eq!(answer.header("content-type"), "application/problem+json");
                assert_eq!(answer.json()["status"], 405);
            }
            if name == "HEAD" {
                assert_eq!(answer.body, "", "{path}");
            }
        }
    }
    assert!(browser.is_signed_in().await, "none of it has done anything");
}

// SECURITY-CASES T-27 for calls: a body is no way to change the method.
#[actix_web::test]
async fn no_method_is_taken_from_a_header_or_a_field() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let mut browser = passport.signed_in("member").await;
    let entered = aw.enter(&mut browser).await;
    let path = format!("/api/v1/app-sessions/{}/end", entered.app_session);
    for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let body = Some(serde_json::json!({ "scope": "app" }));
        let answer = aw.call(Method::GET, &path, body, &[(header, "POST")]).await;
        assert_eq!(answer.status, 405, "{header}");
        let logout = browser.get_with("/logout?_method=POST", &[(header, "POST")]).await;
        assert_eq!(logout.status, 200, "asks, and ends nothing");
    }
    assert_eq!(aw.status(&entered.app_session).await.json()["state"], "active");
    assert_eq!(aw.end(&entered.app_session, "app").await.json()["ended"], 1, "by POST it does");
}

#[actix_web::test]
async fn what_has_no_route_is_404_in_the_manner_of_its_place() {
    let passport = Passport::start().await;
    let mut browser = passport.browser();
    for path in ["/api/v1", "/api/v1/", "/api/v1/x", "/api/v1/events/", "/api/v1/tickets"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(answer.json()["code"], "not_found", "{path}");
    }
    // SECURITY-CASES Z-16: what a path is not spelt like, it is not.
    let others = ["/nowhere", "/login/", "//login", "/LOGIN", "/%6cogin/x", "/api"];
    for path in others {
        let answer = browser.request(Method::POST, path, None, &[]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(answer.text().contains("404"), "{path}: {}", answer.text());
    }
}
