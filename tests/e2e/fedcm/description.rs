//! What the browser reads before it asks.

use harness::fedcm::ASKS;
use sso_server::flows::apps;

use crate::scene::{Scene, assert_closed, refusal};

#[actix_web::test]
async fn the_well_known_file_and_the_configuration_agree() {
    let mut scene = Scene::start().await;
    let url = scene.passport.url.clone();
    let known = scene.stranger.get_with("/.well-known/web-identity", &ASKS).await;
    assert_eq!((known.status.as_u16(), known.header("content-type")), (200, "application/json"));
    let known = known.json();
    assert_eq!(known["provider_urls"].as_array().unwrap().len(), 1, "more are not allowed");
    let config = known["provider_urls"][0].as_str().unwrap().strip_prefix(&url).unwrap().to_owned();
    let answer = scene.stranger.get_with(&config, &ASKS).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    // Without this the browser keeps its own request from itself.
    assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
    assert_closed(&answer);
    let config = answer.json();
    for name in ["accounts_endpoint", "login_url"] {
        let (short, whole) = (config[name].as_str().unwrap(), known[name].as_str().unwrap());
        assert_eq!(format!("{url}{short}"), whole, "{name}");
    }
    // Nothing depends on who asks, or with which cookie.
    let own = scene.browser.get_with("/fedcm/config.json", &[("origin", &scene.aw.origin())]).await;
    assert_eq!(own.json(), config);

    for name in ["id_assertion_endpoint", "disconnect_endpoint"] {
        let path = config[name].as_str().unwrap();
        assert_eq!(scene.stranger.get(path).await.status, 405, "{name} is there");
    }
    for name in ["accounts_endpoint", "client_metadata_endpoint", "login_url"] {
        let answer = scene.stranger.get(config[name].as_str().unwrap()).await;
        assert_ne!(answer.status, 404, "{name} is there");
    }
    let icon = config["branding"]["icons"][0]["url"].as_str().unwrap();
    let icon = scene.stranger.get(icon.strip_prefix(&url).unwrap()).await;
    assert_eq!((icon.status.as_u16(), icon.header("content-type")), (200, "image/png"));
    assert_eq!(icon.header("cross-origin-resource-policy"), "cross-origin");
}

#[actix_web::test]
async fn a_page_hears_about_its_own_app_alone() {
    let mut scene = Scene::start().await;
    let origin = scene.aw.origin();
    let own = [ASKS[2], ("origin", origin.as_str())];
    let aw = "/fedcm/client-metadata?client_id=aw";
    let answer = scene.stranger.get_with(aw, &own).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "{}"));
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    assert_eq!(answer.header("access-control-allow-credentials"), "", "none came");
    for (path, headers) in [
        (aw, vec![ASKS[2], ("origin", "http://evil.localhost")]),
        (aw, vec![ASKS[2]]),
        (aw, vec![own[0], own[1], own[1]]),
        ("/fedcm/client-metadata?client_id=bw", own.to_vec()),
        ("/fedcm/client-metadata?client_id=zz", own.to_vec()),
    ] {
        let answer = scene.stranger.get_with(path, &headers).await;
        assert_eq!((answer.status.as_u16(), &*refusal(&answer)), (403, "unauthorized_client"));
        assert_closed(&answer);
    }
    apps::disable(&scene.passport.app, "aw").await.unwrap();
    let answer = scene.stranger.get_with(aw, &own).await;
    assert_eq!((answer.status.as_u16(), &*refusal(&answer)), (403, "unauthorized_client"));
}
