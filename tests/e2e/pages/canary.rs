//! A canary in every field that a stranger can fill, on every page and call: it must stay text.

use harness::{Answer, Browser, PASSWORD, Passport, TestApp, browser::encode, chromium};
use reqwest::Method;
use scraper::{Html, Selector};
use serde_json::json;

/// Breaks out of an attribute and of an element, and sings when it is out.
const CANARY: &str = "\"><svg/onload=window.canary=1>'";

/// A Passport on which whatever takes the canary as a stored value has it.
async fn passport() -> (Passport, TestApp) {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app_with("aw", |new| new.name = CANARY).await;
    (passport, aw)
}

/// Nothing of the canary is markup, and nothing of it is in a header.
fn check(what: &str, answer: &Answer) {
    assert!(!answer.body.contains("<svg"), "{what}: {}", answer.body);
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        assert!(!value.contains("<svg") && !value.contains("\">"), "{what}: {name}: {value}");
    }
    if answer.header("content-type").starts_with("text/html") {
        let page = Html::parse_document(&answer.body);
        let selector = Selector::parse("svg, [onload], [onerror], script:not([src])").unwrap();
        assert_eq!(page.select(&selector).count(), 0, "{what}: {}", answer.body);
    } else {
        assert!(!answer.body.contains("onload"), "{what} repeats it: {}", answer.body);
    }
}

const PARAMETERS: [&str; 16] = [
    "app",
    "return_to",
    "state",
    "challenge",
    "prompt",
    "max_age",
    "ui_locales",
    "notice",
    "done",
    "token",
    "after",
    "instance",
    "wait",
    "ticket",
    "error",
    "callback",
];

const HEADERS: [&str; 8] = [
    "accept-language",
    "user-agent",
    "referer",
    "origin",
    "x-forwarded-for",
    "x-forwarded-host",
    "forwarded",
    "last-event-id",
];

// SECURITY-CASES X-01.
#[actix_web::test]
async fn a_canary_in_every_parameter_and_header_of_every_page_stays_text() {
    let (passport, aw) = passport().await;
    let mut signed_in = passport.signed_in("member").await;
    aw.enter(&mut signed_in).await;
    let request = aw.login_query(&[]);
    let paths = ["/", "/login", &format!("/login{request}"), "/logout", "/account", "/setup"];
    let others = ["/nowhere", "/static/x", "/healthz", "/readyz", "/api/v1/events", "/api/v1/x"];
    for mut browser in [passport.browser(), signed_in] {
        for path in paths.iter().chain(&others) {
            let mark = if path.contains('?') { '&' } else { '?' };
            for name in PARAMETERS {
                let target = format!("{path}{mark}{}", encode([(name, CANARY)]));
                check(&target, &browser.get(&target).await);
            }
            for name in HEADERS {
                let answer = browser.get_with(path, &[(name, CANARY)]).await;
                check(&format!("{path} with {name}"), &answer);
            }
            let target = format!("{path}/{}", encode([("", CANARY)]).trim_start_matches('='));
            check(&target, &browser.get(&target).await);
        }
    }
}

// SECURITY-CASES X-01: the same in what forms send, and in cookies.
#[actix_web::test]
async fn a_canary_in_every_field_of_every_form_stays_text() {
    let (passport, aw) = passport().await;
    for signed_in in [false, true] {
        let mut browser = passport.browser();
        if signed_in {
            browser = passport.signed_in("member").await;
        }
        let request = aw.login_query(&[("prompt", "login")]);
        let form = browser.login_form(&request, "member", PASSWORD).await;
        let fields = form.fields.iter().map(|(name, _)| name.clone());
        for name in fields.chain(["max_age", "challenge", "ui_locales"].map(str::to_owned)) {
            // With a wrong password, so that the page is shown again with everything typed.
            let form = form.clone().with("password", "wrong").with(&name, CANARY);
            let answer = browser.submit(&form).await;
            assert!(answer.status.is_client_error(), "{name}: {}", answer.status);
            check(&format!("login with {name}"), &answer);
        }
        let all =
            ["csrf", "app", "return_to", "state", "session", "username", "password", "repeat"];
        let shown_at = [("/logout", "/logout"), ("/account", "/account/sessions/end")];
        for (page, path) in shown_at.into_iter().chain([("/setup", "/setup")]) {
            for name in all {
                // Signed in, the token is a good one, so that the other fields are looked at.
                let token = browser.get(page).await.forms(path).first().cloned();
                let token = token.map_or("x".to_owned(), |form| form.field("csrf").to_owned());
                let fields = all.map(|field| match field {
                    field if field == name => (field, CANARY),
                    "csrf" => (field, token.as_str()),
                    other => (other, "x"),
                });
                let mut browser = browser.clone();
                check(&format!("{path} with {name}"), &browser.post(path, &fields).await);
            }
        }
        for name in ["", "-form", "-device", "-lang", "-setup"] {
            let mut browser = browser.clone();
            let quoted = CANARY.replace(['"', ';', ' '], "");
            browser.cookies.insert(format!("__Host-passport{name}"), quoted);
            for path in ["/login", "/account", "/logout", "/setup"] {
                check(&format!("{path} with the cookie {name}"), &browser.get(path).await);
            }
        }
    }
}

// SECURITY-CASES: the API repeats nothing of what it was sent.
#[actix_web::test]
async fn a_canary_in_every_field_of_every_call_is_not_repeated() {
    let (_passport, aw) = passport().await;
    let redeem = "/api/v1/tickets/redeem";
    for name in ["ticket", "return_to", "verifier", CANARY] {
        let mut body = json!({ "ticket": "a.b.c", "return_to": aw.return_to });
        body[name] = CANARY.into();
        check(name, &aw.redeem_body(body, &[]).await);
    }
    check("key", &aw.redeem_body(json!({}), &[("idempotency-key", CANARY)]).await);
    let path = encode([("", CANARY)]);
    let id = path.trim_start_matches('=');
    check("id", &aw.status(id).await);
    check("end", &aw.end(id, "app").await);
    check("scope", &aw.end("x", CANARY).await);
    check("query", &aw.call(Method::POST, &format!("{redeem}?{id}"), None, &[]).await);
    let mut wrong = aw.clone();
    wrong.id = CANARY.to_owned();
    check("basic", &wrong.redeem("a.b.c").await);
    for name in ["after", "instance", "wait"] {
        let target = format!("/api/v1/events?{}", encode([(name, CANARY)]));
        check(name, &aw.call(Method::GET, &target, None, &[]).await);
    }
}

/// Serves the canary as markup, once without a policy and once under Passport's.
async fn cage(policy: String) -> std::net::SocketAddr {
    use actix_web::{App, HttpResponse, HttpServer, web};
    let page = format!("<!doctype html><title>cage</title><input value=\"{CANARY}");
    let factory = move || {
        let (open, shut, policy) = (page.clone(), page.clone(), policy.clone());
        let html = |body: String, policy: String| {
            let policy = ("content-security-policy", policy);
            HttpResponse::Ok().insert_header(policy).content_type("text/html").body(body)
        };
        App::new()
            .route(
                "/open",
                web::get().to(move || std::future::ready(html(open.clone(), String::new()))),
            )
            .route(
                "/shut",
                web::get().to(move || std::future::ready(html(shut.clone(), policy.clone()))),
            )
    };
    let server = HttpServer::new(factory).workers(1).disable_signals();
    let server = server.bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    address
}

// SECURITY-CASES X-01: the last word has a browser.
#[actix_web::test]
async fn in_chromium_no_canary_sings() {
    let (passport, aw) = passport().await;
    let policy =
        passport.browser().get("/login").await.header("content-security-policy").to_owned();
    let cage = cage(policy).await;
    let chromium = chromium::Chromium::start(chromium::Look::default()).await;
    let sings = async || chromium.ask("window.canary === 1").await == true;

    // What is looked for can be seen: it sings where it is let, and Passport's policy alone would
    // silence it, not without saying so.
    chromium.open(&format!("http://{cage}/open")).await;
    assert!(sings().await, "the canary is alive");
    chromium.console().await;
    chromium.open(&format!("http://{cage}/shut")).await;
    assert!(!sings().await, "the policy silences it");
    let said = chromium.console().await.join("\n");
    assert!(said.contains("Content Security Policy"), "{said}");

    let url = |path: &str| format!("{}{path}", passport.url);
    let both = [("state", CANARY), ("ui_locales", CANARY)];
    let mut pages = vec![url("/login"), url(&format!("/login{}", aw.login_query(&[])))];
    for name in PARAMETERS {
        pages.push(url(&format!("/login?{}", encode([(name, CANARY)]))));
        pages.push(url(&format!("/logout?{}", encode([(name, CANARY)]))));
    }
    pages.push(url(&format!("/login{}", aw.login_query(&both[1..]))));
    pages.push(url("/%22%3E%3Csvg%2Fonload%3Dwindow.canary%3D1%3E'"));
    pages.push(url("/api/v1/events?after=%22%3E%3Csvg%2Fonload%3Dwindow.canary%3D1%3E"));
    for page in &pages {
        chromium.open(page).await;
        assert!(!sings().await, "{page}");
    }
    // The typed name is shown again.
    let own = [("app", "aw"), ("return_to", &aw.return_to), ("state", CANARY)];
    chromium.open(&url(&format!("/login?{}", encode(own)))).await;
    chromium.find("#username").await.send_keys(CANARY).await.unwrap();
    chromium.find("#password").await.send_keys("wrong").await.unwrap();
    chromium.find("button").await.click().await.unwrap();
    let again = chromium.find("#problem").await;
    assert!(!again.text().await.unwrap().is_empty() && !sings().await);
    let typed = chromium.find("#username").await.prop("value").await.unwrap();
    assert_eq!(typed.as_deref(), Some(CANARY));
    assert!(chromium.text().await.contains(CANARY), "the app's name is shown as it is");
    // Signed in: account with the app's name, the question, the way back.
    chromium.open(&url("/login")).await;
    sign_in(&chromium).await;
    let mut silent: Browser = passport.browser();
    let cookies = chromium.devtools("Network.getAllCookies", json!({})).await;
    for cookie in cookies["cookies"].as_array().unwrap() {
        let (name, value) = (&cookie["name"], &cookie["value"]);
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        silent.cookies.insert(text(name), text(value));
    }
    aw.enter(&mut silent).await;
    let back = encode([("app", "aw"), ("return_to", &aw.return_to), ("state", CANARY)]);
    for page in ["/account".to_owned(), "/logout".to_owned(), format!("/logout?{back}")] {
        chromium.open(&url(&page)).await;
        assert!(chromium.text().await.contains(CANARY), "{page}");
        assert!(!sings().await, "{page}");
    }
    chromium.find("main form button").await.click().await.unwrap();
    chromium.find(".sign").await;
    assert!(chromium.text().await.contains(CANARY) && !sings().await);

    let said = chromium.console().await;
    let breaches: Vec<_> = said.iter().filter(|line| !line.contains("Failed to load")).collect();
    assert!(breaches.is_empty(), "{breaches:#?}");
    chromium.quit().await;
}

async fn sign_in(chromium: &chromium::Chromium) {
    chromium.find("#username").await.send_keys("member").await.unwrap();
    chromium.find("#password").await.send_keys(PASSWORD).await.unwrap();
    chromium.find("button").await.click().await.unwrap();
    chromium.find("#sessions").await;
}
