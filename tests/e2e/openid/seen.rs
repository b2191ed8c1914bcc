//! In a real browser: the whole way at a provider on another site, and each page in light and dark,
//! wide and narrow, in three languages.

use harness::{
    Database,
    chromium::{Chromium, Look},
};

use crate::scene::Scene;

const LOOKS: [Look; 4] = [
    Look { width: 1280, dark: false, language: "en" },
    Look { width: 390, dark: true, language: "zh" },
    Look { width: 390, dark: false, language: "ru" },
    Look { width: 1280, dark: true, language: "en" },
];

async fn type_openid(browser: &Chromium, identifier: &str) {
    let field = browser.find("#openid_identifier").await;
    field.clear().await.unwrap();
    field.send_keys(identifier).await.unwrap();
}

async fn picture(browser: &Chromium, look: Look, name: &str) {
    browser.settled().await;
    let shade = if look.dark { "dark" } else { "light" };
    browser.picture(&format!("openid-{name}-{}-{shade}-{}", look.width, look.language)).await;
    let [page, window] =
        ["scrollWidth", "clientWidth"].map(|width| format!("document.documentElement.{width}"));
    assert_eq!(browser.ask(&page).await, browser.ask(&window).await, "{name}: scrolls sideways");
    for line in browser.console().await {
        assert!(line.contains("status of 4"), "{name}: {line}");
    }
}

#[actix_web::test]
async fn the_whole_way_in_every_light() {
    let scene = Scene::on(Database::Sqlite).await;
    let aw = scene.passport.add_app("aw").await;
    let sso = &scene.passport.url;
    let browser = Chromium::start(LOOKS[0]).await;
    for (number, look) in LOOKS.into_iter().enumerate() {
        browser.look(look).await;
        browser.open(&format!("{sso}/login")).await;
        picture(&browser, look, "login").await;

        // Not found, and what was typed is still there.
        type_openid(&browser, &scene.provider.at("nothing")).await;
        browser.find("form[action='/login/openid'] button").await.click().await.unwrap();
        browser.find("#openid-problem").await;
        picture(&browser, look, "not-found").await;

        // To the provider, on another site, and back.
        browser.open(&format!("{sso}/login")).await;
        type_openid(&browser, &scene.provider.at(&format!("id/alice{number}"))).await;
        browser.find("#remember").await.click().await.unwrap();
        browser.find("form[action='/login/openid'] button").await.click().await.unwrap();
        browser.find("#nickname").await;
        picture(&browser, look, "register").await;
        browser.find("#email").await.send_keys(" x").await.unwrap();
        browser.find("form[action='/register/openid'] button").await.click().await.unwrap();
        browser.find("#problem").await;
        browser.find("#email").await.clear().await.unwrap();
        browser.find("form[action='/register/openid'] button").await.click().await.unwrap();
        browser.find("#sessions").await;
        picture(&browser, look, "account").await;

        // One more way in.
        browser.open(&format!("{sso}/account/identities")).await;
        picture(&browser, look, "only-one").await;
        type_openid(&browser, &scene.provider.at(&format!("id/other{number}"))).await;
        browser.find("form.add button").await.click().await.unwrap();
        browser.find(".note.good").await;
        picture(&browser, look, "identities").await;

        // In use elsewhere; removed, it takes that along.
        let mine = scene.provider.at(&format!("id/alice{number}"));
        let mut elsewhere = scene.browser();
        scene.log_in(&mut elsewhere, "", &mine).await;
        aw.enter(&mut elsewhere).await;
        browser.open(&format!("{sso}/account/identities")).await;
        browser.find("[name=ends]:checked").await;
        picture(&browser, look, "in-use").await;
        browser.find("li:has([name=ends]:checked) form button").await.click().await.unwrap();
        browser.find("#progress").await;
        picture(&browser, look, "removed").await;
        assert!(!elsewhere.is_signed_in().await);

        browser.open(&format!("{sso}/logout")).await;
        browser.find("form[action='/logout'] button").await.click().await.unwrap();
        // Going on before the answer would call the request back.
        browser.find(".sign").await;
        browser.open(&format!("{sso}/register/openid?t={}", "A".repeat(43))).await;
        picture(&browser, look, "void").await;
    }
    browser.quit().await;
}
