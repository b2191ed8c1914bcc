//! How the button, the offer and bw's explanation look: narrow and wide, light and dark, by keyboard.

use harness::chromium::Look;
use serde_json::json;

use crate::scene::{Cookies, Scene, until};

const LOOKS: [(&str, Look); 4] = [
    ("wide-light", Look { width: 1280, dark: false, language: "en" }),
    ("wide-dark", Look { width: 1280, dark: true, language: "en" }),
    ("narrow-light", Look { width: 390, dark: false, language: "zh" }),
    ("narrow-dark", Look { width: 390, dark: true, language: "ru" }),
];

#[actix_web::test]
async fn the_offer_and_the_explanation_fit_and_can_be_read_and_typed() {
    let scene = Scene::start(Cookies::Allowed).await;
    scene.without_fedcm().await;
    let fits = "document.documentElement.scrollWidth <= innerWidth";
    for (name, look) in LOOKS {
        scene.browser.look(look).await;
        scene.at_bw("/").await;
        let offer = scene.browser.find("#passport-offer").await;
        scene.browser.picture(&format!("in-page-offer-{name}")).await;
        assert_eq!(scene.browser.ask(fits).await, true, "{name}");
        let inside = scene
            .browser
            .ask(
                "(({ left, right, bottom }) => left >= 0 && right <= innerWidth && bottom <= innerHeight)(
                     document.querySelector('#passport-offer').getBoundingClientRect())",
            )
            .await;
        assert_eq!(inside, true, "{name}");
        for button in ["#in-page", "#passport-offer .passport-button"] {
            let high = format!("document.querySelector({button:?}).getBoundingClientRect().height");
            assert!(scene.browser.ask(&high).await.as_f64().unwrap() >= 44.0, "{name} {button}");
        }
        assert_eq!(offer.attr("aria-labelledby").await.unwrap().unwrap(), "passport-offer-title");
        scene.at_bw("/how").await;
        until("told", async || scene.browser.text().await.contains("surely signed out")).await;
        // The offer may lie over it.
        scene.browser.ask("void document.querySelector('#explain').click()").await;
        until("each is tried", async || {
            scene.browser.ask("document.querySelectorAll('#now tr').length").await == 4
        })
        .await;
        scene.browser.picture(&format!("in-page-how-{name}")).await;
        assert_eq!(scene.browser.ask(fits).await, true, "{name}: the explanation");
    }
    // By keyboard: Escape sends the offer away, and it stays away in this tab.
    scene.browser.find("#passport-offer button").await.focus().await.unwrap();
    scene.browser.press(thirtyfour::Key::Escape + "").await;
    until("it is gone", async || {
        scene.browser.ask("document.querySelector('#passport-offer')").await == json!(null)
    })
    .await;
    scene.at_bw("/").await;
    let said = scene.run("passport.check()").await;
    assert_eq!(said["status"], "signed_out");
    assert_eq!(scene.browser.ask("document.querySelector('#passport-offer')").await, json!(null));
    scene.browser.quit().await;
}

// An app restyles it by variables, and its own rules win over ours.
#[actix_web::test]
async fn an_app_gives_it_its_own_looks() {
    let scene = Scene::start(Cookies::Allowed).await;
    scene.at_bw("/").await;
    let of = |property: &str| {
        format!(
            "getComputedStyle(document.querySelector('#in-page')).getPropertyValue({property:?})"
        )
    };
    assert_eq!(scene.browser.ask(&of("background-color")).await, "rgb(163, 72, 26)", "bw's brand");
    // bw has a rule for links, too.
    assert_eq!(scene.browser.ask(&of("color")).await, "rgb(255, 255, 255)", "to be read on it");
    let own = "{ const sheet = new CSSStyleSheet();
        sheet.replaceSync('a.passport-button { background: rgb(1, 2, 3) }');
        document.adoptedStyleSheets = [sheet, ...document.adoptedStyleSheets]; }";
    scene.browser.driver.execute(own, []).await.unwrap();
    assert_eq!(scene.browser.ask(&of("background-color")).await, "rgb(1, 2, 3)");
    scene.browser.quit().await;
}
