//! An app has the browser forget somebody.

use serde_json::json;
use sso_server::flows::apps;

use crate::scene::{Scene, assert_open_to, assert_sealed, refusal};

// SECURITY-CASES S-01: the twin takes nothing away.
#[actix_web::test]
async fn the_browser_hears_whom_to_forget_and_nothing_ends() {
    harness::on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let entered = scene.aw.enter(&mut scene.browser).await;
        let answer = scene.aw.disconnect(&scene.browser, &scene.member).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (200, json!({ "account_id": scene.member }))
        );
        assert_open_to(&answer, &scene.aw.origin());
        assert_sealed(&answer);
        assert_eq!(scene.aw.status(&entered.app_session).await.json()["state"], "active");
        assert!(scene.browser.is_signed_in().await);

        let denied = async |browser: &harness::Browser, hint: &str, word: &str| {
            let answer = scene.aw.disconnect(browser, hint).await;
            assert_eq!((answer.status.as_u16(), &*refusal(&answer)), (403, word), "{hint}");
            assert_open_to(&answer, &scene.aw.origin());
        };
        // No app learns by guessing who it is.
        for hint in ["member", "member@example.org", "", "somebody"] {
            denied(&scene.browser, hint, "access_denied").await;
        }
        denied(&scene.stranger, &scene.member, "access_denied").await;
        apps::disable(&scene.passport.app, "aw").await.unwrap();
        denied(&scene.browser, &scene.member, "unauthorized_client").await;
    })
    .await;
}
