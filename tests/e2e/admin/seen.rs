//! The console in Chromium: light, dark, 390 px; a forced logout while the site confirms.

use harness::{
    Database, PASSWORD, Passport, Play, Receiver,
    chromium::{Chromium, Look},
};

use crate::scene::{add_admin, member};

async fn shoot(chromium: &Chromium, name: &str) {
    chromium.settled().await;
    let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(chromium.ask(wide).await, 0, "{name} is wider than the window");
    chromium.picture(&format!("console-{name}")).await;
}

async fn story(look: Look, tag: &str) {
    let passport =
        Passport::with(Database::Sqlite, |config| config.outgoing.allow_loopback = true).await;
    let receiver = Receiver::start().await;
    receiver.otherwise(Play::Status(401));
    let (cw, _) = passport.add_pushed("cw", &receiver.url()).await;
    let aw = passport.add_app_with("aw", |new| new.name = "Aw, the first site").await;
    let bw = passport.add_app_with("bw", |new| new.name = "Bw").await;
    for app in [&aw, &bw] {
        app.poll("web-1", "0", &[("max_staleness", "60"), ("version", "2.4.1")]).await;
    }
    add_admin(&passport, "admin").await;
    let mut person = member(&passport, "member", &aw).await;
    bw.enter(&mut person.browser).await;
    cw.enter(&mut person.browser).await;
    passport.signed_in("member").await;

    let chromium = Chromium::start(look).await;
    chromium.open(&format!("{}/admin", passport.url)).await;
    chromium.find("#username").await.send_keys("admin").await.unwrap();
    chromium.find("#password").await.send_keys(PASSWORD).await.unwrap();
    chromium.find("form button").await.click().await.unwrap();
    chromium.find("#query").await;
    shoot(&chromium, &format!("{tag}-people")).await;
    chromium.open(&format!("{}/admin/people/{}", passport.url, person.id)).await;
    // By keyboard alone: open, type, send.
    let summary = chromium.find(".head .act > summary").await;
    summary.send_keys(" ").await.unwrap();
    let reason = chromium.find("#reason-all").await;
    reason.send_keys("lost laptop").await.unwrap();
    shoot(&chromium, &format!("{tag}-person")).await;
    reason.send_keys("\u{e007}").await.unwrap();
    chromium.find("#progress .waiting").await;
    shoot(&chromium, &format!("{tag}-logout-waiting")).await;
    let url = chromium.driver.current_url().await.unwrap().to_string();
    let news = aw.poll("web-1", "0", &[("max_staleness", "60")]).await;
    aw.poll("web-1", &news.cursor, &[("max_staleness", "60")]).await;
    chromium.find("#progress .confirmed").await;
    assert_eq!(chromium.driver.current_url().await.unwrap().to_string(), url, "by itself");
    shoot(&chromium, &format!("{tag}-logout-confirmed")).await;
    for page in ["apps", "apps/aw", "apps/cw", "everybody", "logouts", "audit"] {
        chromium.open(&format!("{}/admin/{page}", passport.url)).await;
        shoot(&chromium, &format!("{tag}-{}", page.replace('/', "-"))).await;
    }
    for (app, found) in [("cw", ".steps .bad"), ("cw", ".note.good")] {
        chromium.open(&format!("{}/admin/apps/{app}", passport.url)).await;
        chromium.find("form[action$='/doctor'] button").await.click().await.unwrap();
        chromium.find(found).await;
        shoot(&chromium, &format!("{tag}-doctor-{}", &found[1..5])).await;
        receiver.otherwise(Play::Status(204));
    }
    let said = chromium.console().await;
    let bad: Vec<_> = said.iter().filter(|line| !line.contains("favicon")).collect();
    assert!(bad.is_empty(), "{bad:?}");
    chromium.quit().await;
}

#[actix_web::test]
async fn a_forced_logout_is_watched_on_a_wide_light_screen() {
    story(Look::default(), "light").await;
}

#[actix_web::test]
async fn a_forced_logout_is_watched_in_the_dark_on_a_phone() {
    story(Look { width: 390, dark: true, language: "ru" }, "dark390").await;
}

#[actix_web::test]
async fn the_console_in_chinese_on_a_light_phone() {
    story(Look { width: 390, dark: false, language: "zh" }, "zh390").await;
}
