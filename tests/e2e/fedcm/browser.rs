//! In Chromium: pages of two apps, and one of nobody's.

use std::time::{Duration, Instant};

use harness::{
    PASSWORD, Passport, TestApp,
    app::{VERIFIER, challenge},
    chromium::{Chromium, Look},
    site::Site,
};
use serde_json::{Value, json};
use sso_server::flows::{apps, users};

struct Scene {
    passport: Passport,
    aw: TestApp,
    bw: TestApp,
    /// A page of aw's, of bw's, and of nobody's.
    aw_page: String,
    bw_page: String,
    evil: String,
    browser: Chromium,
}

impl Scene {
    async fn start(third_party_cookies: bool) -> Self {
        let look = Look::default();
        Self::with(Chromium::with_third_party_cookies(look, third_party_cookies).await).await
    }

    async fn with(browser: Chromium) -> Self {
        let passport = Passport::start().await;
        passport.add_user("member").await;
        let site = Site::open();
        let (aw_page, bw_page, evil) = (site.called("aw"), site.called("bw"), site.called("evil"));
        let origins = [aw_page.clone()];
        let aw = passport.add_app_with("aw", |app| app.origins = &origins).await;
        let origins = [bw_page.clone()];
        let bw = passport.add_app_with("bw", |app| app.origins = &origins).await;
        Self { passport, aw, bw, aw_page, bw_page, evil, browser }
    }

    /// Signs in on our own page.
    async fn sign_in(&self) {
        self.browser.open(&format!("{}/login", self.passport.url)).await;
        self.fill_in().await;
        self.browser.find("form[action='/account/sessions/end']").await;
    }

    async fn fill_in(&self) {
        self.browser.find("#username").await.send_keys("member").await.unwrap();
        self.browser.find("#password").await.send_keys(PASSWORD).await.unwrap();
        self.browser.find("form button").await.click().await.unwrap();
    }

    async fn sign_out(&self) {
        self.browser.open(&format!("{}/logout", self.passport.url)).await;
        self.browser.find("form[action='/logout'] button").await.click().await.unwrap();
        self.browser.find("main a[href='/login']").await;
    }

    /// Signs in within the window that the browser has opened, which closes by itself.
    async fn sign_in_there(&self) {
        let driver = &self.browser.driver;
        let page = driver.window().await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let opened = loop {
            let windows = driver.windows().await.unwrap();
            if let Some(opened) = windows.into_iter().find(|one| *one != page) {
                break opened;
            }
            assert!(Instant::now() < deadline, "no window was opened");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        driver.switch_to_window(opened).await.unwrap();
        self.browser.picture("fedcm-login-window").await;
        self.fill_in().await;
        while driver.windows().await.unwrap().len() > 1 {
            assert!(Instant::now() < deadline, "the window stays");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        driver.switch_to_window(page).await.unwrap();
    }

    /// Opens a page and lets it ask, as `client`.
    async fn ask(&self, page: &str, client: &str, mediation: &str) {
        self.browser.open(page).await;
        self.ask_here(client, mediation, "passive").await;
    }

    /// The same after a click on its button (`mode: "active"`).
    async fn ask_by_click(&self, page: &str, client: &str) {
        self.browser.open(page).await;
        self.ask_here(client, "optional", "active").await;
        self.browser.find("button").await.click().await.unwrap();
    }

    async fn ask_here(&self, client: &str, mediation: &str, mode: &str) {
        let config = format!("{}/fedcm/config.json", self.passport.url);
        let challenge = challenge(VERIFIER);
        let script = format!(
            "window.said = null;
             const ask = () => navigator.credentials.get({{
                 mediation: {mediation:?},
                 identity: {{ mode: {mode:?}, providers: [{{
                     configURL: {config:?}, clientId: {client:?}, fields: [],
                     params: {{ challenge: {challenge:?}, state: 'st-1' }},
                 }}] }},
             }}).then(
                 (got) => {{ window.said = {{ token: got.token, auto: got.isAutoSelected }}; }},
                 (error) => {{ window.said = {{ name: error.name, word: error.error || error.code }}; }});
             if ({mode:?} === 'active') document.querySelector('button').onclick = ask;
             else ask();"
        );
        self.browser.driver.execute(script, []).await.unwrap();
    }

    /// What the page has heard.
    async fn said(&self) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let said = self.browser.ask("window.said").await;
            if !said.is_null() {
                return said;
            }
            assert!(Instant::now() < deadline, "nothing: {:?}", self.browser.console().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether the browser offers the accounts; it has given up if the page has heard something
    /// before, or nothing comes at all.
    async fn is_offered_accounts(&self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && self.browser.ask("window.said").await.is_null() {
            if self.browser.dialog_now().await.as_deref() == Some("AccountChooser") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// The app's server redeems what the page has heard; answers whether the browser asked nobody.
    async fn enters(&self, app: &TestApp) -> bool {
        let said = self.said().await;
        let token = said["token"].as_str().unwrap_or_else(|| panic!("{said}"));
        let redeemed = app.redeem_in_page(token).await;
        assert_eq!(redeemed.json()["user"]["username"], "member", "{}", redeemed.body);
        said["auto"] == true
    }

    /// The page hears that it was nothing, and no more than that.
    async fn hears_nothing(&self) {
        let said = self.said().await;
        assert_eq!(said["name"], "NetworkError", "{said}");
    }
}

// Third-party cookies are blocked, and the browser knows nothing yet: sign-in in its window, the choice of
// an account, from then on without a question, until the person signs out.
#[actix_web::test]
async fn from_the_first_click_to_the_logout() {
    let scene = Scene::start(false).await;
    scene.browser.without_delays().await;
    scene.ask(&scene.aw_page, "aw", "optional").await;
    scene.hears_nothing().await;

    scene.ask_by_click(&scene.aw_page, "aw").await;
    scene.sign_in_there().await;
    scene.browser.dialog("AccountChooser").await;
    let offered = scene.browser.accounts_offered().await;
    assert_eq!(offered.len(), 1, "{offered:?}");
    assert_eq!(
        (&offered[0]["name"], &offered[0]["email"]),
        (&json!("member"), &json!("member@example.org"))
    );
    // A sibling of ours is no stranger.
    assert_eq!(offered[0]["loginState"], "SignIn", "{offered:?}");
    scene.browser.select_account(0).await;
    assert!(!scene.enters(&scene.aw).await, "the person has chosen");

    scene.ask(&scene.aw_page, "aw", "silent").await;
    assert!(scene.enters(&scene.aw).await, "the browser remembers");
    // Without a question only once in ten minutes; a click is one that the person answers.
    scene.ask(&scene.aw_page, "aw", "silent").await;
    scene.hears_nothing().await;
    scene.ask_by_click(&scene.aw_page, "aw").await;
    scene.browser.dialog("AccountChooser").await;
    scene.browser.select_account(0).await;
    assert!(!scene.enters(&scene.aw).await);

    // Another site of ours: the browser has not seen it yet, and asks.
    scene.ask(&scene.bw_page, "bw", "silent").await;
    scene.hears_nothing().await;
    scene.ask(&scene.bw_page, "bw", "optional").await;
    scene.browser.dialog("AccountChooser").await;
    scene.browser.select_account(0).await;
    assert!(!scene.enters(&scene.bw).await);

    scene.sign_out().await;
    for page in [&scene.aw_page, &scene.bw_page] {
        for mediation in ["silent", "optional"] {
            scene.ask(page, "aw", mediation).await;
            scene.hears_nothing().await;
            assert_eq!(scene.browser.dialog_now().await, None);
        }
    }
    scene.browser.quit().await;
}

// Third-party cookies are allowed: siblings are known to each other at once.
#[actix_web::test]
async fn a_sibling_lets_in_without_a_question_where_cookies_are_allowed() {
    let scene = Scene::start(true).await;
    scene.browser.without_delays().await;
    scene.sign_in().await;
    for (page, client, app) in
        [(&scene.aw_page, "aw", &scene.aw), (&scene.bw_page, "bw", &scene.bw)]
    {
        scene.ask(page, client, "silent").await;
        assert!(scene.enters(app).await);
    }
    // Shut off: said to its page in FedCM's words, after the person has seen it.
    apps::disable(&scene.passport.app, "bw").await.unwrap();
    scene.ask(&scene.bw_page, "bw", "optional").await;
    scene.browser.dialog("AccountChooser").await;
    scene.browser.select_account(0).await;
    scene.browser.dialog("Error").await;
    scene.browser.press_dialog("ErrorGotIt").await;
    let said = scene.said().await;
    assert_eq!(said, json!({ "name": "IdentityCredentialError", "word": "unauthorized_client" }));
    scene.browser.quit().await;
}

// A private window: nothing by itself, each time with a choice.
#[actix_web::test]
async fn in_a_private_window_it_takes_a_click_each_time() {
    let scene = Scene::with(Chromium::incognito(Look::default()).await).await;
    scene.browser.without_delays().await;
    scene.sign_in().await;
    for _ in 0..2 {
        scene.ask(&scene.aw_page, "aw", "silent").await;
        scene.hears_nothing().await;
        scene.ask(&scene.aw_page, "aw", "optional").await;
        scene.browser.dialog("AccountChooser").await;
        scene.browser.select_account(0).await;
        assert!(!scene.enters(&scene.aw).await);
    }
    scene.browser.quit().await;
}

// The session ended elsewhere: the browser thinks that somebody is signed in, asks, hears that nobody is,
// and offers the login.
#[actix_web::test]
async fn whose_session_ended_elsewhere_is_asked_to_sign_in() {
    let scene = Scene::start(false).await;
    scene.browser.without_delays().await;
    scene.sign_in().await;
    users::logout(&scene.passport.app, "member").await.unwrap();
    scene.ask(&scene.aw_page, "aw", "optional").await;
    scene.browser.dialog("ConfirmIdpLogin").await;
    scene.browser.press_dialog("ConfirmIdpLoginContinue").await;
    scene.sign_in_there().await;
    scene.browser.dialog("AccountChooser").await;
    scene.browser.select_account(0).await;
    scene.enters(&scene.aw).await;
    scene.browser.quit().await;
}

// Who sends the dialog away is not let in. (That the browser then keeps from asking for a while is its
// own affair, and not so for a driver.)
#[actix_web::test]
async fn who_says_no_stays_out() {
    let scene = Scene::start(false).await;
    scene.browser.without_delays().await;
    scene.sign_in().await;
    scene.ask(&scene.aw_page, "aw", "optional").await;
    scene.browser.dialog("AccountChooser").await;
    scene.browser.cancel_dialog().await;
    scene.hears_nothing().await;
    scene.ask(&scene.aw_page, "aw", "optional").await;
    scene.browser.dialog("AccountChooser").await;
    scene.browser.select_account(0).await;
    scene.enters(&scene.aw).await;
    scene.browser.quit().await;
}

// The end of a login in the browser's window, opened in an ordinary one: words, and no error.
#[actix_web::test]
async fn the_last_page_of_that_window_in_both_lights() {
    let scene = Scene::start(false).await;
    scene.sign_in().await;
    scene.browser.console().await;
    for (width, dark) in [(390, false), (500, true), (1280, false)] {
        scene.browser.look(Look { width, dark, ..Look::default() }).await;
        scene.browser.open(&format!("{}/login/done", scene.passport.url)).await;
        scene.browser.reads("h1", "You are signed in").await;
        let fits = "document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(scene.browser.ask(fits).await, true, "{width}");
        scene.browser.picture(&format!("login-done-{width}")).await;
    }
    assert_eq!(scene.browser.console().await, Vec::<String>::new());
    scene.browser.quit().await;
}

// The app asks the browser to forget.
#[actix_web::test]
async fn a_disconnected_page_has_to_ask_again() {
    let scene = Scene::start(false).await;
    scene.browser.without_delays().await;
    scene.sign_in().await;
    scene.ask(&scene.aw_page, "aw", "optional").await;
    scene.browser.dialog("AccountChooser").await;
    scene.browser.select_account(0).await;
    scene.enters(&scene.aw).await;
    let member = users::named(&scene.passport.app, "member").await.unwrap().id;
    let disconnect = format!(
        "const done = arguments[0];
         IdentityCredential.disconnect({{
             configURL: '{}/fedcm/config.json', clientId: 'aw', accountHint: '{}',
         }}).then(() => done('forgotten'), (error) => done(error.name));",
        scene.passport.url,
        member.as_str()
    );
    let said = scene.browser.driver.execute_async(disconnect, []).await.unwrap();
    assert_eq!(said.json(), "forgotten");
    scene.ask(&scene.aw_page, "aw", "silent").await;
    scene.hears_nothing().await;
    scene.browser.quit().await;
}

// SECURITY-CASES J-07: a page of nobody's that gives aw's id, signed in or not, with both settings of
// the browser: no ticket, no word of ours. What it cannot be kept from is a dialog of the browser's, which
// names it and is for the person to answer.
#[actix_web::test]
async fn a_page_of_nobodys_gets_nothing() {
    for third_party_cookies in [true, false] {
        let scene = Scene::start(third_party_cookies).await;
        scene.browser.without_delays().await;
        for client in ["aw", "zz"] {
            for mediation in ["silent", "optional"] {
                scene.ask(&scene.evil, client, mediation).await;
                scene.hears_nothing().await;
            }
        }
        scene.sign_in().await;
        for client in ["aw", "zz"] {
            scene.ask(&scene.evil, client, "optional").await;
            if third_party_cookies && client == "aw" {
                // Approved, says the browser, and lets the person see what comes of it.
            } else {
                scene.browser.dialog("AccountChooser").await;
                scene.browser.select_account(0).await;
            }
            scene.browser.dialog("Error").await;
            assert!(scene.browser.ask("window.said").await.is_null());
            scene.browser.press_dialog("ErrorGotIt").await;
            let said = scene.said().await;
            assert!(said.get("token").is_none(), "{said}");
            assert!(
                said["word"].as_str().unwrap_or_default().is_empty(),
                "no word of ours: {said}"
            );
        }
        // By itself it reaches nothing.
        scene.browser.open(&scene.evil).await;
        for (path, options) in [
            ("/fedcm/accounts", "{}"),
            ("/fedcm/accounts", "{ headers: { 'Sec-Fetch-Dest': 'webidentity' } }"),
            ("/fedcm/assertion", "{ method: 'POST', body: new URLSearchParams('client_id=aw') }"),
            ("/fedcm/disconnect", "{ method: 'POST', body: new URLSearchParams('client_id=aw') }"),
        ] {
            let script = format!(
                "const done = arguments[0];
                 fetch('{}{path}', {{ credentials: 'include', ...{options} }})
                     .then((answer) => answer.text()).then(done, () => done('nothing'));",
                scene.passport.url
            );
            let heard = scene.browser.driver.execute_async(script, []).await.unwrap();
            assert_eq!(heard.json(), "nothing", "{path}");
        }
        // Control: the same browser lets the app itself in. On a busy machine Chromium gives up on a
        // request of its own accord now and then; a person clicks again.
        for _ in 0..3 {
            scene.ask_by_click(&scene.aw_page, "aw").await;
            if !third_party_cookies {
                if !scene.is_offered_accounts().await {
                    continue;
                }
                scene.browser.select_account(0).await;
            }
            if scene.said().await.get("token").is_some() {
                break;
            }
        }
        scene.enters(&scene.aw).await;
        scene.browser.quit().await;
    }
}
