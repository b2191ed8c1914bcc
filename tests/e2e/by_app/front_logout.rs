//! The browser tells the apps of a logout: in frames, or page after page. As best effort: what the log
//! of events brings is the same with and without.

use std::{net::TcpListener, sync::Arc};

use actix_web::cookie::Key;
use client_sdk::{
    Settings,
    front_logout::{Key as Shared, Notice},
};
use demo_apps::{
    run,
    site::{AW, BW, Site},
};
use harness::{
    Answer, Browser, Database, MINUTE, PASSWORD, Passport, TestApp,
    chromium::{Chromium, Look},
    on_both,
};
use scraper::{Html, Selector};
use sso_server::{clock::Clock, config::Config, flows::apps};

const URL: &str = "http://aw.localhost/sso/front-logout";

/// The addresses that a page frames.
fn frames(page: &Answer) -> Vec<String> {
    let page = Html::parse_document(&page.body);
    let frame = Selector::parse("iframe").unwrap();
    page.select(&frame).map(|frame| frame.value().attr("src").unwrap().to_owned()).collect()
}

/// Signs out by the page; answers where that leads.
async fn sign_out(browser: &mut Browser) -> String {
    let form = browser.get("/logout").await.form("/logout");
    browser.submit(&form).await.location().to_owned()
}

// Only apps that lost a session by it and want to be told; signed for each, and for a minute.
#[actix_web::test]
async fn the_page_frames_exactly_those_who_are_concerned() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app_with("aw", |app| app.front_logout_url = Some(URL)).await;
        let silent = passport.add_app("silent").await;
        let strange = "http://strange.localhost/out";
        passport.add_app_with("strange", |app| app.front_logout_url = Some(strange)).await;
        let mut browser = passport.signed_in("member").await;
        let session = aw.enter(&mut browser).await.session;
        silent.enter(&mut browser).await;
        let to = sign_out(&mut browser).await;
        let page = browser.get(&to).await;
        let shown = frames(&page);
        assert_eq!(shown.len(), 1, "{shown:?}");
        let query = shown[0].strip_prefix(&format!("{URL}?")).unwrap();
        let now = passport.app.clock.now() / 1_000;
        let told = Notice::open(query, "aw", &Shared::of_secret(&aw.secret), now).unwrap();
        assert_eq!((told.notice.session, told.notice.expires - now), (session, 60));
        let policy = page.header("content-security-policy");
        assert!(policy.ends_with("; frame-src http://aw.localhost"), "{policy}");
        assert!(page.body.contains("sandbox=\"allow-same-origin\" aria-hidden=\"true\""));

        // While its secret is being rotated, either is good.
        let new = apps::rotate_secret(&passport.app, "aw", MINUTE).await.unwrap();
        let page = browser.get(&to).await;
        let query = frames(&page)[0].split_once('?').unwrap().1.to_owned();
        for secret in [&*aw.secret, new.expose()] {
            assert!(Notice::open(&query, "aw", &Shared::of_secret(secret), now).is_ok());
        }
        // Nothing of it for others, by a changed address, or later.
        let mut other = passport.signed_in("member").await;
        aw_enters_again(&aw, new.expose(), &mut other).await;
        let others = sign_out(&mut other).await;
        let part = |url: &str, name: &str| {
            let query = url.split_once('?').unwrap().1;
            let found = url::form_urlencoded::parse(query.as_bytes()).find(|(one, _)| one == name);
            found.unwrap().1.into_owned()
        };
        let (logout, front) = (part(&to, "logout"), part(&to, "front"));
        let forged = front.replace(|c: char| c.is_ascii_digit(), "1");
        for address in [
            format!("/logout?logout={logout}"),
            format!("/logout?front={front}"),
            format!("/logout?logout={logout}&front={forged}"),
            format!("/logout?logout={}&front={front}.x", part(&others, "logout")),
            "/logout".to_owned(),
        ] {
            let page = browser.get(&address).await;
            assert!(frames(&page).is_empty(), "{address}");
            assert!(!page.header("content-security-policy").contains("frame-src"), "{address}");
        }
        assert_eq!(frames(&browser.get(&to).await).len(), 1, "control");
        passport.advance(MINUTE);
        assert!(frames(&browser.get(&to).await).is_empty());
        // Off by default: nobody is led anywhere.
        let chain = browser.get("/logout/bounce?chain=YXQ9MA").await;
        assert!(chain.location().starts_with("/logout?"), "{}", chain.location());
    })
    .await;
}

async fn aw_enters_again(aw: &TestApp, secret: &str, browser: &mut Browser) {
    let mut aw = aw.clone();
    secret.clone_into(&mut aw.secret);
    aw.enter(browser).await;
}

/// Passport and the two sites of the demo, which want to be told.
struct Family {
    passport: Passport,
    aw: String,
    bw: String,
    at_aw: client_sdk::actix::Passport,
    aw_secret: String,
    aw_address: std::net::SocketAddr,
}

impl Family {
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let database = Database::Sqlite.create(folder.path()).await;
        let passport =
            Passport::over(Database::Sqlite, &database, folder, Clock::System, change).await;
        passport.add_user("member").await;
        let [at_aw, at_bw] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let url = |id, listener: &TcpListener| {
            format!("http://{id}.localhost:{}", listener.local_addr().unwrap().port())
        };
        let (aw, bw) = (url("aw", &at_aw), url("bw", &at_bw));
        let aw_address = at_aw.local_addr().unwrap();
        let (at_aw, aw_secret) = open(&passport, AW, at_aw, &aw, &bw).await;
        open(&passport, BW, at_bw, &bw, &aw).await;
        Self { passport, aw, bw, at_aw, aw_secret, aw_address }
    }

    /// Signs in at both.
    async fn sign_in(&self, browser: &Chromium) {
        browser.open(&format!("{}/sso/login", self.aw)).await;
        browser.find("#username").await.send_keys("member").await.unwrap();
        browser.find("#password").await.send_keys(PASSWORD).await.unwrap();
        browser.find("form button").await.click().await.unwrap();
        browser.find("form[action='/sso/logout']").await;
        browser.open(&format!("{}/sso/login", self.bw)).await;
        browser.find("form[action='/sso/logout']").await;
        assert_eq!(cookies(browser).await, ["__Host-aw", "__Host-bw"]);
    }

    /// Signs out at Passport.
    async fn sign_out(&self, browser: &Chromium) {
        browser.open(&format!("{}/logout", self.passport.url)).await;
        browser.find("form[action='/logout'] button").await.click().await.unwrap();
        browser.reads("h1", "You are signed out").await;
    }
}

async fn open(
    passport: &Passport,
    site: Site,
    listener: TcpListener,
    url: &str,
    sibling: &str,
) -> (client_sdk::actix::Passport, String) {
    let return_urls = [format!("{url}/sso/callback")];
    let front = format!("{url}/sso/front-logout");
    let registered = passport
        .add_app_with(site.id, |app| {
            app.name = site.name;
            app.return_urls = &return_urls;
        })
        .await;
    let change =
        apps::ChangeApp { front_logout_url: Some(Some(&front)), ..apps::ChangeApp::default() };
    apps::update(&passport.app, site.id, change).await.unwrap();
    let settings = Settings::new(&passport.url, site.id, &registered.secret, url).unwrap();
    // A site's own words are constants; here it says where its sibling is this time.
    let sibling: &'static str = sibling.to_owned().leak();
    let site = Site { sibling: (site.sibling.0, sibling), ..site };
    let (server, at) = run::serve(site, settings, listener, Key::generate()).unwrap();
    actix_web::rt::spawn(server);
    (at, registered.secret)
}

/// The names of the sites' own cookies in the browser, sorted.
async fn cookies(browser: &Chromium) -> Vec<String> {
    let all = browser.devtools("Storage.getCookies", serde_json::json!({})).await;
    let mut names: Vec<String> = all["cookies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cookie| cookie["name"].as_str().unwrap().to_owned())
        .filter(|name| matches!(&**name, "__Host-aw" | "__Host-bw"))
        .collect();
    names.sort();
    names
}

async fn until_cookies_are(browser: &Chromium, wanted: &[&str]) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while cookies(browser).await != wanted {
        assert!(std::time::Instant::now() < deadline, "{:?}", cookies(browser).await);
        tokio::task::yield_now().await;
    }
}

// SECURITY-CASES B-12. The route of the SDK: what is forged, another app's or old does nothing; what is genuine ends the
// session here though the log says nothing yet, and clears cookies only where they are this session's.
#[actix_web::test]
async fn an_app_believes_passport_and_clears_what_is_passports_to_clear() {
    let family = Family::with(|_| {}).await;
    let browser = Chromium::with_third_party_cookies(Look::default(), true).await;
    family.sign_in(&browser).await;
    let session = family.passport.text("SELECT id FROM sessions").await;
    let key = Shared::of_secret(&family.aw_secret);
    let notice = |app: &str, session: &str| Notice {
        app: app.to_owned(),
        session: session.to_owned(),
        expires: family.passport.app.clock.now() / 1_000 + 60,
    };
    let genuine = |session: &str| notice("aw", session).query(std::slice::from_ref(&key), None);
    let path = |query: &str| format!("/sso/front-logout?{query}");
    let mut plain = Browser::new(family.aw_address, &family.aw);

    // Forged: nothing happens, and nobody is led anywhere.
    let other = Shared::of_secret("x");
    for query in [
        String::new(),
        notice("aw", &session).query(std::slice::from_ref(&other), Some("x")),
        notice("bw", &session).query(std::slice::from_ref(&key), Some("x")),
    ] {
        let answer = plain.get_with(&path(&query), &[("referer", &family.passport.url)]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (400, ""), "{query}");
        assert_eq!(answer.header("clear-site-data"), "", "{query}");
    }
    browser.open(&format!("{}/", family.aw)).await;
    browser.find("form[action='/sso/logout']").await;

    // Genuine, of a session that is not this browser's: the browser stays as it is.
    let strangers = genuine("session-of-somebody-else");
    browser.open(&format!("{}{}", family.aw, path(&strangers))).await;
    assert_eq!(cookies(&browser).await, ["__Host-aw", "__Host-bw"]);
    browser.open(&format!("{}/", family.aw)).await;
    browser.find("form[action='/sso/logout']").await;
    // Without the app's cookie it is Passport's page around it that counts.
    let evil = format!("{}.evil.example/", family.passport.url);
    for (referer, clears) in
        [(None, false), (Some(&*evil), false), (Some(&*format!("{}/", family.passport.url)), true)]
    {
        let headers: Vec<_> = referer.iter().map(|referer| ("referer", *referer)).collect();
        let answer = plain.get_with(&path(&strangers), &headers).await;
        assert_eq!(answer.status, 200);
        let said = answer.header("clear-site-data");
        assert_eq!(said, if clears { "\"cookies\"" } else { "" }, "{referer:?}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors"));
    }
    // Its own: over here at once, though Passport has written no end.
    browser.open(&format!("{}{}", family.aw, path(&genuine(&session)))).await;
    assert_eq!(cookies(&browser).await, ["__Host-bw"]);
    let ended = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL";
    assert_eq!(family.passport.count(ended).await, 0);
    assert!(family.at_aw.is_current());
    browser.quit().await;
}

#[actix_web::test]
async fn in_frames_where_the_browser_lets_them() {
    let family = Family::with(|_| {}).await;
    let browser = Chromium::with_third_party_cookies(Look::default(), true).await;
    family.sign_in(&browser).await;
    family.sign_out(&browser).await;
    until_cookies_are(&browser, &[]).await;
    // Two seconds, and they are gone; what is proven is proven beside.
    let count = "document.querySelectorAll('iframe').length";
    while browser.ask(count).await != 0 {
        tokio::task::yield_now().await;
    }
    let confirmed = "document.querySelectorAll('#progress .confirmed').length";
    while browser.ask(confirmed).await != 2 {
        tokio::task::yield_now().await;
    }
    let said = browser.console().await;
    assert!(said.iter().all(|line| !line.contains("Content Security")), "{said:?}");
    browser.quit().await;
}

// Blocked, the frames reach no cookie; the logout is the same.
#[actix_web::test]
async fn where_the_browser_blocks_nothing_rests_on_it() {
    let family = Family::with(|_| {}).await;
    let browser = Chromium::with_third_party_cookies(Look::default(), false).await;
    family.sign_in(&browser).await;
    family.sign_out(&browser).await;
    let confirmed = "document.querySelectorAll('#progress .confirmed').length";
    while browser.ask(confirmed).await != 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(cookies(&browser).await, ["__Host-aw", "__Host-bw"], "they name nothing any more");
    browser.open(&format!("{}/", family.aw)).await;
    let out = "document.querySelector(\"form[action='/sso/logout']\") === null";
    assert_eq!(browser.ask(out).await, true);
    browser.quit().await;
}

// Page after page it reaches every cookie, in every browser.
#[actix_web::test]
async fn page_after_page_where_an_operator_wants_it() {
    let family = Family::with(|config| config.logout.bounce = true).await;
    let browser = Chromium::with_third_party_cookies(Look::default(), false).await;
    family.sign_in(&browser).await;
    family.sign_out(&browser).await;
    assert_eq!(cookies(&browser).await, Vec::<String>::new());
    let here = browser.driver.current_url().await.unwrap();
    assert!(here.as_str().starts_with(&format!("{}/logout?", family.passport.url)), "{here}");
    assert_eq!(browser.ask("document.querySelectorAll('iframe').length").await, 0);
    let said = browser.console().await;
    assert!(said.iter().all(|line| !line.contains("Content Security")), "{said:?}");
    browser.quit().await;
}
