//! The twin of the session cookie: what it is like, what it is good for, and for how long.

use harness::{Browser, DAY, HOUR, PASSWORD, on_both, raw};

use crate::scene::{Scene, ask, status};

const SESSION: &str = "__Host-passport";
const TWIN: &str = "__Host-passport-x";

/// The attributes of a cookie that was just set, sorted.
fn attributes(browser: &Browser, name: &str) -> Vec<String> {
    let prefix = format!("{name}=");
    let found: Vec<&String> =
        browser.set_cookies.iter().filter(|one| one.starts_with(&prefix)).collect();
    assert_eq!(found.len(), 1, "one {name} in {:?}", browser.set_cookies);
    let mut all: Vec<String> = found[0].split("; ").skip(1).map(str::to_owned).collect();
    all.sort();
    all
}

// SECURITY-CASES S-01, S-08, S-25: set and removed beside the session, not partitioned.
#[actix_web::test]
async fn it_comes_and_goes_with_the_session() {
    let scene = Scene::start().await;
    let mut browser = scene.passport.browser();
    browser.sign_in("member").await;
    let kept = ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=None", "Secure"];
    assert_eq!(attributes(&browser, TWIN), kept);
    assert_eq!(attributes(&browser, SESSION)[1], "Max-Age=2592000", "control");
    let size: usize = browser.cookies.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(size < 1_000, "{size}");
    assert!(browser.get("/account").await.status == 200 && browser.set_cookies.is_empty());

    browser.sign_out().await;
    let removed: Vec<String> =
        attributes(&browser, TWIN).into_iter().filter(|one| !one.starts_with("Expires=")).collect();
    assert_eq!(removed, ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=None", "Secure"]);
    assert!(!browser.cookies.contains_key(TWIN) && !browser.cookies.contains_key(SESSION));

    let form = browser.login_form("", "member", PASSWORD).await.without("keep");
    browser.submit(&form).await;
    assert_eq!(attributes(&browser, TWIN), ["HttpOnly", "Path=/", "SameSite=None", "Secure"]);
}

// SECURITY-CASES S-01: good for the question of a page and nowhere else.
#[actix_web::test]
async fn it_opens_nothing_but_the_question_of_a_page() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let twin = scene.browser.cookies[TWIN].clone();
        let mut thief = scene.browser.on_another_site();
        assert!(thief.cookies.len() == 1 && !thief.is_signed_in().await);
        assert_eq!(
            scene.aw.send_with(&mut thief, &[("prompt", "none")]).await.sent("ticket"),
            None
        );
        // In the place of the session's own, whole or in parts.
        for value in [&*twin, &twin[..43], &twin[44..], &format!("{}={}", &twin[44..], &twin[..43])]
        {
            let mut thief = scene.passport.browser();
            thief.cookies.insert(SESSION.to_owned(), value.to_owned());
            assert!(!thief.is_signed_in().await, "{value}");
        }
        // And the session's own is not asked for in the twin's place.
        let mut only = scene.browser.clone();
        only.forget_all_cookies_but(&[SESSION]);
        assert!(only.is_signed_in().await, "control");
        only.forget_all_cookies_but(&[SESSION]);
        let (path, origin) = (scene.aw.check_path(&[]), scene.aw.origin());
        let answer = only.get_with(&path, &[("origin", &origin)]).await;
        assert_eq!(status(&answer), "unknown");
        let session = scene.browser.cookies[SESSION].clone();
        let mut wrong = scene.passport.browser();
        wrong.cookies.insert(TWIN.to_owned(), session);
        assert_eq!(status(&scene.aw.check(&wrong).await), "signed_out");
        assert_eq!(status(&scene.aw.check(&scene.browser).await), "signed_in", "control");
        assert!(scene.browser.is_signed_in().await, "control");
    })
    .await;
}

// SECURITY-CASES S-04: whoever reads the table of sessions cannot make one.
#[actix_web::test]
async fn nobody_makes_one_from_the_database() {
    let scene = Scene::start().await;
    let twin = scene.browser.cookies[TWIN].clone();
    let digest = scene.passport.text("SELECT digest FROM sessions").await;
    assert!(twin.starts_with(&digest), "it names the session by what the table has");
    let strangers = Scene::start().await.browser.cookies[TWIN].clone();
    for forged in [
        digest.clone(),
        format!("{digest}."),
        format!("{digest}.{}", &strangers[44..]),
        strangers,
        format!("{}A", &twin[..86]),
        format!("{twin}A"),
    ] {
        let mut thief = scene.passport.browser();
        thief.cookies.insert(TWIN.to_owned(), forged.clone());
        let expected = if forged == twin { "signed_in" } else { "signed_out" };
        assert_eq!(status(&scene.aw.check(&thief).await), expected, "{forged}");
    }
}

// SECURITY-CASES S-02: two of them, or one under a disguised name, are nobody's.
#[actix_web::test]
async fn two_of_them_are_refused() {
    let scene = Scene::start().await;
    let twin = &scene.browser.cookies[TWIN];
    let (path, origin) = (scene.aw.check_path(&[]), scene.aw.origin());
    let host = scene.passport.url.split_once("://").unwrap().1;
    let request = |cookies: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nCookie: {cookies}\r\n\
             Connection: close\r\n\r\n"
        )
    };
    for cookies in [
        format!("{TWIN}={twin}; {TWIN}={twin}"),
        format!("{TWIN}=x; {TWIN}={twin}"),
        format!("__%48ost-passport-x=x; {TWIN}={twin}"),
        format!("{TWIN}={twin}; __Host-passport%2Dx=x"),
    ] {
        let answer = raw::exchange(scene.passport.address, request(&cookies).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{cookies}: {answer}");
    }
    let good =
        raw::exchange(scene.passport.address, request(&format!("{TWIN}={twin}")).as_bytes()).await;
    assert!(good.contains("signed_in"), "control: {good}");
}

// SECURITY-CASES S-05, S-12: a new cookie is a new twin; another person is another one.
#[actix_web::test]
async fn an_old_twin_is_void_after_every_new_login() {
    let mut scene = Scene::start().await;
    scene.passport.add_user("other").await;
    let first = scene.browser.clone();
    let again = scene.browser.login_form("?prompt=login&back=%2Fadmin", "member", PASSWORD).await;
    assert_eq!(scene.browser.submit(&again).await.status, 303);
    let second = scene.browser.clone();
    assert_ne!(first.cookies[TWIN], second.cookies[TWIN]);
    assert_eq!(status(&scene.aw.check(&first).await), "signed_out");
    assert_eq!(status(&scene.aw.check(&second).await), "signed_in", "control");

    let other = scene.browser.login_form("?back=%2Fadmin", "other", PASSWORD).await;
    assert_eq!(scene.browser.submit(&other).await.status, 303);
    assert_eq!(status(&scene.aw.check(&second).await), "signed_out");
    let ticket = crate::scene::ticket(&scene.aw.check(&scene.browser).await);
    let entered = scene.aw.redeem_in_page(&ticket).await;
    assert_eq!(entered.json()["user"]["username"], "other");
}

// A session from before there were twins: its browser must not hear "surely out" for long.
#[actix_web::test]
async fn who_has_none_gets_one_with_the_next_page() {
    let mut scene = Scene::start().await;
    scene.passport.advance(HOUR);
    scene.browser.cookies.remove(TWIN);
    scene.aw.send(&mut scene.browser).await.ticket();
    assert_eq!(
        attributes(&scene.browser, TWIN)[1],
        format!("Max-Age={}", (30 * DAY - HOUR) / 1_000)
    );
    assert_eq!(status(&scene.aw.check(&scene.browser).await), "signed_in");

    // Who is not signed in gets none, whatever they bring.
    let mut stranger = scene.passport.browser();
    stranger.cookies.insert(SESSION.to_owned(), "x".to_owned());
    stranger.get("/login").await;
    assert!(!stranger.cookies.contains_key(TWIN));
    let (path, origin) = (scene.aw.check_path(&[]), scene.aw.origin());
    assert!(
        ask(&scene.browser, &path, &[("origin", &origin)]).await.header("set-cookie").is_empty()
    );
}
