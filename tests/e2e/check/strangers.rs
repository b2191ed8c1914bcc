//! Who may not ask gets nothing, and the same nothing whoever sits before it.

use harness::{Answer, Browser, Database};
use reqwest::Method;
use sso_server::flows::apps::{self, ChangeApp};

use crate::scene::{Header, Scene, ask, status};

const FETCHED: [Header<'_>; 3] =
    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
const BY_SCRIPT: [Header<'_>; 3] =
    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")];

/// What a page could see of an answer, and a cache of its server.
fn seen(answer: &Answer) -> (u16, String, Vec<String>) {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    (answer.status.as_u16(), answer.body.clone(), headers)
}

async fn assert_nothing(scene: &Scene, path: &str, headers: &[Header<'_>]) -> Answer {
    let inside = ask(&scene.browser, path, headers).await;
    let outside = ask(&scene.stranger, path, headers).await;
    assert_eq!(seen(&inside), seen(&outside), "{path} {headers:?}");
    assert_eq!(inside.status, 403, "{path} {headers:?}: {}", inside.body);
    for name in ["access-control-allow-origin", "activate-storage-access", "set-cookie"] {
        assert_eq!(inside.header(name), "", "{path} {headers:?}: {name}");
    }
    assert_eq!(inside.header("cross-origin-resource-policy"), "same-origin");
    assert!(!inside.body.contains("status"), "{}", inside.body);
    inside
}

fn with<'a>(fetch: &[Header<'a>], more: &[Header<'a>]) -> Vec<Header<'a>> {
    fetch.iter().chain(more).copied().collect()
}

// SECURITY-CASES J-05, J-06, J-07, J-14: only the exact origin of the app, by fetch or script.
#[actix_web::test]
async fn only_a_page_of_the_app_itself_may_ask() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let own = ("origin", origin.as_str());
    let (json, script) = (scene.aw.check_path(&[]), scene.aw.check_path(&[("callback", "cb")]));
    let upper = origin.to_uppercase();
    let (slash, port) = (format!("{origin}/"), format!("{origin}:8443"));
    let below = origin.replace("aw.", "x.aw.");
    let https = origin.replace("http:", "https:");
    let (twice, bw) = (format!("{origin}, {origin}"), scene.bw.origin());
    let page = format!("{origin}/page");
    for path in [&json, &script] {
        for fetch in [&FETCHED[..], &[]] {
            for other in [
                "null",
                "",
                "*",
                "http://evil.localhost",
                "http://aw.localhost.evil.example",
                "http://evilaw.localhost",
                &bw,
                &scene.passport.url,
                &upper,
                &slash,
                &port,
                &below,
                &https,
                &twice,
            ] {
                assert_nothing(&scene, path, &with(fetch, &[("origin", other)])).await;
                // A referrer of the app's does not help.
                let both = [("origin", other), ("referer", page.as_str())];
                assert_nothing(&scene, path, &with(fetch, &both)).await;
            }
            assert_nothing(&scene, path, fetch).await;
            assert_nothing(&scene, path, &with(fetch, &[("referer", &page)])).await;
            assert_nothing(&scene, path, &with(fetch, &[own, own])).await;
            let evil = [own, ("referer", "http://evil.localhost/")];
            assert_nothing(&scene, path, &with(fetch, &evil)).await;
            let good = with(fetch, &[own, ("referer", &page)]);
            assert_eq!(status(&ask(&scene.browser, path, &good).await), "signed_in", "control");
        }
    }
}

// SECURITY-CASES J-06: by a script, not as a picture, frame or page; nor by half of what browsers say.
#[actix_web::test]
async fn only_a_script_may_ask() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let own = ("origin", origin.as_str());
    let (json, script) = (scene.aw.check_path(&[]), scene.aw.check_path(&[("callback", "cb")]));
    let names = ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"];
    for (site, mode, dest, json_may, script_may) in [
        ("cross-site", "cors", "empty", true, true),
        ("same-site", "cors", "empty", true, true),
        ("cross-site", "cors", "script", true, true),
        // With an origin: a script that the browser asks for once more, with cookies.
        ("cross-site", "no-cors", "script", false, true),
        ("cross-site", "no-cors", "empty", false, true),
        ("none", "cors", "empty", false, false),
        ("same-origin", "cors", "empty", false, false),
        ("cross-site", "navigate", "document", false, false),
        ("cross-site", "navigate", "iframe", false, false),
        ("cross-site", "no-cors", "image", false, false),
        ("cross-site", "no-cors", "style", false, false),
        ("cross-site", "cors", "object", false, false),
        ("cross-site", "websocket", "empty", false, false),
        ("", "", "", false, false),
    ] {
        let headers = [own, (names[0], site), (names[1], mode), (names[2], dest)];
        for (path, may) in [(&json, json_may), (&script, script_may)] {
            match may {
                true => assert_eq!(status(&ask(&scene.browser, path, &headers).await), "signed_in"),
                false => drop(assert_nothing(&scene, path, &headers).await),
            }
        }
    }
    for path in [&json, &script] {
        for left_out in names {
            let mut headers = with(&FETCHED, &[own]);
            headers.retain(|(name, _)| *name != left_out);
            assert_nothing(&scene, path, &headers).await;
        }
        for again in FETCHED {
            assert_nothing(&scene, path, &with(&FETCHED, &[own, again])).await;
        }
        let storage = ("sec-fetch-storage-access", "active");
        assert_nothing(&scene, path, &with(&FETCHED, &[own, storage, storage])).await;
    }
}

// SECURITY-CASES J-06: a bare script is known by its referrer where the app has asked for that.
#[actix_web::test]
async fn a_referer_counts_only_for_apps_with_old_browsers() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let (json, script) = (scene.aw.check_path(&[]), scene.aw.check_path(&[("callback", "cb")]));
    let page = format!("{origin}/a/page?x=1");
    let good = [("referer", page.as_str())];
    for fetch in [&BY_SCRIPT[..], &[]] {
        assert_nothing(&scene, &script, &with(fetch, &good)).await;
    }
    scene.change(ChangeApp { old_browsers: Some(true), ..ChangeApp::default() }).await;
    for fetch in [&BY_SCRIPT[..], &[]] {
        for referer in [&*page, &origin, &format!("{origin}/")] {
            let answer = ask(&scene.browser, &script, &with(fetch, &[("referer", referer)])).await;
            assert_eq!(status(&answer), "signed_in", "{referer}");
            assert_eq!(answer.header("access-control-allow-origin"), "", "nobody named an origin");
        }
        for referer in [
            "http://evil.localhost/",
            "http://aw.localhost.evil.example/",
            "http://aw.localhost@evil.example/",
            "http://aw.localhost:8443/",
            "https://aw.localhost/",
            "http://x.aw.localhost/",
            "http://evil.example/?http://aw.localhost/",
            "aw.localhost",
            "null",
            "",
        ] {
            assert_nothing(&scene, &script, &with(fetch, &[("referer", referer)])).await;
        }
        assert_nothing(&scene, &script, fetch).await;
        assert_nothing(&scene, &script, &with(fetch, &[good[0], good[0]])).await;
        assert_nothing(&scene, &json, &with(fetch, &good)).await;
    }
    // Whoever claims CORS has an origin.
    assert_nothing(&scene, &script, &with(&FETCHED, &good)).await;
    scene.change(ChangeApp { old_browsers: Some(false), ..ChangeApp::default() }).await;
    assert_nothing(&scene, &script, &with(&BY_SCRIPT, &good)).await;
}

// SECURITY-CASES J-05, INV-05: an app that is not there, or shut off, looks like any page that may not.
#[actix_web::test]
async fn an_app_that_is_not_there_looks_like_a_page_that_may_not_ask() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let own = with(&FETCHED, &[("origin", origin.as_str())]);
    let path = scene.aw.check_path(&[]);
    let evil = with(&FETCHED, &[("origin", "http://evil.localhost")]);
    let expected = seen(&assert_nothing(&scene, &path, &evil).await);
    for id in ["zz", "AW", "", "a%2Fw"] {
        let path = path.replace("app=aw", &format!("app={id}"));
        assert_eq!(seen(&assert_nothing(&scene, &path, &own).await), expected, "{id}");
    }
    assert_eq!(status(&ask(&scene.browser, &path, &own).await), "signed_in", "control");
    apps::disable(&scene.passport.app, "aw").await.unwrap();
    assert_eq!(seen(&assert_nothing(&scene, &path, &own).await), expected);
}

// SECURITY-CASES J-14: both switches, on every node with the commit.
#[actix_web::test]
async fn callbacks_are_for_apps_that_allow_them_and_can_be_forbidden_to_all() {
    harness::on_both(async |database| {
        let scene = Scene::on(database).await;
        let other = scene.passport.second_node().await;
        let (there, elsewhere) = (scene.aw.at(&other), scene.browser.clone().at(&other));
        assert_eq!(scene.bw.check_by_script(&scene.browser, "cb").await.status, 403);
        assert_eq!(status(&scene.bw.check(&scene.browser).await), "signed_in", "by fetch");
        let both = async |expected: u16| {
            let here = scene.aw.check_by_script(&scene.browser, "cb").await;
            let far = there.check_by_script(&elsewhere, "cb").await;
            assert_eq!((here.status.as_u16(), far.status.as_u16()), (expected, expected));
        };
        both(200).await;
        let changed = apps::forbid_jsonp(&scene.passport.app).await.unwrap();
        assert_eq!(changed.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["aw"]);
        both(403).await;
        assert_eq!(status(&there.check(&elsewhere).await), "signed_in", "fetch goes on");
        let line = scene.passport.audited("app.changed").await;
        assert!(line.detail.contains("jsonp"), "{}", line.detail);
        scene.change(ChangeApp { jsonp: Some(true), ..ChangeApp::default() }).await;
        both(200).await;
    })
    .await;
}

// SECURITY-CASES J-11: for whoever has not opened the page there is nothing yet.
#[actix_web::test]
async fn what_is_fetched_ahead_is_empty() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let own = with(&FETCHED, &[("origin", origin.as_str())]);
    for path in [scene.aw.check_path(&[]), scene.aw.check_path(&[("callback", "cb")])] {
        for ahead in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
        ] {
            let headers = with(&own, &[ahead]);
            let answer = ask(&scene.browser, &path, &headers).await;
            assert_eq!(seen(&answer), seen(&ask(&scene.stranger, &path, &headers).await));
            assert_eq!((answer.status.as_u16(), &*answer.body), (204, ""), "{ahead:?}");
            assert_eq!(answer.header("cache-control"), "no-store, private");
        }
        assert_eq!(status(&ask(&scene.browser, &path, &own).await), "signed_in", "control");
    }
}

// SECURITY-CASES J-13: per app and network, told to the page that it concerns.
#[actix_web::test]
async fn too_many_questions_are_answered_by_429_until_the_minute_is_over() {
    let limit = 3;
    let scene = Scene::with(Database::Sqlite, |config| {
        config.throttle.page_checks_per_minute = limit;
    })
    .await;
    for _ in 0..10 {
        let evil = with(&FETCHED, &[("origin", "http://evil.localhost")]);
        assert_nothing(&scene, &scene.aw.check_path(&[]), &evil).await;
    }
    for _ in 0..limit {
        assert_eq!(
            status(&scene.aw.check(&scene.browser).await),
            "signed_in",
            "strangers do not count"
        );
    }
    for browser in [&scene.browser, &scene.stranger] {
        let answer = scene.aw.check(browser).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "61"));
        assert_eq!(answer.header("access-control-allow-origin"), scene.aw.origin());
    }
    assert_eq!(status(&scene.bw.check(&scene.browser).await), "signed_in", "of another app");
    scene.passport.advance(harness::MINUTE);
    assert_eq!(status(&scene.aw.check(&scene.browser).await), "signed_in", "the next minute");
}

// SECURITY-CASES J-14: no preflight is answered, so nothing but a plain GET can be asked.
#[actix_web::test]
async fn no_preflight_is_answered() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let mut browser: Browser = scene.browser.on_another_site();
    for (method, more) in [
        (Method::OPTIONS, ("access-control-request-method", "GET")),
        (Method::POST, ("sec-fetch-mode", "cors")),
        (Method::HEAD, ("sec-fetch-mode", "cors")),
    ] {
        let headers = [("origin", origin.as_str()), more];
        let answer =
            browser.request(method.clone(), &scene.aw.check_path(&[]), None, &headers).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{method}");
        assert!(!answer.body.contains("ticket\""), "{method}: {}", answer.body);
    }
}
