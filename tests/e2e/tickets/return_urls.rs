//! Where tickets go, and where errors do. The cases are in `return_urls.txt`.

use harness::{Answer, TestApp, app::VERIFIER, app::challenge, browser::encode};
use scraper::{Html, Selector};
use sso_server::{
    domain::return_url::{ReturnUrl, UrlError},
    flows::apps,
};

use crate::{scene::Scene, vectors::vectors};

/// The app of the file, and a person who is signed in.
async fn registered() -> (Scene, TestApp) {
    let scene = Scene::start().await;
    let urls: Vec<String> =
        vectors().into_iter().filter(|vector| vector.ticket).map(|vector| vector.url).collect();
    assert_eq!(urls.len(), 4);
    let app = scene.passport.add_app_with("app", |app| app.return_urls = &urls).await;
    (scene, app)
}

fn query(app: &str, return_to: &str) -> String {
    let challenge = challenge(VERIFIER);
    encode([("app", app), ("return_to", return_to), ("state", "st-1"), ("challenge", &challenge)])
}

/// An error page of ours: no way leads from it to the URL, and no ticket is in it.
fn assert_error_page(answer: &Answer, url: &str) {
    assert_eq!(answer.status, 400, "{url:?}: {}", answer.location());
    assert_eq!((answer.location(), answer.header("refresh")), ("", ""), "{url:?}");
    assert!(answer.header("content-type").starts_with("text/html"), "{url:?}");
    let cookies = answer.headers.get_all("set-cookie").iter();
    let mut cookies = cookies.map(|cookie| cookie.to_str().unwrap());
    assert!(!cookies.any(|cookie| cookie.starts_with("__Host-passport=")), "{url:?} signed in");
    assert_leads_nowhere_else(&answer.body);
    for trace in ["ticket=", "evil", "app.example"] {
        assert!(!answer.text().contains(trace), "{url:?} left a trace: {}", answer.text());
    }
}

/// Every link of a page, and every form, stays on this site.
fn assert_leads_nowhere_else(page: &str) {
    let document = Html::parse_document(page);
    let leads = Selector::parse("[href], [src], [action], [content^=http]").unwrap();
    let mut seen = 0;
    for element in document.select(&leads) {
        for name in ["href", "src", "action"] {
            let Some(target) = element.value().attr(name) else { continue };
            let here = target.starts_with('/') && !target[1..].starts_with(['/', '\\']);
            assert!(here || target.starts_with('#'), "{name}={target}");
            seen += 1;
        }
    }
    assert!(seen > 5, "the page was read: {page}");
}

/// A redirect to exactly `url`, with a parameter and `state` added and any old fragment cut off.
fn assert_sent_to(answer: &Answer, url: &str, parameter: &str) {
    assert_eq!(answer.status, 303, "{url}: {}", answer.text());
    let added = answer.location().strip_prefix(url).unwrap_or_else(|| panic!("{url}: {answer:?}"));
    let joint = if url.contains('?') { '&' } else { '?' };
    assert!(added.starts_with(&format!("{joint}{parameter}=")), "{url}: {added}");
    assert!(added.ends_with("&state=st-1#"), "{url}: {added}");
}

// SECURITY-CASES T-01, R-01 to
#[actix_web::test]
async fn a_ticket_goes_to_the_registered_bytes_and_nowhere_else() {
    let (mut scene, app) = registered().await;
    let lines = scene.audit_lines().await;
    for vector in vectors() {
        let path = format!("/login?{}", query(&app.id, &vector.url));
        let answer = scene.browser.get(&path).await;
        match vector.ticket {
            true => assert_sent_to(&answer, &vector.url, "ticket"),
            false => assert_error_page(&answer, &vector.url),
        }
        if vector.registration != "ok" {
            continue;
        }
        // In silence, too: no `error=` travels to a URL that is not proven.
        let answer = scene.passport.browser().get(&format!("{path}&prompt=none")).await;
        match vector.ticket {
            true => assert_sent_to(&answer, &vector.url, "error"),
            false => assert_error_page(&answer, &vector.url),
        }
    }
    assert_eq!((scene.spent().await, scene.audit_lines().await), (0, lines), "nothing was written");
}

// SECURITY-CASES: what comes back with the form is proven again.
#[actix_web::test]
async fn the_form_is_read_as_strictly_as_the_address() {
    let (scene, app) = registered().await;
    let mut browser = scene.passport.browser();
    let shown = format!("?{}", query(&app.id, "https://app.example/cb"));
    let form = browser.login_form(&shown, "member", harness::PASSWORD).await;
    let sessions = scene.passport.count("SELECT COUNT(*) FROM sessions").await;
    for vector in vectors().into_iter().filter(|vector| !vector.ticket) {
        let answer = browser.submit(&form.clone().with("return_to", &vector.url)).await;
        assert_error_page(&answer, &vector.url);
    }
    for (field, value) in [("app", "aw"), ("app", "bw"), ("app", "nobody"), ("app", "")] {
        let answer = browser.submit(&form.clone().with(field, value)).await;
        assert_error_page(&answer, value);
    }
    assert_eq!(scene.passport.count("SELECT COUNT(*) FROM sessions").await, sessions);
    assert_sent_to(&browser.submit(&form).await, "https://app.example/cb", "ticket");
}

// SECURITY-CASES R-16: the way back after signing out.
#[actix_web::test]
async fn the_way_back_after_signing_out_is_a_registered_one() {
    let (mut scene, app) = registered().await;
    let mut stranger = scene.passport.browser();
    for vector in vectors() {
        if vector.url.is_empty() {
            continue;
        }
        let path = format!("/logout?{}", query(&app.id, &vector.url));
        for browser in [&mut stranger, &mut scene.browser] {
            let answer = browser.get(&path).await;
            match vector.ticket {
                true => {
                    assert_eq!((answer.status.as_u16(), answer.location()), (200, ""), "{path}")
                }
                false => assert_error_page(&answer, &vector.url),
            }
        }
    }
    // By the form: first out, then the question whether the way is registered.
    let page =
        scene.browser.get(&format!("/logout?{}", query(&app.id, "https://app.example/cb"))).await;
    let form = page.form("/logout").with("return_to", "https://evil.com/cb");
    let answer = scene.browser.submit(&form).await;
    assert_eq!(answer.status, 303);
    assert!(answer.location().starts_with("/logout?"), "{}", answer.location());
    let path = answer.location().to_owned();
    assert_error_page(&scene.browser.get(&path).await, "https://evil.com/cb");
    assert!(!scene.browser.is_signed_in().await);
}

// SECURITY-CASES R-16: the language links of any page lead to this site.
#[actix_web::test]
async fn language_links_stay_here() {
    let scene = Scene::start().await;
    for path in
        ["//evil.com", "//evil.com/login", "/%2fevil.com", "/\\evil.com", "/login?x=//evil.com"]
    {
        let host = scene.passport.url.split_once("://").unwrap().1;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = harness::raw::exchange(scene.passport.address, request.as_bytes()).await;
        assert!(!answer.to_lowercase().contains("\nlocation:"), "{path}: {answer}");
        if let Some((_, page)) = answer.split_once("<!doctype") {
            assert_leads_nowhere_else(page);
        }
    }
}

// SECURITY-CASES R-15, T-31
#[actix_web::test]
async fn each_parameter_comes_once() {
    let (mut scene, app) = registered().await;
    let good = query(&app.id, "https://app.example/cb");
    for twice in [
        "return_to=https%3A%2F%2Fapp.example%2Fcb",
        "return_to=https%3A%2F%2Fevil.com%2Fcb",
        "return_to=",
        "app=app",
        "app=aw",
        "state=other",
        "challenge=x",
        "%72eturn_to=https%3A%2F%2Fevil.com%2Fcb",
    ] {
        for query in [format!("{good}&{twice}"), format!("{twice}&{good}")] {
            assert_error_page(&scene.browser.get(&format!("/login?{query}")).await, twice);
        }
    }
    for prompt in ["prompt=none&prompt=login", "max_age=1&max_age=2", "ui_locales=en&ui_locales=ru"]
    {
        assert_error_page(&scene.browser.get(&format!("/login?{good}&{prompt}")).await, prompt);
    }
    let answer = scene.browser.get(&format!("/login?{good}&unknown=1&unknown=2")).await;
    assert_sent_to(&answer, "https://app.example/cb", "ticket");

    // And in the form.
    let mut browser = scene.passport.browser();
    let form = browser.login_form(&format!("?{good}"), "member", harness::PASSWORD).await;
    let body = encode(form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    for twice in ["return_to=https%3A%2F%2Fevil.com%2Fcb", "app=aw", "username=other", "state=x"] {
        let answer = browser.post_body("/login", format!("{body}&{twice}"), &[]).await;
        assert_error_page(&answer, twice);
    }
    let answer = browser.post_body("/login", body, &[]).await;
    assert_sent_to(&answer, "https://app.example/cb", "ticket");
}

// SECURITY-CASES R-17: errors travel only to proven URLs.
#[actix_web::test]
async fn without_a_proven_url_errors_stay_here() {
    let (mut scene, app) = registered().await;
    let url = "https://app.example/cb";
    for id in ["nobody", "", "APP", "app ", "app\0", "aw", "bw", "a'--"] {
        for more in ["", "&prompt=none", "&prompt=login"] {
            let path = format!("/login?{}{more}", query(id, url));
            assert_error_page(&scene.browser.get(&path).await, id);
        }
    }
    let states = ["", "a b", "a\nb", "\u{e9}", &"s".repeat(513)];
    for state in states {
        let fields = [("app", "app"), ("return_to", url), ("state", state)];
        assert_error_page(&scene.browser.get(&format!("/login?{}", encode(fields))).await, state);
    }
    for query in [
        encode([("return_to", url), ("state", "s")]),
        encode([("app", "app"), ("state", "s")]),
        encode([("app", "app"), ("return_to", url)]),
    ] {
        assert_error_page(&scene.browser.get(&format!("/login?{query}")).await, &query);
    }
    let good = query(&app.id, url);
    for wrong in
        ["prompt=consent", "prompt=", "prompt=none%20login", "max_age=-1", "max_age=x", "max_age="]
    {
        assert_error_page(&scene.browser.get(&format!("/login?{good}&{wrong}")).await, wrong);
    }
    let long = "s".repeat(512);
    let fields = [("app", "app"), ("return_to", url), ("state", &*long)];
    let answer = scene.browser.get(&format!("/login?{}", encode(fields))).await;
    assert_eq!(answer.sent("state").as_deref(), Some(&*long), "control: 512 bytes of state");
}

// SECURITY-CASES R-18: an app that is shut off while somebody types is shut off.
#[actix_web::test]
async fn the_second_look_wins() {
    let (scene, app) = registered().await;
    let shown = format!("?{}", query(&app.id, "https://app.example/cb"));
    for again in [true, false] {
        let mut browser = scene.passport.browser();
        let form = browser.login_form(&shown, "member", harness::PASSWORD).await;
        apps::disable(&scene.passport.app, "app").await.unwrap();
        let sessions = scene.passport.count("SELECT COUNT(*) FROM sessions").await;
        assert_error_page(&browser.submit(&form).await, "disabled");
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM sessions").await, sessions);
        if again {
            apps::enable(&scene.passport.app, "app").await.unwrap();
            let sent = browser.submit(&form).await;
            assert_sent_to(&sent, "https://app.example/cb", "ticket");
        }
    }
}

// SECURITY-CASES: other programs of the device could receive what is sent there.
#[actix_web::test]
async fn native_apps_must_bring_a_challenge() {
    let (mut scene, app) = registered().await;
    for (url, native) in [
        ("com.example.app:/cb", true),
        ("http://127.0.0.1/cb", true),
        ("https://app.example/cb", false),
    ] {
        let fields = [("app", &*app.id), ("return_to", url), ("state", "st-1")];
        let bare = scene.browser.get(&format!("/login?{}", encode(fields))).await;
        match native {
            true => assert_eq!((bare.status.as_u16(), bare.location()), (400, ""), "{url}"),
            false => assert_sent_to(&bare, url, "ticket"),
        }
        for wrong in ["", "x", &"A".repeat(42), &"A".repeat(44), &"+".repeat(43)] {
            let path =
                format!("/login?{}", encode(fields.into_iter().chain([("challenge", wrong)])));
            let answer = scene.browser.get(&path).await;
            assert_eq!((answer.status.as_u16(), answer.location()), (400, ""), "{url} {wrong}");
        }
        let answer = scene.browser.get(&format!("/login?{}", query(&app.id, url))).await;
        assert_sent_to(&answer, url, "ticket");
    }
}

// SECURITY-CASES R-26
#[actix_web::test]
async fn long_urls_are_refused_and_never_cut() {
    let mut scene = Scene::start().await;
    let stem = "https://app.example/";
    let longest = format!("{stem}{}", "x".repeat(2_000 - stem.len()));
    let longer = format!("{longest}x");
    assert!(matches!(ReturnUrl::register(&longer), Err(UrlError::TooLong)));
    let urls = [longest.clone()];
    let app = scene.passport.add_app_with("app", |app| app.return_urls = &urls).await;
    let answer = scene.browser.get(&format!("/login?{}", query(&app.id, &longest))).await;
    assert_sent_to(&answer, &longest, "ticket");
    for wrong in [&longer, &longest[..1_999], &longest.repeat(3)] {
        let answer = scene.browser.get(&format!("/login?{}", query(&app.id, wrong))).await;
        assert_error_page(&answer, wrong);
    }
}

// SECURITY-CASES R-19: our own name comes from the configuration, whatever a request calls us.
#[actix_web::test]
async fn the_host_header_names_nothing() {
    let mut scene = Scene::start().await;
    let by_address = scene.passport.address.to_string();
    let path = format!("/login{}", scene.aw.login_query(&[]));
    for headers in [
        &[("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https")][..],
        &[("forwarded", "host=evil.example;proto=https")],
        &[("x-original-url", "https://evil.example/"), ("x-host", "evil.example")],
        &[("referer", "https://evil.example/")],
    ] {
        let answer = scene.browser.get_with(&path, headers).await;
        let claims = crate::forge::claims_of(&answer.ticket());
        assert_eq!(claims["iss"], scene.passport.url, "{headers:?}");
        let home = scene.browser.get_with("/login", headers).await;
        assert_eq!((home.status.as_u16(), home.location()), (303, "/account"), "{headers:?}");
    }
    let cookies: Vec<String> =
        scene.browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let as_host = async |host: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\nConnection: close\r\n\r\n",
            cookies.join("; ")
        );
        harness::raw::exchange(scene.passport.address, request.as_bytes()).await
    };
    for evil in ["evil.example", "evil.example:80", "sso.localhost.evil.example", ""] {
        let answer = as_host(evil).await;
        assert!(matches!(harness::raw::status(&answer), 400 | 421), "{evil}: {answer}");
        assert!(!answer.to_lowercase().contains("location:"), "{evil}: {answer}");
    }
    let control = as_host(&by_address).await;
    assert_eq!(harness::raw::status(&control), 303, "control: {control}");
}
