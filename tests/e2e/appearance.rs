//! Every page in a real browser: readable in light and dark, wide and narrow, in three languages, by
//! ear too, and without a complaint of the browser.

use harness::family::Family;
use harness::{
    PASSWORD,
    chromium::{Chromium, Look},
};
use serde_json::json;
use sso_server::domain::session_caps::OnExcess;
use sso_server::flows::{
    one_time_link,
    users::{self, AddUser},
};
use thirtyfour::Key;

/// Text whose contrast with what lies under it is below 4.5 (WCAG 2.2, 1.4.3), by computed styles.
const PALE: &str = r#"(() => {
  const parts = (css) => { const n = css.match(/[\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const ground = (element) => {
    if (!element) return [...parts(getComputedStyle(document.documentElement).backgroundColor).slice(0, 3), 1];
    const own = parts(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, ground(element.parentElement));
  };
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pale = [];
  const check = (element, css, words) => {
    const under = ground(element), colour = over(parts(css), under);
    const [high, low] = [light(colour), light(under)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) pale.push(`${ratio.toFixed(2)} ${element.tagName} ${words.trim().slice(0, 40)}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement, words = texts.currentNode.data;
    if (words.trim() && element.checkVisibility()) check(element, getComputedStyle(element).color, words);
  }
  for (const input of document.querySelectorAll('input:not([type=hidden]), select'))
    check(input, getComputedStyle(input).color, input.name);
  return pale;
})()"#;

/// What a person who hears the page would miss.
const UNHEARD: &str = r#"(() => {
  const missing = [], all = (css) => [...document.querySelectorAll(css)];
  const need = (good, what) => { if (!good) missing.push(what); };
  need(document.documentElement.lang, 'language');
  need(document.title.trim(), 'title');
  need(all('h1').length === 1, `${all('h1').length} h1`);
  need(all('main').length === 1, 'main');
  for (const image of all('img')) need(image.hasAttribute('alt'), `alt of ${image.src}`);
  for (const input of all('input:not([type=hidden], [hidden]), select, textarea'))
    need(input.labels.length || input.ariaLabel, `label of ${input.name}`);
  for (const control of all('button, a[href]'))
    need((control.ariaLabel || control.textContent).trim(), `name of ${control.outerHTML}`);
  for (const list of all('nav')) need(list.ariaLabel, 'label of nav');
  for (const element of all('[aria-describedby], [aria-labelledby]'))
    for (const id of `${element.getAttribute('aria-describedby') ?? ''} ${element.getAttribute('aria-labelledby') ?? ''}`.split(' '))
      need(!id || document.getElementById(id), `#${id}`);
  const ids = all('[id]').map((element) => element.id);
  need(new Set(ids).size === ids.length, 'ids that are not repeated');
  need(!all('[tabindex]').some((element) => element.tabIndex > 0), 'the natural order of tabs');
  for (const bad of all('[style], script:not([src]), [onclick]')) need(false, `no ${bad.outerHTML}`);
  return missing;
})()"#;

/// Buttons whose words do not fit into them, or that were squeezed into a tower.
const SQUEEZED: &str = r#"[...document.querySelectorAll('.button')]
  .filter((b) => b.checkVisibility() && (b.scrollWidth > b.clientWidth + 1 || b.clientHeight > Math.max(60, b.clientWidth)))
  .map((b) => `${b.clientWidth} x ${b.clientHeight} ${b.textContent.trim()}`)"#;

/// Looks at the open page, which may have been answered with an error status.
async fn inspect(browser: &Chromium, look: Look, name: &str, error: bool) {
    let shade = if look.dark { "dark" } else { "light" };
    let name = format!("{name}-{}-{shade}-{}", look.width, look.language);
    browser.settled().await;
    browser.picture(&name).await;
    assert_eq!(browser.ask(PALE).await, json!([]), "{name}: too pale");
    assert_eq!(browser.ask(UNHEARD).await, json!([]), "{name}: missing");
    assert_eq!(browser.ask(SQUEEZED).await, json!([]), "{name}: squeezed");
    let [page, window] =
        ["scrollWidth", "clientWidth"].map(|width| format!("document.documentElement.{width}"));
    assert_eq!(browser.ask(&page).await, browser.ask(&window).await, "{name}: scrolls sideways");
    assert_eq!(browser.ask("document.documentElement.clientWidth").await, look.width, "{name}");
    let own_status = "Failed to load resource: the server responded with a status of 4";
    for line in browser.console().await {
        assert!(error && line.contains(own_status), "{name}: {line}");
    }
}

#[actix_web::test]
async fn every_page_in_every_light() {
    let family = Family::start().await;
    let app = &family.passport.app;
    let sso = family.passport.url.as_str();
    // A second device.
    family.passport.signed_in("goal").await;
    let looks = [
        Look { width: 1280, dark: false, language: "en" },
        Look { width: 1280, dark: true, language: "zh" },
        Look { width: 390, dark: false, language: "ru" },
        Look { width: 390, dark: true, language: "en" },
    ];
    // Where they are blocked, the browser itself writes into the console that it found nobody (FedCM).
    let browser = Chromium::with_third_party_cookies(looks[0], true).await;
    let first_admin = one_time_link::first_admin(app).await.unwrap().unwrap();
    for (number, look) in looks.into_iter().enumerate() {
        let see = async |url: &str, name: &str, error| {
            browser.open(url).await;
            inspect(&browser, look, name, error).await;
        };
        browser.look(look).await;
        see(&family.aw, "aw-stranger", false).await;
        see(&family.bw, "bw-stranger", false).await;
        see(&format!("{sso}/login"), "login", false).await;
        let language = browser.ask("document.documentElement.lang").await;
        assert_eq!(language, look.language);
        see(&first_admin, "setup-admin", false).await;
        let name = format!("new-{number}");
        let new = AddUser { username: &name, email: None, admin: false, password: None };
        let link = users::add(app, new).await.unwrap().setup_url.unwrap();
        see(&link, "setup-password", false).await;
        for (field, value) in [("password", PASSWORD), ("repeat", "something else")] {
            browser.find(&format!("#{field}")).await.send_keys(value).await.unwrap();
        }
        browser.find("form button").await.click().await.unwrap();
        browser.find("#problem").await;
        inspect(&browser, look, "setup-differ", true).await;
        see(&format!("{sso}/setup?token={}", "A".repeat(43)), "setup-void", true).await;
        see(&format!("{sso}/nowhere"), "not-found", true).await;
        let unregistered = format!("{sso}/login?app=aw&return_to=https://evil.example/&state=x");
        see(&unregistered, "unknown-return-url", true).await;

        browser.open(&format!("{}/members", family.aw)).await;
        inspect(&browser, look, "login-to-aw", false).await;
        for password in ["a wrong one", PASSWORD] {
            browser.find("#username").await.clear().await.unwrap();
            browser.find("#username").await.send_keys("goal").await.unwrap();
            browser.find("#password").await.send_keys(password).await.unwrap();
            browser.find("form button").await.click().await.unwrap();
            if password != PASSWORD {
                browser.find("#problem").await;
                inspect(&browser, look, "login-refused", true).await;
            }
        }
        browser.find("a[href='/']").await;
        inspect(&browser, look, "aw-members", false).await;
        see(&family.aw, "aw-member", false).await;
        browser.open(&format!("{}/members", family.bw)).await;
        see(&family.bw, "bw-member", false).await;
        see(&format!("{sso}/account"), "account", false).await;
        let marks = browser
            .ask("[...document.querySelectorAll('img')].every((i) => i.complete && i.naturalWidth)")
            .await;
        assert_eq!(marks, true, "pictures are drawn");
        if number == 3 {
            browser.find(".head form button").await.click().await.unwrap();
            browser.find(".note.good").await;
            inspect(&browser, look, "account-others-ended", false).await;
        }
        see(&format!("{sso}/logout"), "logout", false).await;
        browser.find("form button").await.click().await.unwrap();
        browser.find(".sign").await;
        inspect(&browser, look, "signed-out", false).await;
    }
    browser.quit().await;
}

/// Signs in by the form of the open page.
async fn sign_in(browser: &Chromium, name: &str) {
    let field = browser.find("#username").await;
    field.clear().await.unwrap();
    field.send_keys(name).await.unwrap();
    browser.find("#password").await.send_keys(PASSWORD).await.unwrap();
    browser.find("form button").await.click().await.unwrap();
}

#[actix_web::test]
async fn the_console_and_the_pages_around_a_logout_in_every_light() {
    let family = Family::with(|config| {
        config.session.max_per_user = 2;
        config.session.on_excess = OnExcess::Ask;
        config.outgoing.allow_loopback = true;
    })
    .await;
    let passport = &family.passport;
    let sso = passport.url.as_str();
    let new = AddUser { username: "admin", email: None, admin: true, password: Some(PASSWORD) };
    users::add(&passport.app, new).await.unwrap();
    // An app that nobody answers for, so that there is something to wait for and to be told.
    let receiver = harness::Receiver::start().await;
    receiver.otherwise(harness::Play::Status(401));
    let (cw, _) = passport.add_pushed("cw", &receiver.url()).await;
    cw.poll("web-1", "0", &[("version", "2.4.1"), ("max_staleness", "60")]).await;
    let looks = [
        Look { width: 1280, dark: true, language: "en" },
        Look { width: 1280, dark: false, language: "ru" },
        Look { width: 390, dark: true, language: "zh" },
        Look { width: 390, dark: false, language: "ru" },
    ];
    let browser = Chromium::start(looks[0]).await;
    for look in looks {
        let see = async |path: &str, name: &str| {
            browser.open(&format!("{sso}{path}")).await;
            inspect(&browser, look, name, false).await;
        };
        browser.look(look).await;
        let name = format!("{}-{}", look.language, look.width);
        let person = passport.add_user(&name).await;
        for _ in 0..2 {
            cw.enter(&mut passport.signed_in(&name).await).await;
        }
        browser.open(&format!("{sso}/admin")).await;
        sign_in(&browser, "admin").await;
        browser.find("#query").await;
        inspect(&browser, look, "console-people", false).await;
        see("/admin/apps", "console-apps").await;
        see("/admin/apps/aw", "console-app").await;
        see("/admin/everybody", "console-everybody").await;
        see("/admin/audit", "console-audit").await;
        see(&format!("/admin/people/{person}"), "console-person").await;
        browser.find(".sessions .act > summary").await.click().await.unwrap();
        browser.find("#reason-1").await.send_keys("lost laptop").await.unwrap();
        inspect(&browser, look, "console-person-open", false).await;
        browser.find("#reason-1").await.send_keys(Key::Enter + "").await.unwrap();
        browser.find("#progress .details .bad").await;
        inspect(&browser, look, "console-logout", false).await;
        see("/admin/logouts", "console-logouts").await;
        see("/admin/apps/cw", "console-app-failing").await;
        browser.find("form[action$='/doctor'] button").await.click().await.unwrap();
        browser.find(".steps .bad").await;
        inspect(&browser, look, "console-doctor", false).await;

        see("/account/secure", "secure").await;
        browser.open(&format!("{sso}/logout")).await;
        browser.find("form button").await.click().await.unwrap();
        browser.find(".sign").await;
        cw.enter(&mut passport.signed_in(&name).await).await;
        browser.open(&format!("{sso}/login")).await;
        sign_in(&browser, &name).await;
        browser.find("button[name='end']").await;
        inspect(&browser, look, "choose", false).await;
        browser.find("button[name='end']").await.click().await.unwrap();
        browser.find("#sessions").await;
        // The other device's end is followed on the account's page, and one's own where it leads.
        browser.find(".sessions form button").await;
        browser.find(".head form button").await.click().await.unwrap();
        browser.find("#progress .waiting").await;
        inspect(&browser, look, "account-waiting", false).await;
        browser.open(&format!("{sso}/logout")).await;
        browser.find("form button").await.click().await.unwrap();
        browser.find(".sign").await;
    }
    browser.quit().await;
}
