//! A site without an SDK: demo-apps/examples/backend.py, as docs/in-page.md tells to write one.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use harness::{
    PASSWORD, Passport,
    chromium::{Chromium, Look},
};

use crate::scene::until;

/// The site, stopped with the test.
struct Site(Child);

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn site(passport: &Passport) -> (Site, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://py.localhost:{port}");
    let (origins, return_urls) = ([url.clone()], [format!("{url}/sso/callback")]);
    let app = passport
        .add_app_with("py", |app| {
            app.origins = &origins;
            app.return_urls = &return_urls;
        })
        .await;
    let backend = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo-apps/examples/backend.py");
    let mut child = Command::new("python3")
        .arg(backend)
        .env("PASSPORT_URL", &passport.url)
        .env("PASSPORT_ADDRESS", format!("http://{}", passport.address))
        .env("URL", &url)
        .env("PORT", port.to_string())
        .env("SECRET", &app.secret)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3: `tests/run` installs it");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), format!("listening on {url}"));
    (Site(child), url)
}

#[actix_web::test]
async fn a_site_in_python_signs_in_within_the_page_and_by_a_window() {
    for allowed in [true, false] {
        let passport = Passport::start().await;
        passport.add_user("member").await;
        let (_site, url) = site(&passport).await;
        let browser = Chromium::with_third_party_cookies(Look::default(), allowed).await;
        let hello = async || {
            until("hello", async || browser.text().await.contains("Hello, member")).await;
        };
        let type_password = async || {
            browser.find("#username").await.send_keys("member").await.unwrap();
            browser.find("#password").await.send_keys(PASSWORD).await.unwrap();
            browser.find("form button").await.click().await.unwrap();
        };
        if allowed {
            browser.open(&format!("{}/login", passport.url)).await;
            type_password().await;
            browser.find("form[action='/account/sessions/end']").await;
            browser.open(&url).await;
            hello().await;
            assert_eq!(browser.ask("passport.last.via").await, "check");
        } else {
            browser.open(&format!("{url}/sso/session")).await;
            browser.ask("sessionStorage.setItem('passport.fedcm', 'no')").await;
            browser.open(&url).await;
            let page = browser.driver.window().await.unwrap();
            browser.find("[data-passport=login]").await.click().await.unwrap();
            let windows = async || browser.driver.windows().await.unwrap();
            until("a window", async || windows().await.len() == 2).await;
            let popup = windows().await.into_iter().find(|window| *window != page).unwrap();
            browser.driver.switch_to_window(popup).await.unwrap();
            type_password().await;
            until("it closes", async || windows().await.len() == 1).await;
            browser.driver.switch_to_window(page).await.unwrap();
            hello().await;
        }
        browser.find("[data-passport=logout]").await.click().await.unwrap();
        until("signed out", async || browser.text().await.contains("Hello, stranger")).await;
        assert_eq!(passport.count("SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await, 0);
        browser.quit().await;
    }
}
