//! What the browser is told of whether anybody is signed in (`Set-Login`).

use harness::{Answer, Browser, DAY, Database, PASSWORD, Passport, on_both};
use sso_server::{config::Config, domain::session_caps::OnExcess, flows::users};

use crate::scene::Scene;

fn told(answer: &Answer) -> &str {
    assert!(answer.headers.get_all("set-login").iter().count() <= 1);
    answer.header("set-login")
}

async fn log_in(browser: &mut Browser, query: &str) -> Answer {
    let form = browser.login_form(query, "member", PASSWORD).await;
    browser.submit(&form).await
}

// Every way that issues a session.
#[actix_web::test]
async fn who_signs_in_is_in() {
    let one = |config: &mut Config| {
        config.session.max_per_user = 1;
        config.session.on_excess = OnExcess::Ask;
    };
    let scene = Scene::with(Database::Sqlite, one).await;
    let mut browser = scene.passport.browser();
    let wrong = browser.login_form("", "member", "a wrong guess").await;
    assert_eq!(told(&browser.submit(&wrong).await), "", "nothing has changed");

    let choice = log_in(&mut browser, "").await;
    let ends = choice.buttons("end").remove(0);
    assert_eq!(told(&choice), "");
    let chosen = browser.submit(&choice.form("/login/choose").with("end", &ends)).await;
    assert_eq!((chosen.status.as_u16(), told(&chosen)), (303, "logged-in"));

    let app = scene.aw.login_query(&[("prompt", "login")]);
    let into_app = log_in(&mut browser, &app).await;
    assert!(into_app.sent("ticket").is_some());
    assert_eq!(told(&into_app), "logged-in");

    let secure = browser.get("/account/secure").await.form("/account/secure");
    let secure = secure.with("username", "member").with("password", PASSWORD);
    let new = "a sentence only they would think of";
    let secured = browser.submit(&secure.with("new", new).with("repeat", new)).await;
    assert_eq!((secured.status.as_u16(), told(&secured)), (303, "logged-in"));

    // It is not said with every page …
    assert_eq!(told(&browser.get("/account").await), "");
    assert_eq!(told(&scene.aw.send(&mut browser).await), "");
    // … but to a browser that has lost its twin, and with that has perhaps heard that it is out.
    browser.cookies.remove("__Host-passport-x");
    assert_eq!(told(&browser.get("/account").await), "logged-in");
    assert_eq!(told(&browser.get("/account").await), "");
}

// Every end, as soon as that browser is here again.
#[actix_web::test]
async fn who_is_out_is_out() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let mut browser = passport.signed_in("member").await;
        let form = browser.get("/logout").await.form("/logout");
        assert_eq!(told(&browser.submit(&form).await), "logged-out");

        let mut browser = passport.signed_in("member").await;
        let account = browser.get("/account").await;
        let forms = account.forms("/account/sessions/end");
        let own = forms.into_iter().find(|form| !form.field("session").is_empty()).unwrap();
        let ended = browser.submit(&own).await;
        assert_eq!((ended.location().starts_with("/logout"), told(&ended)), (true, "logged-out"));

        let aw = passport.add_app("aw").await;
        let mut ends: Vec<Browser> = Vec::new();
        // Ended by its app, by an admin, by time.
        let mut browser = passport.signed_in("member").await;
        let entered = aw.enter(&mut browser).await;
        assert_eq!(aw.end(&entered.app_session, "session").await.status, 200);
        ends.push(browser);
        let browser = passport.signed_in("member").await;
        users::logout(&passport.app, "member").await.unwrap();
        ends.push(browser);
        let browser = passport.signed_in("member").await;
        passport.advance(30 * DAY);
        ends.push(browser);
        for browser in ends {
            for path in ["/login", "/account", "/logout", "/login/done"] {
                assert_eq!(told(&browser.clone().get(path).await), "logged-out", "{path}");
            }
            let silent = aw.send_with(&mut browser.clone(), &[("prompt", "none")]).await;
            assert_eq!(told(&silent), "logged-out", "{}", silent.location());
            // The twin alone, in a browser closed since.
            let mut twin = browser.on_another_site();
            assert_eq!(told(&twin.get("/login").await), "logged-out");
        }
        // Nobody's browser hears nothing: it knows that of itself.
        assert_eq!(told(&passport.browser().get("/login").await), "");
    })
    .await;
}

// SECURITY-CASES S-11: what nobody knows is not said.
#[actix_web::test]
async fn a_database_that_does_not_answer_signs_nobody_out() {
    let scene = Scene::on(Database::Postgres).await;
    let (faults, url) =
        harness::faults::FaultyPostgres::before(&scene.passport.app.config.database.url).await;
    let public_url = scene.passport.url.clone();
    let (clock, folder) = (scene.passport.clock.clone(), scene.passport.folder.clone());
    let node = Passport::over(Database::Postgres, &url, folder, clock, |config| {
        config.server.public_url = public_url;
        config.database.max_connections = 1;
    })
    .await;
    let mut browser = scene.browser.clone().at(&node);
    assert!(browser.is_signed_in().await, "control");
    faults.fail_at(1);
    let unknown = browser.get("/account").await;
    assert_eq!((unknown.status.as_u16(), told(&unknown)), (503, ""));
    let unknown = harness::fedcm::accounts(&browser).await;
    assert_eq!(unknown.status, 503, "nor by the accounts: {}", unknown.body);
    let unknown = scene.aw.at(&node).assertion(&browser, &scene.member).await;
    assert_eq!(unknown.status, 503, "nor by the assertion: {}", unknown.body);
}

// The window that the browser opens for signing in.
#[actix_web::test]
async fn a_login_in_the_browsers_window_ends_with_a_page_that_closes_it() {
    let scene = Scene::start().await;
    let mut browser = scene.passport.browser();
    let login = "?back=%2Flogin%2Fdone&login_hint=x";
    assert_eq!(log_in(&mut browser, login).await.location(), "/login/done");
    let done = browser.get("/login/done").await;
    assert!(done.body.contains("/static/login-done.js?v="), "{}", done.body);
    assert!(done.text().contains("You can close this window"), "{}", done.text());
    // Another account: the form, although somebody is signed in.
    assert_eq!(browser.get(&format!("/login{login}")).await.forms("/login").len(), 1);
    // Without a twin to show it was only that which was missing.
    browser.cookies.remove("__Host-passport-x");
    let healed = browser.get(&format!("/login{login}")).await;
    assert_eq!((healed.location(), told(&healed)), ("/login/done", "logged-in"));
    assert!(scene.offers(&browser).await);
    // Nobody is told that they are signed in who is not.
    assert_eq!(scene.passport.browser().get("/login/done").await.location(), "/login");
    for elsewhere in ["/login/done/x", "/login/done?x", "//login/done", "https://evil.example/"] {
        let query = format!("?{}", harness::browser::encode([("back", elsewhere)]));
        let mut browser = scene.passport.browser();
        assert_eq!(log_in(&mut browser, &query).await.location(), "/account", "{elsewhere}");
    }
}
