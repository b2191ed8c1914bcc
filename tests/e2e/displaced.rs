//! The page in front of a displaced person says so by itself.

use harness::chromium::{Chromium, Look};
use harness::family::Family;

use crate::scene::until;

pub async fn sign_in(browser: &Chromium, site: &str) {
    browser.open(&format!("{site}/sso/login?next=/")).await;
    browser.find("#username").await.send_keys("goal").await.unwrap();
    browser.find("#password").await.send_keys(harness::PASSWORD).await.unwrap();
    browser.find("form button").await.click().await.unwrap();
    until("signed in", async || browser.text().await.contains("Hello, goal")).await;
}

#[actix_web::test]
async fn the_first_computer_tells_its_story_when_the_second_signs_in() {
    let family = Family::with(|config| config.session.max_per_user = 1).await;
    let (first, second) =
        (Chromium::start(Look::default()).await, Chromium::start(Look::default()).await);
    sign_in(&first, &family.aw).await;
    // The page follows: the stream is open before the other computer comes.
    until("the page follows", async || {
        let open =
            "performance.getEntriesByType('resource').some((e) => e.name.endsWith('/sso.js'))";
        first.ask(open).await == true
    })
    .await;
    sign_in(&second, &family.bw).await;

    let dialog = first.find("#passport-over").await;
    let text = dialog.text().await.unwrap();
    assert!(text.contains("You are signed out"), "{text}");
    assert!(text.contains("Chrome on Linux (127.0.0.1)"), "{text}");
    first.picture("displaced").await;
    let focused = "document.querySelector('#passport-over').contains(document.activeElement)";
    assert_eq!(first.ask(focused).await, true, "the keyboard is in the dialog");
    assert!(second.text().await.contains("Hello, goal"), "the second one stays");

    // "This was not me" leads to where the account is made one's own again.
    first.find("#passport-over a[href$='/account/secure']").await.click().await.unwrap();
    until("the page", async || first.text().await.contains("choose a new password")).await;
    first.picture("secure").await;
    for (field, value) in
        [("username", "goal"), ("password", harness::PASSWORD), ("new", NEW), ("repeat", NEW)]
    {
        first.find(&format!("#{field}")).await.send_keys(value).await.unwrap();
    }
    first.find("form button").await.click().await.unwrap();
    until("done", async || first.text().await.contains("Your password is changed")).await;
    until("bw has confirmed", async || first.text().await.contains("confirmed after")).await;
    first.picture("secured").await;
    let told = second.find("#passport-over").await.text().await.unwrap();
    assert!(told.contains("The password of this account was changed"), "{told}");
    first.quit().await;
    second.quit().await;
}

const NEW: &str = "quite another sentence";
