//! Out of an app, and out of everything.

use super::{Scene, says};
use crate::scene::until;

#[actix_web::test]
async fn out_of_one_app_or_out_of_all() {
    let scene = Scene::new().await;
    let (aw, bw) = (scene.shop("aw").await, scene.shop("bw").await);
    let mut person = scene.person();
    let (mut at_aw, mut at_bw) = (person.enter(&aw).await, person.enter(&bw).await);

    let kept = at_aw.cookies.clone();
    let answer = at_aw.post("/sso/logout", &[("scope", "app"), ("next", "/members")]).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/members"));
    assert_eq!(says(&mut at_aw).await, "nobody");
    at_aw.cookies = kept;
    assert_eq!(says(&mut at_aw).await, "nobody", "an old cookie does not bring it back");
    assert_eq!(says(&mut at_bw).await, "member");
    assert!(person.0.is_signed_in().await);

    let mut at_aw = person.enter(&aw).await;
    let answer = at_bw.post("/sso/logout", &[("scope", "session")]).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"));
    assert_eq!(says(&mut at_bw).await, "nobody", "without waiting for the event");
    assert!(!person.0.is_signed_in().await);
    until("aw hears", async || says(&mut at_aw).await == "nobody").await;
}

#[actix_web::test]
async fn no_other_site_signs_anybody_out() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let mut browser = scene.person().enter(&aw).await;
    assert!(browser.get("/sso/logout").await.status.is_client_error(), "not by opening an address");
    for site in ["cross-site", "same-site", "nonsense"] {
        let from = [("sec-fetch-site", site)];
        assert_eq!(browser.post_body("/sso/logout", String::new(), &from).await.status, 403);
        assert_eq!(says(&mut browser).await, "member", "{site}");
    }
    assert_eq!(browser.post("/sso/logout", &[("scope", "user")]).await.status, 400);
    assert_eq!(says(&mut browser).await, "member");
    let from = [("sec-fetch-site", "same-origin")];
    assert_eq!(browser.post_body("/sso/logout", String::new(), &from).await.status, 303);
    assert_eq!(says(&mut browser).await, "nobody");
}

#[actix_web::test]
async fn without_passport_one_still_leaves_the_app_and_is_told_the_truth() {
    let scene = Scene::new().await;
    let aw = scene.shop("aw").await;
    let mut person = scene.person();
    let mut browser = person.enter(&aw).await;
    let kept = browser.cookies.clone();
    scene.cable.unplug();
    let answer = browser.post("/sso/logout", &[("scope", "session")]).await;
    assert_eq!(answer.status, 503, "elsewhere it is not over");
    assert!(answer.body.contains("signed out here"), "{}", answer.body);
    assert_eq!(says(&mut browser).await, "nobody");
    browser.cookies = kept;
    assert_eq!(says(&mut browser).await, "nobody", "an old cookie does not bring it back");
    scene.cable.plug(scene.passport.address);
    assert!(person.0.is_signed_in().await);
}
