//! Passport in a window of its own, opened by a click.

use std::ops::Deref;

use harness::{PASSWORD, page::Page};
use serde_json::json;
use thirtyfour::WindowHandle;

use crate::scene::{Cookies, Scene, until};

/// Clicks bw's button; answers bw's window and the new one, which is in front.
pub async fn opened(scene: &Scene<impl Deref<Target = Page>>) -> (WindowHandle, WindowHandle) {
    scene.without_fedcm().await;
    scene.at_bw("/").await;
    let page = scene.browser.driver.window().await.unwrap();
    scene.browser.find("#in-page").await.click().await.unwrap();
    until("a window", async || scene.browser.driver.windows().await.unwrap().len() == 2).await;
    let windows = scene.browser.driver.windows().await.unwrap();
    let popup = windows.into_iter().find(|window| *window != page).unwrap();
    scene.browser.driver.switch_to_window(popup.clone()).await.unwrap();
    (page, popup)
}

// Passport's pages let go of whoever opened them (COOP), and it works all the same: what ends in the
// window is the app's own page.
#[actix_web::test]
async fn a_window_opens_signs_in_and_closes() {
    for cookies in [Cookies::Allowed, Cookies::Blocked, Cookies::Incognito] {
        let scene = Scene::start(cookies).await;
        let (page, _) = opened(&scene).await;
        scene.browser.find("#username").await;
        scene.browser.picture("in-page-popup").await;
        assert_eq!(scene.browser.ask("window.opener").await, json!(null), "nobody is there");
        scene.type_password().await;
        until("it closes", async || scene.browser.driver.windows().await.unwrap().len() == 1).await;
        scene.browser.driver.switch_to_window(page).await.unwrap();
        until("the page knows", async || scene.browser.text().await.contains("Hello, goal")).await;
        scene.browser.quit().await;
    }
}

#[actix_web::test]
async fn a_window_whose_opener_is_gone_goes_on_by_itself() {
    let scene = Scene::start(Cookies::Blocked).await;
    let (page, popup) = opened(&scene).await;
    scene.browser.find("#username").await.send_keys("goal").await.unwrap();
    scene.browser.driver.switch_to_window(page).await.unwrap();
    scene.browser.driver.close_window().await.unwrap();
    scene.browser.driver.switch_to_window(popup).await.unwrap();
    scene.browser.find("#password").await.send_keys(PASSWORD).await.unwrap();
    scene.browser.find("form button").await.click().await.unwrap();
    until("bw's page", async || scene.browser.text().await.contains("Hello, goal")).await;
    assert_eq!(scene.browser.ask("location.pathname").await, "/");
    scene.browser.quit().await;
}

// A window that is kept from opening, and a window that is closed half-way.
#[actix_web::test]
async fn a_blocked_window_becomes_a_redirect_and_a_closed_one_does_no_harm() {
    let scene = Scene::start(Cookies::Blocked).await;
    let (page, _) = opened(&scene).await;
    scene.browser.driver.close_window().await.unwrap();
    scene.browser.driver.switch_to_window(page).await.unwrap();
    let said = scene.run("passport.check()").await;
    assert_eq!(said["status"], "unknown", "{said}");

    scene.browser.ask("void (window.open = () => null)").await;
    scene.browser.find("#in-page").await.click().await.unwrap();
    scene.type_password().await;
    until("back at bw", async || scene.browser.text().await.contains("Hello, goal")).await;
    scene.browser.quit().await;
}
