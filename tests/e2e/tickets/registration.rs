//! Which URLs can be registered. The cases are in `return_urls.txt`.

use harness::{Database, Passport, process::Home};
use sso_server::{
    domain::{
        app::Silent,
        return_url::{Origin, ReturnUrl, UrlError, checked},
    },
    flows::apps::{self, AddApp, AppsError},
};

use crate::vectors::vectors;

/// The file's word for an outcome of registration.
fn word(outcome: &Result<ReturnUrl, UrlError>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(UrlError::TooLong) => "too-long",
        Err(UrlError::Characters) => "characters",
        Err(UrlError::Pattern) => "pattern",
        Err(UrlError::Malformed(_)) => "malformed",
        Err(UrlError::Rewritten(_)) => "rewritten",
        Err(UrlError::Scheme) => "scheme",
        Err(UrlError::UserInfo) => "user-info",
        Err(UrlError::Fragment) => "fragment",
        Err(UrlError::Host) => "host",
        Err(UrlError::Reserved) => "reserved",
        Err(UrlError::NotAServer | UrlError::NotAnOrigin) => "of another field",
    }
}

// SECURITY-CASES
#[test]
fn each_vector_is_registered_or_refused_for_its_reason() {
    let vectors = vectors();
    assert!(vectors.len() > 150, "the file was read");
    let wrong: Vec<String> = vectors
        .iter()
        .map(|vector| (vector, ReturnUrl::register(&vector.url)))
        .filter(|(vector, outcome)| word(outcome) != vector.registration)
        .map(|(vector, outcome)| format!("{vector:?}: {}, {outcome:?}", word(&outcome)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for vector in vectors.iter().filter(|vector| vector.registration == "ok") {
        assert_eq!(ReturnUrl::register(&vector.url).unwrap().as_str(), vector.url, "kept as it is");
    }
}

fn new_app<'a>(
    return_urls: &'a [String],
    origins: &'a [String],
    events_url: Option<&'a str>,
) -> AddApp<'a> {
    AddApp {
        id: "new",
        name: "new",
        return_urls,
        origins,
        events_url,
        jsonp: false,
        old_browsers: false,
        may_end_user: false,
        may_login: false,
        silent: Silent::Always,
        front_logout_url: None,
    }
}

// SECURITY-CASES: in every stored URL field there is, at the function by which
// operators register apps.
#[actix_web::test]
async fn what_cannot_be_registered_is_nowhere_stored() {
    let passport = Passport::start().await;
    let good = ["https://app.example/cb".to_owned()];
    let origin = ["https://app.example".to_owned()];
    let before = passport.count("SELECT COUNT(*) FROM audit").await;
    for vector in vectors().iter().filter(|vector| vector.registration != "ok") {
        let bad = [good[0].clone(), vector.url.clone()];
        let mut fields = vec![
            new_app(&bad, &origin, None),
            new_app(&good, &bad[1..], None),
            new_app(&good, &origin, Some(&vector.url)),
        ];
        if vector.url == origin[0] {
            fields.remove(1);
        }
        if vector.registration == "reserved" {
            // Nothing is added to the query of an events URL.
            fields.pop();
        }
        for field in fields {
            let outcome = apps::add(&passport.app, field).await;
            assert!(matches!(outcome, Err(AppsError::Url { .. })), "{vector:?}: {outcome:?}");
        }
    }
    assert_eq!(passport.count("SELECT COUNT(*) FROM apps").await, 0);
    assert_eq!(passport.count("SELECT COUNT(*) FROM audit").await, before);
    let control =
        apps::add(&passport.app, new_app(&good, &origin, Some("https://app.example/events")));
    assert!(control.await.is_ok());
    assert_eq!(passport.count("SELECT COUNT(*) FROM apps").await, 1);
}

// SECURITY-CASES R-12: events go to servers; a scheme of somebody's phone is no address of one.
#[actix_web::test]
async fn events_and_origins_are_of_the_web() {
    let passport = Passport::start().await;
    let good = ["https://app.example/cb".to_owned()];
    let native = "com.example.app:/cb";
    assert!(checked(native).is_ok(), "control: good enough for a return URL");
    let outcome = apps::add(&passport.app, new_app(&good, &[], Some(native))).await;
    assert!(matches!(outcome, Err(AppsError::Url { .. })), "{outcome:?}");
    for no_origin in ["com.example.app:", "com.example.app:/", "null", "https://app.example/cb"] {
        assert!(Origin::register(no_origin).is_err(), "{no_origin}");
    }
}

// SECURITY-CASES: by the command that operators type.
#[actix_web::test]
async fn the_command_refuses_and_says_why() {
    let home = Home::new(Database::Sqlite).await;
    for (url, why) in [
        ("https://*.app.example/*", "patterns with * are not supported"),
        ("http://app.example/cb", "only https://"),
        ("javascript:alert(1)", "only https://"),
        ("https://APP.example/cb", "register it as https://app.example/cb"),
        ("https://app.example/cb#x", "fragment"),
        ("https://app.example/cb?ticket=x", "ticket, state, error or sid"),
    ] {
        let add = ["app", "add", "new", "--name", "new", "--return-to", url, "--json"];
        let output = home.run(&add);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{url}: {said}");
        assert!(said.contains(url) && said.contains(why), "{url}: {said}");
        assert!(output.stdout.is_empty(), "{url}: no secret of no app");
        assert_eq!(home.json(&["app", "list", "--json"]), serde_json::json!([]), "{url}");
    }
    let good = "https://app.example/cb";
    home.json(&["app", "add", "new", "--name", "new", "--return-to", good, "--json"]);
    let listed = home.json(&["app", "list", "--json"]);
    assert!(listed.to_string().contains(good), "control: {listed}");
}
