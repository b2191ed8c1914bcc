//! The headers of every answer, and of what an answer never takes from a request's.

use std::collections::BTreeMap;

use harness::{Answer, Browser, Database, Passport, TestApp, browser::encode};
use reqwest::Method;
use scraper::{Html, Selector};
use serde_json::json;

/// One answer of each kind, by what it is.
async fn one_of_each(passport: &Passport, app: &TestApp) -> Vec<(&'static str, Answer)> {
    let mut stranger = passport.browser();
    let mut member = passport.signed_in("member").await;
    let entered = app.enter(&mut member).await;
    let request = app.login_query(&[]);
    let form = stranger.login_form(&request, "member", "wrong").await;
    let style = "/static/passport.css";
    let tag = stranger.get(style).await.header("etag").to_owned();
    let mut ambiguous: Browser = stranger.clone();
    ambiguous.cookies.insert("a%3d".to_owned(), "1".to_owned());
    let mut elsewhere = Browser::new(passport.address, "http://evil.example");
    vec![
        ("login", stranger.get("/login").await),
        ("login for an app", stranger.get(&format!("/login{request}")).await),
        ("login in Russian", stranger.get("/login?ui_locales=ru").await),
        ("a wrong password", stranger.submit(&form).await),
        ("a stale form", stranger.submit(&form.clone().without("csrf")).await),
        ("a form of another type", stranger.request(Method::POST, "/login", None, &[]).await),
        ("an unknown app", stranger.get("/login?app=zz&return_to=x&state=s").await),
        ("a silent redirect", app.send(&mut member).await),
        ("nobody signed in", app.send_with(&mut stranger, &[("prompt", "none")]).await),
        ("the account", member.get("/account").await),
        ("the account of nobody", stranger.get("/account").await),
        ("the question", member.get("/logout").await),
        ("signed out", stranger.get("/logout").await),
        ("home", stranger.get("/").await),
        ("a void link", stranger.get("/setup?token=x").await),
        ("nothing there", stranger.get("/nowhere").await),
        ("nothing of the account", member.get("/account/x.css").await),
        ("another method", member.request(Method::DELETE, "/account", None, &[]).await),
        ("a style", stranger.get(style).await),
        ("a style as it was", stranger.get_with(style, &[("if-none-match", &tag)]).await),
        ("no style", stranger.get("/static/x.css").await),
        ("no style there", stranger.get("/static/x/y.css").await),
        ("a style, posted", stranger.request(Method::POST, style, None, &[]).await),
        ("healthy", stranger.get("/healthz").await),
        ("ready", stranger.get("/readyz").await),
        ("where to begin", stranger.get("/.well-known/passport-configuration").await),
        ("keys", stranger.get("/.well-known/jwks.json").await),
        ("a call by nobody", stranger.get("/api/v1/events").await),
        ("a call", app.status(&entered.app_session).await),
        ("events", app.call(Method::GET, "/api/v1/events?after=0", None, &[]).await),
        ("no call", stranger.get("/api/v1/x").await),
        ("a bad call", app.redeem_body(json!({}), &[]).await),
        ("a bad ticket", app.redeem("a.b.c").await),
        ("another host", elsewhere.get("/login").await),
        ("odd cookies", ambiguous.get("/login").await),
        ("a long address", stranger.get(&format!("/{}", "a".repeat(9_000))).await),
    ]
}

/// A policy as a map of its directives.
fn policy(answer: &Answer) -> BTreeMap<String, Vec<String>> {
    assert_eq!(answer.headers.get_all("content-security-policy").iter().count(), 1);
    let directives = answer.header("content-security-policy").split(';');
    let mut all = BTreeMap::new();
    for directive in directives {
        let mut words = directive.split_whitespace().map(str::to_owned);
        let again = all.insert(words.next().unwrap(), words.collect::<Vec<_>>());
        assert!(again.is_none(), "a directive twice: only the first counts");
    }
    all
}

// SECURITY-CASES.
#[actix_web::test]
async fn every_answer_has_the_headers_that_keep_it_to_itself() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let answers = one_of_each(&passport, &aw).await;
    let statuses: Vec<u16> = answers.iter().map(|(_, answer)| answer.status.as_u16()).collect();
    for status in [200, 303, 304, 400, 401, 403, 404, 405, 410, 415, 421] {
        assert!(statuses.contains(&status), "{status} is not among {statuses:?}");
    }
    for (what, answer) in &answers {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
            // Only where people come by https.
            ("strict-transport-security", ""),
            ("access-control-allow-origin", ""),
            ("server", ""),
            ("x-powered-by", ""),
        ] {
            assert_eq!(answer.header(name), value, "{what}: {name}");
        }
        let policy = policy(answer);
        let none = || vec!["'none'".to_owned()];
        let own = || vec!["'self'".to_owned()];
        for (directive, sources) in [
            ("default-src", none()),
            ("base-uri", none()),
            ("frame-ancestors", none()),
            ("script-src", own()),
            ("style-src", own()),
            ("connect-src", own()),
            ("img-src", vec!["'self'".to_owned(), "data:".to_owned()]),
            ("require-trusted-types-for", vec!["'script'".to_owned()]),
            ("trusted-types", none()),
        ] {
            assert_eq!(policy.get(directive), Some(&sources), "{what}: {directive}");
        }
        let leads = matches!(*what, "login for an app" | "a wrong password" | "a stale form");
        let forms = if leads { vec!["'self'", "http://aw.localhost"] } else { vec!["'self'"] };
        assert_eq!(policy["form-action"], forms, "{what}: only to a proven app");

        let kept = match *what {
            "a style" | "a style as it was" => "no-cache",
            "where to begin" | "keys" => "public, max-age=15",
            _ => "no-store",
        };
        assert_eq!(answer.header("cache-control"), kept, "{what}");
        let kind = answer.header("content-type");
        let known = [
            "text/html; charset=utf-8",
            "text/plain; charset=utf-8",
            "text/css; charset=utf-8",
            "application/json",
            "application/problem+json",
            "application/jwk-set+json",
        ];
        assert!(known.contains(&kind) || answer.body.is_empty(), "{what}: {kind}");
    }
}

// SECURITY-CASES H-05: for two years, and on every answer.
#[actix_web::test]
async fn behind_https_browsers_are_told_to_stay_there() {
    let change = |config: &mut sso_server::config::Config| {
        config.server.public_url = "https://sso.example.org".to_owned();
    };
    let passport = Passport::with(Database::Sqlite, change).await;
    let mut browser = passport.browser();
    let mut elsewhere = Browser::new(passport.address, "http://evil.example");
    for answer in [
        browser.get("/login").await,
        browser.get("/account").await,
        browser.get("/nowhere").await,
        browser.get("/static/passport.css").await,
        browser.get("/api/v1/events").await,
        browser.get("/healthz").await,
        elsewhere.get("/login").await,
    ] {
        assert_eq!(answer.header("strict-transport-security"), "max-age=63072000");
    }
}

const FORWARDED: [(&str, &str); 13] = [
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "gopher"),
    ("x-forwarded-port", "6666"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-for", "203.0.113.66"),
    ("x-forwarded-server", "evil.example"),
    ("forwarded", "for=203.0.113.66;host=evil.example;proto=gopher"),
    ("x-original-url", "/evil"),
    ("x-rewrite-url", "/evil"),
    ("x-host", "evil.example"),
    ("x-real-ip", "203.0.113.66"),
    ("true-client-ip", "203.0.113.66"),
    ("origin", "http://evil.example"),
];

// SECURITY-CASES H-01: addresses come from the configuration, whatever a request says.
#[actix_web::test]
async fn no_header_of_a_request_reaches_an_address_in_an_answer() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let aw = passport.add_app("aw").await;
    let strip = |answer: &Answer| {
        let page = Html::parse_document(&answer.body);
        let tokens = Selector::parse("input[name=csrf]").unwrap();
        let mut body = answer.body.clone();
        for token in page.select(&tokens) {
            body = body.replace(token.value().attr("value").unwrap(), "");
        }
        (answer.status, answer.location().split("ticket=").next().unwrap().to_owned(), body)
    };
    let request = format!("/login{}", aw.login_query(&[]));
    let paths = [
        "/",
        "/login",
        &request,
        "/account",
        "/logout",
        "/setup",
        "/nowhere",
        "/static/passport.css",
        "/.well-known/passport-configuration",
        "/healthz",
        "/api/v1/events",
    ];
    for browser in [passport.browser(), passport.signed_in("member").await] {
        for path in paths {
            let plain = strip(&browser.clone().get(path).await);
            for header in FORWARDED {
                let answer = browser.clone().get_with(path, &[header]).await;
                assert_eq!(strip(&answer), plain, "{path} with {header:?}");
            }
            let answer = browser.clone().get_with(path, &FORWARDED).await;
            assert_eq!(strip(&answer), plain, "{path} with all of them");
            // By another of its names: the addresses are still the public ones.
            let by_address = format!("http://127.0.0.1:{}", passport.address.port());
            let mut same = Browser::new(passport.address, &by_address);
            same.cookies.clone_from(&browser.cookies);
            assert_eq!(strip(&same.get(path).await), plain, "{path} by its address");
        }
    }
}

async fn address_of_a_login(passport: &Passport, headers: &[(&str, &str)]) -> String {
    // The latest line is the one of the latest moment.
    passport.advance(harness::SECOND);
    let mut browser = passport.browser();
    let form = browser.login_form("", "member", harness::PASSWORD).await;
    let fields = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let answer = browser.post_body("/login", encode(fields), headers).await;
    assert_eq!(answer.status, 303);
    passport.audited("login").await.address.unwrap()
}

// SECURITY-CASES H-01, H-02, H-04.
#[actix_web::test]
async fn where_a_login_comes_from_is_said_by_our_proxies_alone() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    assert_eq!(address_of_a_login(&passport, &FORWARDED[..12]).await, "127.0.0.1");

    let change = |config: &mut sso_server::config::Config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".to_owned(), "10.0.0.0/8".to_owned()];
    };
    let passport = Passport::with(Database::Sqlite, change).await;
    passport.add_user("member").await;
    let forwarded = "x-forwarded-for";
    for (headers, address) in [
        (vec![(forwarded, "198.51.100.7")], "198.51.100.7"),
        (vec![(forwarded, "6.6.6.6, 198.51.100.7")], "198.51.100.7"),
        (vec![(forwarded, "6.6.6.6"), (forwarded, "198.51.100.7")], "198.51.100.7"),
        (vec![(forwarded, "198.51.100.7, 10.1.2.3")], "198.51.100.7"),
        (vec![(forwarded, "2001:db8::7")], "2001:db8::7"),
        // What is no address ends the walk at the last that is one; nothing is looked up.
        (vec![(forwarded, "localhost")], "127.0.0.1"),
        (vec![(forwarded, "198.51.100.7:99")], "127.0.0.1"),
        (vec![(forwarded, "fe80::1%lo")], "127.0.0.1"),
        (vec![(forwarded, "_hidden, 10.1.2.3")], "10.1.2.3"),
        (vec![(forwarded, "")], "127.0.0.1"),
        // Others are not this header.
        (vec![("x_forwarded_for", "6.6.6.6")], "127.0.0.1"),
        (vec![("x-forwarded-for_", "6.6.6.6")], "127.0.0.1"),
        (vec![("forwarded", "for=6.6.6.6")], "127.0.0.1"),
        (vec![("x-real-ip", "6.6.6.6")], "127.0.0.1"),
        (vec![("x_forwarded_for", "6.6.6.6"), (forwarded, "198.51.100.7")], "198.51.100.7"),
    ] {
        assert_eq!(address_of_a_login(&passport, &headers).await, address, "{headers:?}");
    }
}

#[actix_web::test]
async fn static_files_have_their_type_and_are_kept_by_their_content() {
    let passport = Passport::start().await;
    let mut browser = passport.browser();
    let page = browser.get("/login").await;
    let page = Html::parse_document(&page.body);
    let linked = Selector::parse("link[href], script[src], img[src]").unwrap();
    let mut links: Vec<String> = page
        .select(&linked)
        .filter_map(|one| one.value().attr("href").or(one.value().attr("src")))
        .map(str::to_owned)
        .collect();
    assert!(links.len() >= 3, "{links:?}");
    links.sort();
    links.dedup();
    for link in &links {
        let (path, version) = link.split_once("?v=").unwrap();
        let kind = match path.rsplit_once('.').unwrap().1 {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{other}"),
        };
        let file = browser.get(link).await;
        assert_eq!((file.status.as_u16(), file.header("content-type")), (200, kind), "{link}");
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable", "{link}");
        assert!(browser.set_cookies.is_empty(), "{link}");
        let tag = file.header("etag").to_owned();
        assert_eq!(tag, format!("W/\"{version}\""), "{link}");

        // Under an address that may one day mean another content, it is asked about again.
        for other in
            [path.to_owned(), format!("{path}?v=0"), format!("{link}&x"), format!("{path}?")]
        {
            let same = browser.get(&other).await;
            assert_eq!((same.header("cache-control"), same.header("etag")), ("no-cache", &*tag));
            assert_eq!(same.body, file.body, "{other}");
        }
        for known in [tag.clone(), format!("\"x\", {tag}"), tag[2..].to_owned(), "*".to_owned()] {
            let answer = browser.get_with(path, &[("if-none-match", &known)]).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (304, ""), "{known}");
            assert_eq!(answer.header("etag"), tag);
        }
        for unknown in ["\"x\"", "x", "", "W/\"\""] {
            let answer = browser.get_with(path, &[("if-none-match", unknown)]).await;
            assert_eq!(
                (answer.status.as_u16(), answer.body == file.body),
                (200, true),
                "{unknown}"
            );
        }
    }
    let style = links.iter().find(|link| link.contains(".css")).unwrap();
    let small = browser.get_with(style, &[("accept-encoding", "gzip")]).await;
    assert_eq!(small.header("content-encoding"), "gzip");
    assert!(small.header("vary").to_lowercase().contains("accept-encoding"));
    for nothing in ["passport", "passport.css.bak", ".css", "login.html", "Passport.css"] {
        assert_eq!(browser.get(&format!("/static/{nothing}")).await.status, 404, "{nothing}");
    }
}

// SECURITY-CASES X-11, H-01: a language is chosen among three, and kept in one cookie.
#[actix_web::test]
async fn languages_are_chosen_and_nothing_else_comes_of_it() {
    let passport = Passport::start().await;
    let lang = |answer: &Answer| {
        let page = Html::parse_document(&answer.body);
        let root = page.root_element();
        root.value().attr("lang").unwrap().to_owned()
    };
    for (header, expected) in [
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("fr, zh-CN;q=0.5", "zh"),
        ("../../etc/passwd", "en"),
        ("en;q=0, zh;q=nan", "en"),
        ("*", "en"),
        ("", "en"),
    ] {
        let mut browser = passport.browser();
        let answer = browser.get_with("/login", &[("accept-language", header)]).await;
        assert_eq!(lang(&answer), expected, "{header}");
        assert!(!browser.cookies.contains_key("__Host-passport-lang"), "it was not chosen");
    }
    let mut browser = passport.browser();
    assert_eq!(lang(&browser.get("/login?ui_locales=zh-TW").await), "zh");
    assert_eq!(browser.cookies["__Host-passport-lang"], "zh");
    assert_eq!(lang(&browser.get("/login").await), "zh", "remembered");
    for odd in ["xx", "../../etc/passwd", "", "zh%0d%0aX:1"] {
        let mut browser = passport.browser();
        browser.get(&format!("/login?ui_locales={odd}")).await;
        let kept = browser.cookies.get("__Host-passport-lang").map(String::as_str);
        assert!(matches!(kept, None | Some("zh")), "{odd}: {kept:?}");
    }
}
