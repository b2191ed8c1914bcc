//! A provider of another make (Net::OpenID::Server), so that the first one's ways are not taken for
//! the protocol. Its quirks: it cancels without `ns`, hints at types that do not exist, and says yes to
//! the same question again and again.

use harness::{Answer, Browser, Provider, on_both};

use crate::scene::{Scene, problem};

async fn log_in(scene: &Scene, op: &Provider, browser: &mut Browser, page: &str) -> Answer {
    let left = scene.leave(browser, "", &op.at(page)).await;
    let sent = op.sends_back(left.location()).await;
    scene.bring(browser, &sent).await
}

async fn modes(op: &Provider) -> String {
    reqwest::get(op.at("_log")).await.unwrap().text().await.unwrap()
}

#[actix_web::test]
async fn a_provider_of_another_make() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let op = Provider::of_another_make();
        for page in ["id/alice", "one/alice"] {
            // Without a key, and later with one.
            let answer = log_in(&scene, &op, &mut scene.browser(), page).await;
            assert!(answer.location().starts_with("/register/openid"), "{}", answer.location());
            assert!(modes(&op).await.contains("check_authentication"), "{page}");
            let left = loop {
                let left = scene.leave(&mut scene.browser(), "", &op.at(page)).await;
                if left.sent("openid.assoc_handle").is_some() {
                    break left;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            };
            drop(left);
            modes(&op).await;
            let mut browser = scene.browser();
            let answer = log_in(&scene, &op, &mut browser, page).await;
            assert!(answer.location().starts_with("/register/openid"), "{}", answer.location());
            assert!(!modes(&op).await.contains("check_authentication"), "{page}");
            let form = browser.get(answer.location()).await.form("/register/openid");
            let name = page.replace('/', "-");
            let form = form.with("username", &name).with("nickname", "").with("email", "");
            assert_eq!(browser.submit(&form).await.location(), "/account");
            let answer = log_in(&scene, &op, &mut scene.browser(), page).await;
            assert_eq!(answer.location(), "/account");
        }
        let answer = log_in(&scene, &op, &mut scene.browser(), "no/alice").await;
        assert_eq!(problem(&answer), "openid-cancelled");
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM identities").await, 2);
    })
    .await;
}
