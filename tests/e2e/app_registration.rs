//! Changing what is registered of an app.

use harness::{Database, Passport, on_both, process::Home};
use serde_json::json;
use sso_server::flows::apps::{self, AppsError, ChangeApp};

const NEW: &str = "https://new.aw.example/cb";

// SECURITY-CASES D-12: the old address is out of use with the commit, on every node.
#[actix_web::test]
async fn a_return_url_moves_on_every_node_at_once() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let other = passport.second_node().await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let mut browser = passport.signed_in("member").await;
        let mut elsewhere = other.browser();
        elsewhere.cookies = browser.cookies.clone();
        let entered = aw.enter(&mut browser).await;
        aw.send(&mut elsewhere).await.ticket();

        let urls = [NEW.to_owned()];
        let change = ChangeApp { return_urls: Some(&urls), ..ChangeApp::default() };
        let changed = apps::update(&passport.app, "aw", change).await.unwrap().changed;
        assert_eq!(changed, ["return_to"]);

        let new = [("app", "aw"), ("return_to", NEW), ("state", "s")];
        let new = format!("/login?{}", harness::browser::encode(new));
        for browser in [&mut browser, &mut elsewhere] {
            let refused = aw.send(browser).await;
            assert_eq!((refused.status.as_u16(), refused.location()), (400, ""));
            assert!(browser.get(&new).await.location().starts_with(NEW));
        }
        assert_eq!(aw.status(&entered.app_session).await.json()["state"], "active");
        let line = passport.audited("app.changed").await;
        let told: serde_json::Value = serde_json::from_str(&line.detail).unwrap();
        assert_eq!(told["return_to"], json!({ "from": [aw.return_to], "to": [NEW] }));
        assert_eq!(told.get("name"), None, "only what is different");
    })
    .await;
}

#[actix_web::test]
async fn what_add_refuses_is_refused_and_nothing_is_half_changed() {
    let passport = Passport::start().await;
    passport.add_app("aw").await;
    let bad = ["https://aw.example/#fragment".to_owned()];
    let (all, plain) = (ChangeApp::default(), Some("Aw"));
    for change in [
        ChangeApp { name: Some(" "), ..all },
        ChangeApp { name: plain, return_urls: Some(&bad), ..all },
        ChangeApp { name: plain, origins: Some(&bad), ..all },
        ChangeApp { name: plain, events_url: Some(Some("nowhere")), ..all },
    ] {
        let refused = apps::update(&passport.app, "aw", change).await.unwrap_err();
        assert!(matches!(refused, AppsError::Name | AppsError::Url { .. }), "{refused}");
    }
    let unknown = apps::update(&passport.app, "bw", ChangeApp { name: plain, ..all }).await;
    assert!(matches!(unknown, Err(AppsError::Unknown(_))));
    let changes = "SELECT COUNT(*) FROM audit WHERE kind = 'app.changed'";
    assert_eq!(passport.count(changes).await, 0);
    assert_eq!(passport.text("SELECT name FROM apps").await, "aw");

    let change = ChangeApp { name: plain, ..all };
    assert_eq!(apps::update(&passport.app, "aw", change).await.unwrap().changed, ["name"]);
    assert_eq!(apps::update(&passport.app, "aw", change).await.unwrap().changed, [""; 0]);
    assert_eq!(passport.count(changes).await, 1, "what is so already is no change");
}

#[actix_web::test]
async fn an_operator_grants_and_takes_back_beside_a_running_server() {
    let home = Home::new(Database::Sqlite).await;
    let node = home.serve();
    home.add_user("member", harness::PASSWORD);
    let aw = home.add_app("aw", &node);
    let mut browser = node.browser();
    browser.sign_in("member").await;

    let entered = aw.enter(&mut browser).await;
    let refused = aw.end(&entered.app_session, "user").await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("app set ID --may-end-user"), "{}", refused.body);
    let shown = home.json(&["app", "set", "aw", "--may-end-user", "--jsonp", "--json"]);
    assert_eq!((&shown["may_end_user"], &shown["jsonp"]), (&json!(true), &json!(true)));
    assert_eq!(shown.get("secret"), None);
    assert_eq!(aw.end(&entered.app_session, "user").await.status, 200);

    let shown = home.json(&["app", "set", "aw", "--no-may-end-user", "--json"]);
    assert_eq!((&shown["may_end_user"], &shown["jsonp"]), (&json!(false), &json!(true)));
    assert_eq!(home.run(&["app", "set", "bw", "--jsonp"]).status.code(), Some(1));
    for wrong in [&["app", "set", "aw"][..], &["app", "set", "aw", "--jsonp", "--no-jsonp"]] {
        assert_eq!(home.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
