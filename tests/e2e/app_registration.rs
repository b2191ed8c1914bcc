//! Changing what is registered of an app.

use harness::{Database, PASSWORD, Passport, on_both, process::Home};
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

// SECURITY-CASES R-18: what the form was shown for is checked again when it is sent.
#[actix_web::test]
async fn a_login_under_way_ends_at_no_address_that_was_given_up() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        passport.add_user("member").await;
        let aw = passport.add_app("aw").await;
        let register = async |url: &str| {
            let urls = [url.to_owned()];
            let change = ChangeApp { return_urls: Some(&urls), ..ChangeApp::default() };
            apps::update(&passport.app, "aw", change).await.unwrap();
        };
        let mut browser = passport.browser();
        let form = browser.login_form(&aw.login_query(&[]), "member", PASSWORD).await;
        register(NEW).await;
        let refused = browser.submit(&form).await;
        assert_eq!((refused.status.as_u16(), refused.location()), (400, ""));
        assert_eq!(passport.count("SELECT COUNT(*) FROM sessions").await, 0);

        register(&aw.return_to).await;
        assert!(browser.submit(&form).await.location().starts_with(&aw.return_to));
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
        ChangeApp { name: plain, front_logout_url: Some(Some("http://aw.example/")), ..all },
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

    let url = "https://aw.example/sso/front-logout";
    let all = ["--may-login", "--silent", "ask_first", "--front-logout-url", url];
    let none = ["--no-may-login", "--silent", "always", "--no-front-logout-url", "--json"];
    let shown = home.json(&[&["app", "set", "aw", "--json"], &all[..]].concat());
    let rights = |shown: &serde_json::Value| {
        ["may_login", "silent", "front_logout_url"].map(|field| shown[field].clone())
    };
    assert_eq!(rights(&shown), [json!(true), json!("ask_first"), json!(url)]);
    assert_eq!(rights(&home.json(&["app", "list", "--json"])[0]), rights(&shown));
    let shown = home.json(&[&["app", "set", "aw"], &none[..]].concat());
    assert_eq!(rights(&shown), [json!(false), json!("always"), json!(null)]);
    assert_eq!(home.run(&["app", "set", "aw", "--silent", "perhaps"]).status.code(), Some(2));

    let shown = home.json(&["app", "set", "aw", "--no-may-end-user", "--json"]);
    assert_eq!((&shown["may_end_user"], &shown["jsonp"]), (&json!(false), &json!(true)));
    assert_eq!(home.run(&["app", "set", "bw", "--jsonp"]).status.code(), Some(1));
    for wrong in [&["app", "set", "aw"][..], &["app", "set", "aw", "--jsonp", "--no-jsonp"]] {
        assert_eq!(home.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
