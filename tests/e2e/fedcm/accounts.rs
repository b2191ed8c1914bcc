//! Who is signed in: for the browser alone.

use harness::{DAY, Database, MINUTE, fedcm, on_both};
use reqwest::Method;
use serde_json::json;
use sso_server::flows::{
    apps::{self, ChangeApp},
    users,
};

use crate::scene::{Scene, assert_closed, assert_sealed, seen};

#[actix_web::test]
async fn the_browser_hears_who_is_signed_in_and_what_it_needs_to_show_them() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        // One that has no pages, and one that is shut off.
        scene.passport.add_app("mute").await;
        let mute = ChangeApp { origins: Some(&[]), ..ChangeApp::default() };
        apps::update(&scene.passport.app, "mute", mute).await.unwrap();
        scene.passport.add_app("shut").await;
        apps::disable(&scene.passport.app, "shut").await.unwrap();
        let answer = fedcm::accounts(&scene.browser).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_sealed(&answer);
        assert_closed(&answer);
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
        let expected = json!({ "accounts": [{
            "id": scene.member, "name": "member", "email": "member@example.org",
            "login_hints": [scene.member], "approved_clients": ["aw", "bw"],
        }] });
        assert_eq!(answer.json(), expected);

        let nobody = fedcm::accounts(&scene.stranger).await;
        assert_eq!((nobody.status.as_u16(), nobody.json()), (401, json!({ "accounts": [] })));
        assert_sealed(&nobody);
        assert_eq!(
            nobody.header("cross-origin-resource-policy"),
            "cross-origin",
            "or it is an error"
        );
    })
    .await;
}

// An app that has suspended the person asks them like a stranger.
#[actix_web::test]
async fn who_is_suspended_at_an_app_is_not_let_in_unasked() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        scene.aw.enter(&mut scene.browser).await;
        let mut tx = scene.passport.app.db.write().await.unwrap();
        let sql = "UPDATE activations SET state = 'suspended'";
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let answer = fedcm::accounts(&scene.browser).await;
        assert_eq!(answer.json()["accounts"][0]["approved_clients"], json!(["bw"]));
    })
    .await;
}

// SECURITY-CASES J-06, X-07: whoever is not the browser on its own account sees nothing, and the same
// nothing whoever sits before it.
#[actix_web::test]
async fn no_page_and_no_person_hears_it() {
    let scene = Scene::start().await;
    let origin = scene.aw.origin();
    let dest = |value| [fedcm::ASKS[0], fedcm::ASKS[1], ("sec-fetch-dest", value)];
    let mut tries: Vec<Vec<(&str, &str)>> =
        ["empty", "document", "iframe", "script", "image", "", "WebIdentity", "webidentity, empty"]
            .into_iter()
            .map(|value| dest(value).to_vec())
            .collect();
    tries.push(vec![]);
    tries.push(vec![("origin", origin.as_str()), ("sec-fetch-mode", "cors")]);
    tries.push(vec![fedcm::ASKS[2], ("sec-fetch-dest", "empty")]);
    tries.push(vec![("sec-fetch-dest", "empty"), fedcm::ASKS[2]]);
    tries.push(vec![fedcm::ASKS[2], fedcm::ASKS[2]]);
    for headers in tries {
        // With all cookies there are, as on a page of our own.
        let inside = scene.browser.clone().get_with("/fedcm/accounts", &headers).await;
        let outside = scene.stranger.clone().get_with("/fedcm/accounts", &headers).await;
        assert_eq!(inside.status, 403, "{headers:?}: {}", inside.body);
        assert_eq!(seen(&inside), seen(&outside), "{headers:?}");
        assert_closed(&inside);
        assert_eq!(inside.header("cross-origin-resource-policy"), "same-origin");
        assert!(!inside.body.contains("member"), "{}", inside.body);
    }
    for method in [Method::OPTIONS, Method::POST, Method::HEAD] {
        let mut browser = scene.browser.on_another_site();
        let answer = browser.request(method.clone(), "/fedcm/accounts", None, &fedcm::ASKS).await;
        assert_eq!(answer.status, 405, "{method}");
    }
    assert!(scene.offers(&scene.browser).await, "control");
}

// SECURITY-CASES S-01: the twin, and not the session's own cookie, which browsers do not send there.
#[actix_web::test]
async fn the_twin_alone_counts() {
    let scene = Scene::start().await;
    let mut only = scene.browser.clone();
    only.forget_all_cookies_but(&["__Host-passport"]);
    let answer = only.get_with("/fedcm/accounts", &fedcm::ASKS).await;
    assert_eq!(answer.status, 401);
    let mut forged = scene.passport.browser();
    let twin = scene.browser.cookies["__Host-passport-x"].clone();
    for value in [format!("{}A", &twin[..86]), scene.browser.cookies["__Host-passport"].clone()] {
        if value != twin {
            forged.cookies.insert("__Host-passport-x".to_owned(), value);
            assert!(!scene.offers(&forged).await);
        }
    }
    assert!(scene.offers(&scene.browser).await, "control");
}

// SECURITY-CASES S-06, S-10: with the commit, on every node.
#[actix_web::test]
async fn whoever_is_out_is_nobody() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let other = scene.passport.second_node().await;
        let there = scene.browser.clone().at(&other);
        assert!(scene.offers(&there).await);
        users::disable(&scene.passport.app, "member", false).await.unwrap();
        assert!(!scene.offers(&scene.browser).await && !scene.offers(&there).await);

        scene.passport.add_user("second").await;
        let mut second = scene.passport.signed_in("second").await;
        let kept = second.clone();
        assert!(scene.offers(&second).await);
        second.sign_out().await;
        assert!(!scene.offers(&kept).await);

        scene.passport.add_user("third").await;
        let third = scene.passport.signed_in("third").await;
        scene.passport.advance(14 * DAY - 1);
        assert!(scene.offers(&third).await, "not idle for long enough");
        scene.passport.advance(1);
        assert!(!scene.offers(&third).await, "and that was no sign of life");
    })
    .await;
}

// SECURITY-CASES J-09
#[actix_web::test]
async fn the_question_writes_nothing() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        const SEEN: &str = "SELECT last_seen_at + idle_until FROM sessions";
        let before = scene.passport.count(SEEN).await;
        let lines = scene.passport.count("SELECT COUNT(*) FROM audit").await;
        scene.passport.advance(10 * MINUTE);
        let writer = scene.passport.app.db.write().await.unwrap();
        for _ in 0..3 {
            assert!(scene.offers(&scene.browser).await && !scene.offers(&scene.stranger).await);
            assert_eq!(scene.aw.assertion(&scene.browser, &scene.member).await.status, 200);
            assert_eq!(scene.aw.disconnect(&scene.browser, &scene.member).await.status, 200);
        }
        drop(writer);
        // Whatever was to be written would come before this.
        scene.passport.add_user("later").await;
        assert_eq!(scene.passport.count(SEEN).await, before);
        assert_eq!(scene.passport.count("SELECT COUNT(*) FROM audit").await, lines + 1, "later");
    })
    .await;
}

// SECURITY-CASES J-13
#[actix_web::test]
async fn too_many_questions_from_one_network_wait_for_the_next_minute() {
    let scene = Scene::with(Database::Sqlite, |config| {
        config.throttle.page_checks_per_minute = 3;
    })
    .await;
    for _ in 0..10 {
        assert!(!scene.offers(&scene.stranger).await, "who shows nothing costs nothing");
    }
    for _ in 0..3 {
        assert!(scene.offers(&scene.browser).await);
    }
    let answer = fedcm::accounts(&scene.browser).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "61"));
    assert_eq!(
        scene.aw.assertion(&scene.browser, &scene.member).await.status,
        200,
        "another count"
    );
    scene.passport.advance(MINUTE);
    assert!(scene.offers(&scene.browser).await, "the next minute");
}
