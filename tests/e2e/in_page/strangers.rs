//! A hostile page on a fourth domain gets nothing, signed in or not, and cannot tell which.

use std::ops::Deref;

use harness::{firefox::Mode, page::Page, site::Site};
use serde_json::{Value, json};

use crate::scene::{Cookies, Scene, until};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Everything that a page can try without its visitor's help, by name. Each answers what it learned.
fn attempts(passport: &str, bw: &str) -> Vec<(&'static str, String)> {
    let check = format!("{passport}/check?app=bw&state=s&challenge={CHALLENGE}");
    let fetched = |url: &str, more: &str| {
        format!(
            "fetch('{url}', {{ {more} }}).then((a) => a.text().then((t) => [a.type, a.status, t]))"
        )
    };
    let script = |more: &str, url: &str| {
        format!(
            "new Promise((done) => {{
                 let said = 'nothing'; window.told = (x) => {{ said = x; }};
                 delete window.taken;
                 const script = Object.assign(document.createElement('script'), {more});
                 script.onload = () => done(['load', said, window.taken ?? 'none']);
                 script.onerror = () => done(['error', said, window.taken ?? 'none']);
                 script.src = '{url}'; document.head.append(script);
             }})"
        )
    };
    let frame = |url: &str, message: &str| {
        format!(
            "new Promise((done) => {{
                 const frame = document.createElement('iframe');
                 const heard = [];
                 addEventListener('message', (m) => heard.push(m.data));
                 frame.allow = 'storage-access; identity-credentials-get';
                 frame.onload = () => {{
                     {message}
                     setTimeout(() => {{
                         let inside = 'none';
                         try {{ inside = frame.contentDocument?.title ?? 'none'; }} catch {{}}
                         done([heard, inside, frame.contentWindow.length]);
                     }}, 400);
                 }};
                 frame.src = '{url}'; document.body.append(frame);
             }})"
        )
    };
    let ask = format!(
        "frame.contentWindow.postMessage({{ passport: 'ask', state: 's', challenge: '{CHALLENGE}' }}, '*');"
    );
    let body =
        json!({ "app": "bw", "origin": bw, "state": "s", "challenge": CHALLENGE }).to_string();
    vec![
        ("fetch", fetched(&check, "credentials: 'include'")),
        ("fetch no-cors", fetched(&check, "credentials: 'include', mode: 'no-cors'")),
        ("script", script("{ crossOrigin: 'use-credentials' }", &format!("{check}&callback=told"))),
        ("bare script", script("{}", &format!("{check}&callback=told"))),
        (
            "variable",
            script("{ crossOrigin: 'use-credentials' }", &format!("{check}&variable=taken")),
        ),
        ("frame", frame(&format!("{passport}/frame?app=bw"), &ask)),
        ("frame of bw", frame(&format!("{bw}/"), &ask)),
        ("frame of the login", frame(&format!("{passport}/login"), "")),
        (
            "the frame's own route",
            fetched(
                &format!("{passport}/frame/ticket"),
                &format!("method: 'POST', mode: 'no-cors', credentials: 'include', body: '{body}'"),
            ),
        ),
        (
            "the same with JSON",
            fetched(
                &format!("{passport}/frame/ticket"),
                &format!(
                    "method: 'POST', credentials: 'include', headers: {{ 'Content-Type': 'application/json' }}, body: '{body}'"
                ),
            ),
        ),
        ("bw's session", fetched(&format!("{bw}/sso/session"), "credentials: 'include'")),
        (
            "bw's begin",
            fetched(
                &format!("{bw}/sso/begin"),
                "method: 'POST', credentials: 'include', headers: { 'Content-Type': 'application/json' }, body: '{}'",
            ),
        ),
        (
            "the module",
            format!(
                "import('{passport}/sso.mjs?app=bw').then((m) => m.check())
            .then((said) => [said.status, said.via])"
            ),
        ),
    ]
}

async fn learned(
    scene: &Scene<impl Deref<Target = Page>>,
    evil: &str,
) -> Vec<(&'static str, Value)> {
    let mut all = Vec::new();
    for (name, script) in attempts(&scene.family.passport.url, &scene.family.bw) {
        scene.browser.open(evil).await;
        all.push((name, scene.run(&script).await));
    }
    // By a window of Passport's that a click opens.
    scene.browser.open(evil).await;
    let url = format!("{}/login?app=bw", scene.family.passport.url);
    scene
        .browser
        .ask(&format!(
            "void (document.querySelector('button').onclick = () => {{
                 window.heard = []; addEventListener('message', (m) => heard.push(m.data));
                 window.other = open('{url}', 'passport', 'popup');
             }})"
        ))
        .await;
    let page = scene.browser.driver.window().await.unwrap();
    scene.browser.find("button").await.click().await.unwrap();
    until("a window", async || scene.browser.driver.windows().await.unwrap().len() == 2).await;
    let windows = scene.browser.driver.windows().await.unwrap();
    let other = windows.into_iter().find(|window| *window != page).unwrap();
    // Until it is there, it is a page of the one that opened it.
    scene.browser.driver.switch_to_window(other).await.unwrap();
    until("Passport's page in it", async || {
        scene.browser.ask("location.origin").await == scene.family.passport.url.as_str()
    })
    .await;
    scene.browser.settled().await;
    scene.browser.driver.switch_to_window(page.clone()).await.unwrap();
    let look = "new Promise((done) => setTimeout(() => {
        let title = 'none', frames = -1;
        try { title = other.document.title; } catch {}
        try { frames = other.length; } catch {}
        done([title, frames, heard]);
    }, 800))";
    all.push(("window", scene.run(look).await));
    for window in scene.browser.driver.windows().await.unwrap() {
        if window != page {
            scene.browser.driver.switch_to_window(window).await.unwrap();
            scene.browser.driver.close_window().await.unwrap();
        }
    }
    scene.browser.driver.switch_to_window(page).await.unwrap();
    all
}

// SECURITY-CASES J-05, J-06, J-07, X-07.
#[actix_web::test]
async fn a_hostile_page_learns_nothing_and_not_even_whether_somebody_is_there() {
    for cookies in [Cookies::Allowed, Cookies::Blocked, Cookies::Incognito] {
        learns_nothing(&format!("{cookies:?}"), Scene::start(cookies).await).await;
    }
}

#[actix_web::test]
async fn nor_does_it_in_firefox() {
    for mode in [Mode::Default, Mode::Private, Mode::Open] {
        learns_nothing(&format!("Firefox, {mode:?}"), Scene::in_firefox(mode).await).await;
    }
}

async fn learns_nothing(browser: &str, scene: Scene<impl Deref<Target = Page>>) {
    let evil = Site::open().called("evil");
    let nobody = learned(&scene, &evil).await;
    scene.sign_in().await;
    let at_passport = learned(&scene, &evil).await;
    scene.browser.open(&format!("{}/sso/login?next=/", scene.family.bw)).await;
    until("in at bw, too", async || scene.browser.text().await.contains("Hello, goal")).await;
    let at_bw = learned(&scene, &evil).await;
    for ((one, two), three) in nobody.iter().zip(&at_passport).zip(&at_bw) {
        println!("{browser} {}: {}", one.0, one.1);
        assert_eq!(one, two, "{browser}: signed in at Passport or not");
        assert_eq!(one, three, "{browser}: signed in at bw or not");
        let text = one.1.to_string();
        assert!(!text.contains("signed_in") && !text.contains("ticket"), "{text}");
    }
    scene.browser.driver.clone().quit().await.unwrap();
}

// The classic shape: a page that includes a script and reads a global variable in the next line.
#[actix_web::test]
async fn a_page_of_the_app_reads_its_ticket_from_a_variable() {
    let scene = Scene::start(Cookies::Allowed).await;
    scene.sign_in().await;
    scene.at_bw("/site.css").await;
    let url = format!(
        "{}/check?app=bw&state=s&challenge={CHALLENGE}&variable=passportAnswer",
        scene.family.passport.url
    );
    let said = scene
        .run(&format!(
            "new Promise((done) => {{
                 const script = document.createElement('script');
                 script.crossOrigin = 'use-credentials';
                 script.onload = () => done(window.passportAnswer);
                 script.onerror = () => done('nothing');
                 script.src = '{url}'; document.documentElement.append(script);
             }})"
        ))
        .await;
    assert_eq!((&said["status"], &said["state"]), (&json!("signed_in"), &json!("s")), "{said}");
    scene.browser.quit().await;
}
