//! Commands beside a running server, which obeys at once, and what they print.

use harness::{Browser, Node, PASSWORD, Passport, TestApp, on_both, process::Home};
use serde_json::Value;
use sso_server::{
    app::App,
    flows::users::{self, AddUser, UsersError},
    random::Random,
};

use crate::scene::until;

/// A server with a member and an app, and a browser that is signed in at both.
struct Scene {
    home: Home,
    node: Node,
    aw: TestApp,
    browser: Browser,
    app_session: String,
}

impl Scene {
    async fn on(database: harness::Database) -> Self {
        let home = Home::new(database).await;
        let node = home.serve();
        home.add_user("member", PASSWORD);
        let aw = home.add_app("aw", &node);
        let mut browser = node.browser();
        browser.sign_in("member").await;
        let app_session = aw.enter(&mut browser).await.app_session;
        Self { home, node, aw, browser, app_session }
    }

    /// Whether the server has obeyed: the browser is out, and the app heard why.
    async fn assert_out(&mut self, cause: &str) {
        assert!(!self.browser.is_signed_in().await, "{cause}");
        let event = self.aw.events("0").await.events.pop().unwrap();
        assert_eq!(event.app_session.as_deref(), Some(&*self.app_session));
        assert_eq!(event.cause.unwrap().as_str(), cause);
    }

    /// Whether all is as before.
    async fn assert_in(&mut self) {
        assert!(self.browser.is_signed_in().await);
        assert_eq!(self.aw.status(&self.app_session).await.json()["state"], "active");
    }
}

#[actix_web::test]
async fn sessions_are_seen_and_ended_beside_the_server() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let listed = scene.home.json(&["session", "list", "--json"]);
        assert_eq!(listed.as_array().unwrap().len(), 1);
        let session = &listed[0];
        assert_eq!(session["username"], "member");
        assert_eq!(session["apps"], serde_json::json!(["aw"]));
        assert_eq!(session["address"], "127.0.0.1");
        assert!(session["device"].as_str().unwrap().contains("Firefox"), "{session}");
        assert_eq!(scene.home.json(&["session", "list", "--user", "MEMBER", "--json"]), listed);
        scene.home.add_user("other", PASSWORD);
        let none = scene.home.json(&["session", "list", "--user", "other", "--json"]);
        assert_eq!(none, serde_json::json!([]));
        let table = scene.home.say(&["session", "list"]);
        assert!(table.starts_with("ID") && table.contains("member") && table.contains("aw"));

        let id = session["id"].as_str().unwrap().to_owned();
        scene.home.refused(1, &["session", "end", &id[..id.len() - 1]]);
        scene.assert_in().await;
        let ended = scene.home.json(&["session", "end", &id, "--reason", "lost", "--json"]);
        assert_eq!((&ended["sessions"], &ended["app_sessions"]), (&1.into(), &1.into()));
        scene.assert_out("admin").await;
        assert!(scene.home.refused(1, &["session", "end", &id]).contains(&id));
        assert_eq!(scene.home.json(&["session", "list", "--json"]), serde_json::json!([]));
    })
    .await;
}

#[actix_web::test]
async fn accounts_are_managed_beside_the_server() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let ended = scene.home.json(&["user", "logout", "member", "--json"]);
        assert_eq!((&ended["sessions"], &ended["app_sessions"]), (&1.into(), &1.into()));
        scene.assert_out("admin").await;

        scene.browser.sign_in("member").await;
        scene.app_session = scene.aw.enter(&mut scene.browser).await.app_session;
        scene.home.say(&["user", "disable", "member"]);
        scene.assert_out("disabled").await;
        assert_eq!(scene.browser.try_password("member", PASSWORD).await, 401);
        assert!(scene.home.refused(1, &["user", "disable", "member"]).contains("already disabled"));
        assert_eq!(scene.home.json(&["user", "list", "--json"])[0]["disabled"], true);

        scene.home.say(&["user", "enable", "member"]);
        assert!(!scene.browser.is_signed_in().await, "what ended stays ended");
        scene.browser.sign_in("member").await;
        scene.app_session = scene.aw.enter(&mut scene.browser).await.app_session;
        scene.home.say(&["user", "delete", "member"]);
        scene.assert_out("deleted").await;
        assert_eq!(scene.browser.try_password("member", PASSWORD).await, 401);
        scene.home.refused(1, &["user", "enable", "member"]);
        assert_eq!(scene.home.json(&["user", "list", "--json"]), serde_json::json!([]));
    })
    .await;
}

// SECURITY-CASES D-18: nobody locks everybody out by mistake.
#[actix_web::test]
async fn the_last_admin_goes_only_by_force() {
    let home = Home::new(harness::Database::Sqlite).await;
    home.say(&["user", "add", "one", "--admin"]);
    home.say(&["user", "add", "two", "--admin"]);
    home.say(&["user", "disable", "one"]);
    for verb in ["disable", "delete"] {
        assert!(home.refused(1, &["user", verb, "two"]).contains("last admin"), "{verb}");
    }
    let two = |home: &Home| home.json(&["user", "list", "--json"])[1].clone();
    assert_eq!((&two(&home)["username"], &two(&home)["disabled"]), (&"two".into(), &false.into()));
    home.say(&["user", "disable", "two", "--force"]);
    assert_eq!(two(&home)["disabled"], true);
}

#[actix_web::test]
async fn what_was_refused_is_not_done_by_the_end_of_the_program() {
    // A command is refused and closes its database at once, before anything else had a turn.
    let passport = Passport::start().await;
    let admin = AddUser { username: "boss", email: None, admin: true, password: None };
    users::add(&passport.app, admin).await.unwrap();
    let (config, clock) = (passport.app.config.clone(), passport.clock.clone());
    let _folder = passport.folder.clone();
    passport.stop().await;
    for _ in 0..50 {
        let app = App::open(config.clone(), clock.clone(), Random::system()).await.unwrap();
        assert!(matches!(users::delete(&app, "boss", false).await, Err(UsersError::LastAdmin(_))));
        app.db.close().await;
    }
    let app = App::open(config, clock.clone(), Random::system()).await.unwrap();
    users::delete(&app, "boss", true).await.expect("the account is still there");
}

#[actix_web::test]
async fn apps_are_managed_beside_the_server() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let ticket = |sent: &harness::Answer| sent.sent("ticket");
        let redeem = async |app: &TestApp, ticket: &str| app.redeem(ticket).await.status.as_u16();

        let first = scene.aw.clone();
        let rotate = ["app", "rotate-secret", "aw", "--overlap", "10m", "--json"];
        let rotated = scene.home.json(&rotate);
        scene.aw = again(&scene, rotated["secret"].as_str().unwrap());
        assert_eq!(first.status(&scene.app_session).await.status, 200, "for ten minutes");
        assert_eq!(scene.aw.status(&scene.app_session).await.status, 200);
        let rotated = scene.home.json(&["app", "rotate-secret", "aw", "--json"]);
        let second = scene.aw.clone();
        scene.aw = again(&scene, rotated["secret"].as_str().unwrap());
        for old in [&first, &second] {
            assert_eq!(old.status(&scene.app_session).await.status, 401, "without an overlap");
        }
        scene.assert_in().await;

        let sent = scene.aw.send(&mut scene.browser).await;
        let held = ticket(&sent).unwrap();
        scene.home.say(&["app", "disable", "aw"]);
        assert_eq!(redeem(&scene.aw, &held).await, 401);
        let refused = scene.aw.send(&mut scene.browser).await;
        assert_eq!((refused.status.as_u16(), ticket(&refused)), (400, None));
        assert!(scene.home.refused(1, &["app", "disable", "aw"]).contains("already disabled"));
        scene.home.say(&["app", "enable", "aw"]);
        assert_eq!(scene.aw.status(&scene.app_session).await.json()["cause"], "app_disabled");
        scene.aw.enter(&mut scene.browser).await;

        scene.home.say(&["app", "delete", "aw"]);
        assert_eq!(scene.aw.send(&mut scene.browser).await.status, 400);
        assert_eq!(scene.aw.status(&scene.app_session).await.status, 401);
        assert_eq!(scene.home.json(&["app", "list", "--json"]), serde_json::json!([]));
        let anew = ["app", "add", "aw", "--name", "Aw", "--return-to", "https://aw.example/cb"];
        assert!(scene.home.refused(1, &anew).contains("not reused"));
        assert!(scene.browser.is_signed_in().await, "the person stays signed in at Passport");
    })
    .await;
}

fn again(scene: &Scene, secret: &str) -> TestApp {
    let aw = &scene.aw;
    TestApp::new(scene.node.address, "http://sso.localhost:8800", &aw.id, secret, &aw.return_to)
}

#[actix_web::test]
async fn keys_are_managed_beside_the_server() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let keys = |scene: &Scene| scene.home.json(&["key", "list", "--json"]);
        let published = async |browser: &mut Browser| {
            let set = browser.get("/.well-known/jwks.json").await.json();
            let kids = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone());
            kids.collect::<Vec<Value>>()
        };
        let old = keys(&scene)[0]["kid"].clone();
        assert_eq!(keys(&scene)[0]["state"], "in use");
        let only = ["key", "retire", old.as_str().unwrap()];
        assert!(scene.home.refused(1, &only).contains("key rotate"), "nothing would sign");
        // A name like any other: one in 64 begins so.
        scene.home.refused(1, &["key", "retire", "-x_y"]);

        let made = scene.home.json(&["key", "rotate", "--json"])["kid"].clone();
        // Half a minute before it signs, so that whoever keeps the keys has it by then.
        until("the new key is published", async || {
            let kids = published(&mut scene.browser).await;
            kids.contains(&old) && kids.contains(&made)
        })
        .await;
        let states: Vec<Value> = keys(&scene).as_array().unwrap().clone();
        let state =
            |kid: &Value| states.iter().find(|key| key["kid"] == *kid).unwrap()["state"].clone();
        assert_eq!((state(&old), state(&made)), ("retiring".into(), "published".into()));
        scene.aw.enter(&mut scene.browser).await;
        assert!(scene.home.refused(1, &only).contains("key rotate"), "the new one signs not yet");

        assert_eq!(scene.home.say(&["key", "verify"]), "All 3 sealed values open.\n");
    })
    .await;
}

// SECURITY-CASES K-04.
#[actix_web::test]
async fn the_master_key_is_replaced_and_nobody_signed_out() {
    on_both(async |database| {
        let mut scene = Scene::on(database).await;
        let said = scene.home.refused(1, &["key", "replace-master", "passport.key"]);
        assert!(said.contains("present key file"), "{said}");
        let said = scene.home.say(&["key", "replace-master", "new.key"]);
        assert!(said.contains("Sealed 2 values") && said.contains("new.key"), "{said}");
        use std::os::unix::fs::PermissionsExt;
        let mode = scene.home.file("new.key").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        scene.assert_in().await;

        let said = scene.home.refused(1, &["key", "verify"]);
        assert!(said.contains("another master key"), "the old file opens nothing: {said}");
        scene.home.set("SSO_MASTER_KEY__FILE", "new.key");
        std::fs::remove_file(scene.home.file("passport.key")).unwrap();
        assert_eq!(scene.home.say(&["key", "verify"]), "All 2 sealed values open.\n");
        let node = scene.home.serve();
        let mut browser = node.browser();
        browser.cookies = scene.browser.cookies.clone();
        assert!(browser.is_signed_in().await);
    })
    .await;
}

#[actix_web::test]
async fn whatever_is_listed_or_made_can_be_had_as_json() {
    let home = Home::new(harness::Database::Sqlite).await;
    let fields = |value: &Value| {
        let one = value.get(0).unwrap_or(value);
        let mut fields: Vec<&str> = one.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        fields.join(" ")
    };
    let app = "bit created_at disabled events_url front_logout_url id jsonp may_end_user may_login name old_browsers origins push return_to silent";
    let made = [
        "app",
        "add",
        "aw",
        "--name",
        "Aw",
        "--return-to",
        "https://aw.example/a",
        "https://aw.example/b",
        "--origin",
        "https://aw.example",
        "--jsonp",
        "--json",
    ];
    for (arguments, expected) in [
        (
            &["user", "add", "ann", "--email", "ann@example.org", "--json"][..],
            "admin email id setup_url username",
        ),
        (
            &["user", "list", "--json"],
            "admin created_at disabled email has_password id last_login_at username",
        ),
        (&made, &*format!("{app} secret")),
        (&["app", "list", "--json"], app),
        (&["app", "rotate-secret", "aw", "--json"], "id secret"),
        (&["key", "rotate", "--json"], "kid signs_in_seconds"),
        (&["key", "list", "--json"], "created_at kid retires_at signs_from state"),
    ] {
        let mut expected: Vec<&str> = expected.split(' ').collect();
        expected.sort_unstable();
        assert_eq!(fields(&home.json(arguments)), expected.join(" "), "{arguments:?}");
    }
    let aw = &home.json(&["app", "list", "--json"])[0];
    assert_eq!(
        aw["return_to"],
        serde_json::json!(["https://aw.example/a", "https://aw.example/b"])
    );
    assert_eq!((&aw["jsonp"], &aw["may_end_user"]), (&true.into(), &false.into()));
    // SECURITY-CASES J-14
    for changed in [serde_json::json!(["aw"]), serde_json::json!([])] {
        assert_eq!(home.json(&["app", "forbid-jsonp", "--json"])["changed"], changed);
        assert_eq!(home.json(&["app", "list", "--json"])[0]["jsonp"], false);
    }
}
