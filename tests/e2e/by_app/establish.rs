//! A browser takes the session that an app's server began for it: once, and while it lives.

use futures_util::future::join_all;
use harness::{Answer, Browser, Database, MINUTE, PASSWORD, Passport, TestApp, on_both};
use sso_server::flows::{restore, users};

pub const SESSION: &str = "__Host-passport";
const TWIN: &str = "__Host-passport-x";
const ARRIVAL: &str = "__Host-passport-new";

pub struct Scene {
    pub passport: Passport,
    pub aw: TestApp,
}

impl Scene {
    pub async fn on(database: Database) -> Self {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        passport.add_user("other").await;
        let aw = passport.add_app_with("aw", |app| app.may_login = true).await;
        Self { passport, aw }
    }

    /// Somebody logs in by aw's form; answers where a browser takes their session.
    pub async fn path(&self, name: &str) -> String {
        let answer = self.aw.log_in(name, PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        TestApp::establish_path(&answer)
    }
}

/// As a browser opens a page.
pub async fn visit(browser: &mut Browser, path: &str) -> Answer {
    let headers = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    browser.get_with(path, &headers).await
}

pub async fn name_of(browser: &mut Browser) -> Option<String> {
    let page = browser.get("/account").await;
    let names = ["member", "other"].into_iter().find(|name| page.text().contains(*name));
    names.filter(|_| page.status == 200).map(str::to_owned)
}

// SECURITY-CASES L-16, L-19, S-05: by a visit the person is asked, and gets a cookie that is new.
#[actix_web::test]
async fn a_visit_asks_by_name_and_then_it_is_theirs() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let path = scene.path("member").await;
        let digest = scene.passport.text("SELECT digest FROM sessions").await;
        let mut browser = scene.passport.browser();
        for _ in 0..2 {
            let page = browser.get(&path).await;
            assert_eq!(page.status, 200);
            assert!(page.text().contains("Continue as member?"), "{}", page.text());
            assert!(!browser.cookies.contains_key(SESSION), "looking uses nothing up");
        }
        let form = browser.get(&path).await.form("/establish");
        let mut elsewhere = scene.passport.browser();
        let stale = elsewhere.submit(&form).await;
        assert_eq!(stale.location(), path, "the form is another browser's");
        assert_eq!(name_of(&mut elsewhere).await, None);
        assert_eq!(browser.submit(&form).await.location(), "/account");
        assert_eq!(name_of(&mut browser).await.as_deref(), Some("member"));
        assert_ne!(scene.passport.text("SELECT digest FROM sessions").await, digest);
        let line = scene.passport.audited("session.established").await;
        assert_eq!((line.app.as_deref(), line.address.as_deref()), (Some("aw"), Some("127.0.0.1")));
        // It is the session that the app knows: single logout reaches it.
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM sessions").await, 1);
        // Once: for whoever comes later it leads to the login page, and the one who has it goes on.
        for (who, leads_to) in [(&mut elsewhere, "/login"), (&mut browser, "/login")] {
            assert_eq!(who.get(&path).await.location(), leads_to);
        }
        assert_eq!(browser.submit(&form).await.location(), "/login");
        assert_eq!(browser.get("/login").await.location(), "/account");
        assert_eq!(elsewhere.get("/login").await.status, 200);
    })
    .await;
}

#[actix_web::test]
async fn and_back_to_the_app_by_a_proven_way() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let path = scene.path("member").await;
        let back = |url: &str| {
            let query = [("return_to", url), ("state", "st-1")];
            format!("{path}&{}", harness::browser::encode(query))
        };
        let mut browser = scene.passport.browser();
        let refused = browser.get(&back("https://evil.example/")).await;
        assert_eq!((refused.status.as_u16(), refused.location()), (400, ""));
        let form = browser.get(&back(&scene.aw.return_to)).await.form("/establish");
        let crooked = form.clone().with("return_to", "https://evil.example/");
        assert_eq!(browser.submit(&crooked).await.status, 400, "proven again");
        let sent = browser.submit(&form).await;
        assert!(sent.location().starts_with(&scene.aw.return_to), "{}", sent.location());
        assert_eq!(sent.sent("state").as_deref(), Some("st-1"));
        let redeemed = scene.aw.redeem(&sent.ticket()).await.json();
        assert_eq!(redeemed["user"]["username"], "member");
    })
    .await;
}

// SECURITY-CASES S-01: in the page the browser gets the twin, and what our first page exchanges once.
#[actix_web::test]
async fn in_a_page_it_takes_two_steps() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let path = scene.path("member").await;
        let mut browser = scene.passport.browser();
        let answer = scene.aw.establish_in_page(&mut browser, &path).await;
        assert_eq!(answer.json()["status"], "established", "{}", answer.body);
        assert_eq!(answer.header("access-control-allow-origin"), scene.aw.origin());
        for name in [TWIN, ARRIVAL] {
            let set = browser.set_cookies.iter().find(|one| one.starts_with(&format!("{name}=")));
            for attribute in ["HttpOnly", "Secure", "SameSite=None", "Path=/"] {
                assert!(set.unwrap().contains(attribute), "{set:?}");
            }
        }
        assert!(!browser.cookies.contains_key(SESSION));
        let said = scene.aw.check(&browser).await;
        assert_eq!(said.json()["status"], "signed_in", "pages of apps know at once");
        assert_eq!(
            scene.aw.establish_in_page(&mut browser.clone(), &path).await.status,
            404,
            "once"
        );

        // Not for others' requests: only as a page of its own, and nowhere but here.
        let before = browser.clone();
        for (mode, dest) in [("cors", "empty"), ("navigate", "iframe"), ("no-cors", "image")] {
            let headers = [("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
            let mut page = before.clone();
            assert_eq!(page.get_with("/login", &headers).await.status, 200, "{mode} {dest}");
            assert!(!page.cookies.contains_key(SESSION));
        }
        let mut wrong = scene.passport.browser();
        wrong.cookies.insert(SESSION.to_owned(), browser.cookies[ARRIVAL].clone());
        assert_eq!(name_of(&mut wrong).await, None, "it is no session cookie");

        let arrived = visit(&mut browser, "/login").await;
        assert_eq!(arrived.location(), "/account");
        assert!(!browser.cookies.contains_key(ARRIVAL));
        assert_eq!(name_of(&mut browser).await.as_deref(), Some("member"));
        assert_eq!(scene.aw.check(&browser).await.json()["status"], "signed_in");
        // Whoever copied the cookie of before has nothing.
        let mut thief = before.clone();
        assert_eq!(visit(&mut thief, "/login").await.status, 200);
        assert!(!thief.cookies.contains_key(ARRIVAL) && name_of(&mut thief).await.is_none());
        assert_eq!(scene.aw.check(&before).await.json()["status"], "signed_out");
    })
    .await;
}

// Where our cookies do not travel, nothing is used up.
#[actix_web::test]
async fn a_browser_that_keeps_our_cookies_back_is_sent_to_us() {
    let scene = Scene::on(Database::Sqlite).await;
    let path = scene.path("member").await;
    let origin = scene.aw.origin();
    let mut browser = scene.passport.browser();
    for storage in ["none", "inactive", ""] {
        let mut headers = vec![
            ("origin", origin.as_str()),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
        ];
        if !storage.is_empty() {
            headers.push(("sec-fetch-storage-access", storage));
        }
        let answer = browser.request(reqwest::Method::POST, &path, None, &headers).await;
        assert_eq!(answer.json()["status"], "visit", "{storage}");
        let asked = answer.header("activate-storage-access").contains("retry");
        assert_eq!(asked, storage == "inactive");
        assert!(browser.cookies.is_empty());
    }
    let form = browser.get(&path).await.form("/establish");
    assert_eq!(browser.submit(&form).await.status, 303);
    assert_eq!(name_of(&mut browser).await.as_deref(), Some("member"));
}

// SECURITY-CASES L-21: of many, one browser gets it.
#[actix_web::test]
async fn one_browser_takes_it() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let two = scene.passport.second_node().await;
        for _ in 0..4 {
            let path = scene.path("member").await;
            let taken = (0..8).map(|n| {
                let node = if n % 2 == 0 { &scene.passport } else { &two };
                let (mut browser, path) = (node.browser(), path.clone());
                let aw = scene.aw.at(node);
                async move { aw.establish_in_page(&mut browser, &path).await.status == 200 }
            });
            assert_eq!(join_all(taken).await.into_iter().filter(|taken| *taken).count(), 1);
        }
    })
    .await;
}

// SECURITY-CASES T-29, INV-02, Q-15: what leads to a session is void with it.
#[actix_web::test]
async fn a_link_is_void_with_its_time_its_session_its_person_and_a_restore() {
    on_both(async |database| {
        for what in ["nothing", "time", "logout", "disabled", "restore", "app"] {
            let scene = Scene::on(database).await;
            let path = scene.path("member").await;
            let app = &scene.passport.app;
            let mut browser = scene.passport.browser();
            let form = browser.get(&path).await.form("/establish");
            match what {
                "time" => scene.passport.advance(2 * MINUTE),
                "logout" => drop(users::logout(app, "member").await.unwrap()),
                "disabled" => drop(users::disable(app, "member", false).await.unwrap()),
                "restore" => {
                    let keep = restore::Restore { keep_sessions: true, ..Default::default() };
                    restore::restore(app, &keep).await.unwrap();
                }
                "app" => drop(sso_server::flows::apps::disable(app, "aw").await.unwrap()),
                _ => scene.passport.advance(2 * MINUTE - 1),
            }
            let leads_to = if what == "nothing" { "/account" } else { "/login" };
            assert_eq!(browser.submit(&form).await.location(), leads_to, "{what}");
            assert_eq!(name_of(&mut browser).await.is_some(), what == "nothing", "{what}");
        }
    })
    .await;
}
