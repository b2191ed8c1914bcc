//! From an app to Passport and back.

use actix_web::cookie::Cookie;
use client_sdk::login::{PENDING_PREFIX, Pending};
use reqwest::Method;

use super::{Scene, says};

/// What a callback asks for and what is wrong with it.
fn with(query: &str, name: &str, value: &str) -> String {
    let mut url = url::Url::parse(&format!("http://x{query}")).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    url.query_pairs_mut().clear().extend_pairs(
        pairs.iter().map(|(found, old)| (found, if found == name { value } else { old })),
    );
    format!("{}?{}", url.path(), url.query().unwrap())
}

#[actix_web::test]
async fn a_members_page_sends_to_passport_and_back_to_itself() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let (mut person, mut browser) = (scene.person(), aw.browser());
    let sent = browser.get("/members?page=2").await;
    assert_eq!(
        (sent.status.as_u16(), sent.location()),
        (303, "/sso/login?next=%2Fmembers%3Fpage%3D2")
    );
    let location = sent.location().to_owned();
    let back = person.fetch(&mut browser, &location).await;
    let answer = browser.get(aw.path(back.location())).await;
    // SECURITY-CASES Y-06: the ticket leaves the address, and nobody is told of it.
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/members?page=2"));
    assert_eq!(
        (answer.header("referrer-policy"), answer.header("cache-control")),
        ("no-referrer", "no-store")
    );
    assert_eq!(browser.get("/members?page=2").await.body, "for member");

    // At the second app nobody is asked again.
    let bw = scene.shop("bw").await;
    let mut browser = bw.browser();
    let sent = browser.get("/sso/login?next=/").await;
    let query = sent.location().split_once('?').unwrap().1.to_owned();
    let silent = person.0.get(&format!("/login?{query}")).await;
    assert_eq!(silent.status, 303);
    browser.get(bw.path(silent.location())).await;
    assert_eq!(says(&mut browser).await, "member");
}

#[actix_web::test]
async fn only_opening_a_page_leads_to_passport() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let mut browser = aw.browser();
    for (method, headers, status) in [
        (Method::GET, &[("sec-fetch-mode", "navigate")][..], 303),
        (Method::GET, &[], 303),
        (Method::GET, &[("sec-fetch-mode", "cors")], 401),
        (Method::GET, &[("sec-fetch-mode", "no-cors")], 401),
        (Method::POST, &[("sec-fetch-mode", "navigate")], 401),
    ] {
        let answer = browser.request(method.clone(), "/members", None, headers).await;
        assert_eq!(answer.status, status, "{method} {headers:?}");
        assert!(!answer.body.contains("for "));
    }
    let mut member = scene.person().enter(&aw).await;
    let answer =
        member.request(Method::POST, "/members", None, &[("sec-fetch-mode", "cors")]).await;
    assert_eq!(answer.body, "for member");
}

// SECURITY-CASES Y-01: login CSRF.
#[actix_web::test]
async fn a_callback_counts_in_the_browser_that_left_for_it() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let (mut attacker, mut theirs) = (scene.person(), aw.browser());
    let back = attacker.fetch(&mut theirs, "/sso/login").await;
    let callback = aw.path(back.location());

    let mut victim = aw.browser();
    assert_eq!(victim.get(callback).await.status, 401, "it was not begun here");
    assert_eq!(says(&mut victim).await, "nobody");

    // The victim has begun a login of their own; its verifier does not fit the attacker's ticket.
    victim.get("/sso/login").await;
    let name = victim.cookies.keys().find(|name| name.starts_with(PENDING_PREFIX)).unwrap().clone();
    assert_eq!(victim.get(callback).await.status, 401);
    let own_state = with(callback, "state", name.strip_prefix(PENDING_PREFIX).unwrap());
    assert_eq!(victim.get(&own_state).await.status, 401);
    assert_eq!(says(&mut victim).await, "nobody");
    let reason = scene.passport.audited("ticket.refused").await;
    assert!(reason.detail.contains("wrong_verifier"), "{reason:?}");

    // The same steps in one browser are a login.
    let back = attacker.fetch(&mut theirs, "/sso/login").await;
    assert_eq!(theirs.get(aw.path(back.location())).await.status, 303);
    assert_eq!(says(&mut theirs).await, "member");
}

// SECURITY-CASES Y-01: the cookie proves something because no neighbour can set it.
#[actix_web::test]
async fn what_waits_for_a_callback_is_this_browsers_alone() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let mut browser = aw.browser();
    let sent = browser.get("/sso/login").await;
    let pending = browser.set_cookies.iter().find(|cookie| cookie.starts_with(PENDING_PREFIX));
    let cookie = Cookie::parse_encoded(pending.unwrap().clone()).unwrap();
    assert!(cookie.name().starts_with("__Host-"));
    assert!(cookie.secure().unwrap() && cookie.http_only().unwrap());
    assert_eq!((cookie.path(), cookie.domain()), (Some("/"), None));
    assert_eq!(cookie.same_site().unwrap().to_string(), "Lax");
    assert!(cookie.max_age().unwrap().whole_seconds() <= 600);
    let verifier = cookie.value().split('.').next().unwrap();
    assert!(!sent.location().contains(verifier), "the verifier does not travel");

    // Two cookies of one name: one of them is somebody else's.
    let mut person = scene.person();
    let back = person.follow(&sent).await;
    let callback = aw.path(back.location()).to_owned();
    let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
    let mut doubled = browser.clone();
    doubled.headers.push(("cookie".into(), format!("{name}={value}")));
    assert_eq!(doubled.get(&callback).await.status, 401);
    assert_eq!(browser.get(&callback).await.status, 303);

    // However many are begun, few wait.
    let mut busy = aw.browser();
    for _ in 0..20 {
        busy.get("/sso/login").await;
        assert!(busy.cookies.len() <= 6, "{:?}", busy.cookies.keys());
    }
}

#[actix_web::test]
async fn a_callback_counts_once() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let (mut person, mut browser) = (scene.person(), aw.browser());
    let back = person.fetch(&mut browser, "/sso/login").await;
    let callback = aw.path(back.location()).to_owned();
    let before = browser.cookies.clone();
    assert_eq!(browser.get(&callback).await.status, 303);
    assert_eq!(browser.get(&callback).await.status, 401, "the way back is closed behind it");
    // Even with what waited restored: the ticket is spent.
    let mut thief = aw.browser();
    thief.cookies = before;
    assert_eq!(thief.get(&callback).await.status, 401);
    assert_eq!(says(&mut thief).await, "nobody");
    assert_eq!(says(&mut browser).await, "member", "the first one is not harmed");
}

// SECURITY-CASES Y-03 (phpCAS CVE-2022-39369).
#[actix_web::test]
async fn the_apps_own_address_comes_from_its_settings() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let evil = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "https://evil.example/sso/callback"),
    ];
    let (mut person, mut browser) = (scene.person(), aw.browser());
    let own = aw.settings.return_to();
    for attack in [&[][..], &evil[1..]] {
        let sent = browser.get_with("/sso/login", attack).await;
        assert_eq!(sent.sent("return_to"), Some(own.clone()), "{attack:?}");
        let back = person.follow(&sent).await;
        assert!(back.location().starts_with(&own));
        let answer = browser.get_with(aw.path(back.location()), attack).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"));
    }
    let mut elsewhere = harness::Browser::new(aw.address, "https://evil.example");
    assert_eq!(elsewhere.get("/sso/login").await.sent("return_to"), Some(own));
}

// SECURITY-CASES Y-04, T-11, T-31: what is not a ticket never reaches Passport.
#[actix_web::test]
async fn only_a_well_formed_callback_is_passed_on() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let (mut person, mut browser) = (scene.person(), aw.browser());
    let back = person.fetch(&mut browser, "/sso/login").await;
    let good = aw.path(back.location()).to_owned();
    let ticket = back.ticket();
    let asked = scene.passport.audit().await.len();
    for bad in [
        "/sso/callback".to_owned(),
        with(&good, "ticket", ""),
        with(&good, "ticket", "canary"),
        with(&good, "ticket", &format!("{ticket}&return_to=https://evil.example/")),
        with(&good, "ticket", &format!("{ticket}\r\nX-Canary: 1")),
        with(&good, "ticket", &format!("{ticket}\0")),
        with(&good, "ticket", &format!("{ticket}\",\"x\":\"")),
        with(&good, "ticket", &"a.".repeat(3_000)),
        format!("{good}&ticket={ticket}"),
        format!("{good}&state=AAAAAAAAAAAAAAAAAAAAAA"),
        format!("{good}&error=login_required"),
        with(&good, "state", "canary"),
    ] {
        let answer = browser.get(&bad).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(!answer.body.contains("canary") && answer.headers.get("x-canary").is_none());
        assert_eq!(says(&mut browser).await, "nobody");
    }
    assert_eq!(scene.passport.audit().await.len(), asked, "Passport was asked nothing");
    assert_eq!(browser.get(&good).await.status, 303);
}

#[actix_web::test]
async fn coming_back_without_a_ticket_signs_nobody_in() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    for (error, status, location) in [
        ("login_required", 303, "/members"),
        ("access_denied", 403, ""),
        ("account_disabled", 403, ""),
        ("server_error", 403, ""),
        ("something_new", 403, ""),
    ] {
        let mut browser = aw.browser();
        let sent = browser.get("/sso/login?next=/members").await;
        let state = sent.sent("state").unwrap();
        let path = format!("/sso/callback?error={error}&state={state}");
        assert_eq!(aw.browser().get(&path).await.status, 401, "not without what waits for it");
        let answer = browser.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (status, location), "{error}");
        assert!(!answer.body.contains(error), "nothing of the address is repeated");
        assert_eq!(says(&mut browser).await, "nobody");
    }
}

// SECURITY-CASES Y-07.
#[actix_web::test]
async fn next_never_leads_out_of_the_app() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let mut person = scene.person();
    for (next, expected) in [
        ("/members?a=b", "/members?a=b"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        ("https://evil.example/", "/"),
        ("https:evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("members", "/"),
        ("@evil.example", "/"),
        (".evil.example", "/"),
        ("", "/"),
    ] {
        let mut browser = aw.browser();
        let login = format!("/sso/login?{}", harness::browser::encode([("next", next)]));
        let back = person.fetch(&mut browser, &login).await;
        let answer = browser.get(aw.path(back.location())).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, expected), "{next:?}");
        let form = harness::browser::encode([("next", next)]);
        let answer = browser.post_body("/sso/logout", form, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, expected), "{next:?}");
    }
    // Nor does a tampered cookie.
    let mut browser = aw.browser();
    let back = person.fetch(&mut browser, "/sso/login").await;
    let state = back.sent("state").unwrap();
    let name = Pending::cookie_name(&state);
    let verifier = browser.cookies[&name].split('.').next().unwrap().to_owned();
    // base64url of //evil.example
    browser.cookies.insert(name, format!("{verifier}..Ly9ldmlsLmV4YW1wbGU"));
    let answer = browser.get(aw.path(back.location())).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"));
}

// SECURITY-CASES Y-02: session fixation.
#[actix_web::test]
async fn nothing_of_the_stranger_is_left_after_the_log_in() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let (mut person, mut browser) = (scene.person(), aw.browser());
    browser.post("/cart", &[]).await;
    let planted = browser.cookies.clone();
    let put = browser.get("/cart").await;
    assert_eq!((put.body.as_str(), put.header("x-session")), ("a book", "Unchanged"));
    let back = person.fetch(&mut browser, "/sso/login").await;
    let answer = browser.get(aw.path(back.location())).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-session")), (303, "Renewed"));
    assert_eq!(says(&mut browser).await, "member");
    assert_eq!(browser.get("/cart").await.body, "");
    let mut planter = aw.browser();
    planter.cookies = planted;
    assert_eq!(says(&mut planter).await, "nobody");
}
