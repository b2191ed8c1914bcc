//! The rung of the ladder on which the browser itself asks Passport (FedCM). FedCM alone: target `fedcm`.

use serde_json::json;

use crate::scene::{Cookies, Scene, until};

// Where cookies are blocked: one tap in the browser's dialog. From then on the frame is let through.
#[actix_web::test]
async fn one_tap_in_the_browsers_dialog_and_none_the_next_time() {
    let scene = Scene::start(Cookies::Blocked).await;
    scene.browser.without_delays().await;
    scene.sign_in().await;
    scene.at_bw("/").await;
    scene.browser.dialog("AccountChooser").await;
    let shown = scene.browser.ask("document.querySelector('#passport-offer')").await;
    assert_eq!(shown, json!(null), "one offer at a time");
    scene.browser.select_account(0).await;
    until("in", async || scene.browser.text().await.contains("Hello, goal")).await;
    assert_eq!(scene.browser.ask("passport.last.via").await, "fedcm");

    scene.new_at_bw().await;
    scene.at_bw("/").await;
    until("in again", async || scene.browser.text().await.contains("Hello, goal")).await;
    assert_eq!(scene.browser.ask("passport.last.via").await, "frame");

    // Signed out everywhere: surely out, by the same way.
    scene.browser.find("#logout-everywhere").await.click().await.unwrap();
    scene.browser.find("#in-page").await;
    scene.browser.ask("sessionStorage.clear()").await;
    scene.at_bw("/").await;
    scene.browser.find("#passport-offer").await;
    let last = scene.browser.ask("passport.last").await;
    assert_eq!((&last["status"], &last["via"]), (&json!("signed_out"), &json!("frame")), "{last}");
    scene.browser.quit().await;
}

// By a click, also for those who are signed in nowhere; and whoever sends the dialog away has a window.
#[actix_web::test]
async fn a_click_opens_the_browsers_own_dialog_and_the_next_one_a_window() {
    let scene = Scene::start(Cookies::Blocked).await;
    scene.browser.without_delays().await;
    scene.sign_in().await;
    scene.browser.open(&format!("{}/site.css", scene.family.bw)).await;
    scene.browser.ask("sessionStorage.setItem('passport.later', '1')").await;
    scene.at_bw("/").await;
    let said = scene.run("passport.check()").await;
    assert_eq!(said["status"], "unknown", "{said}");
    scene.browser.find("#in-page").await.click().await.unwrap();
    // Looked at by somebody, and then sent away.
    scene.browser.dialog("AccountChooser").await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    scene.browser.cancel_dialog().await;
    until("it is over", async || {
        scene.browser.ask("sessionStorage.getItem('passport.fedcm')").await == "no"
    })
    .await;
    assert_eq!(scene.browser.driver.windows().await.unwrap().len(), 1, "no window behind it");
    scene.browser.find("#in-page").await.click().await.unwrap();
    until("in by a window", async || scene.browser.text().await.contains("Hello, goal")).await;
    scene.browser.quit().await;

    let scene = Scene::start(Cookies::Incognito).await;
    scene.browser.without_delays().await;
    scene.browser.open(&format!("{}/site.css", scene.family.bw)).await;
    scene.browser.ask("sessionStorage.setItem('passport.later', '1')").await;
    scene.at_bw("/").await;
    let page = scene.browser.driver.window().await.unwrap();
    scene.browser.find("#in-page").await.click().await.unwrap();
    let windows = async || scene.browser.driver.windows().await.unwrap();
    until("the browser's window", async || windows().await.len() == 2).await;
    let opened = windows().await.into_iter().find(|window| *window != page).unwrap();
    scene.browser.driver.switch_to_window(opened).await.unwrap();
    scene.type_password().await;
    until("it closes", async || windows().await.len() == 1).await;
    scene.browser.driver.switch_to_window(page).await.unwrap();
    scene.browser.dialog("AccountChooser").await;
    scene.browser.select_account(0).await;
    until("in", async || scene.browser.text().await.contains("Hello, goal")).await;
    assert_eq!(scene.browser.ask("passport.last.via").await, "fedcm");
    scene.browser.quit().await;
}
