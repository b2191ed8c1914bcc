//! The command line, as an operator types it: what it does, and what it says by its exit code.

use harness::{Browser, Database, PASSWORD, Passport, on_both, process::Home};
use sso_server::flows::users::{self, UsersError};

async fn opens(mut browser: Browser, url: &str) -> u16 {
    let (_, path) = url.split_once(":8800").unwrap();
    assert_eq!(browser.get(path).await.status, 303);
    browser.get("/setup").await.status.as_u16()
}

#[actix_web::test]
async fn in_the_wrong_folder_nothing_is_made() {
    let home = Home::new(Database::Sqlite).await;
    let path = |name: &str| home.folder.path().join(name);
    let checked = home.run(&["check"]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(checked.status.code(), Some(0));
    let database = path("passport.db").display().to_string();
    for part in ["no passport.toml here", "passport.key (not there yet)", &*database] {
        assert!(said.contains(part), "{said}");
    }
    for command in [
        &["user", "list"][..],
        &["user", "link", "ann"],
        &["user", "delete", "ann"],
        &["app", "list"],
        &["app", "set", "aw", "--jsonp"],
        &["session", "list"],
        &["key", "list"],
    ] {
        let refused = home.run(command);
        let error = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{command:?}: {error}");
        assert!(error.contains(&database) && error.contains("--config"), "{command:?}: {error}");
    }
    assert_eq!(std::fs::read_dir(home.folder.path()).unwrap().count(), 0);

    home.json(&["user", "add", "ann", "--json"]);
    assert_eq!(home.json(&["user", "list", "--json"]).as_array().unwrap().len(), 1);
    std::fs::rename(path("passport.key"), path("elsewhere.key")).unwrap();
    let refused = home.run(&["user", "list"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no master key at"));
    assert!(!path("passport.key").exists());
}

// SECURITY-CASES P-08: what the page of a void link advises can be had.
#[actix_web::test]
async fn a_new_link_voids_the_ones_before() {
    let home = Home::new(Database::Sqlite).await;
    let node = home.serve();
    let link = |arguments: &[&str]| home.json(arguments)["setup_url"].as_str().unwrap().to_owned();
    let first = link(&["user", "add", "ann", "--json"]);
    let bens = link(&["user", "add", "ben", "--json"]);
    assert_eq!(opens(node.browser(), &first).await, 200);
    let second = link(&["user", "link", "ann", "--json"]);
    assert_eq!(opens(node.browser(), &first).await, 410);
    assert_eq!(opens(node.browser(), &second).await, 200);
    assert_eq!(opens(node.browser(), &bens).await, 200, "another's link is untouched");

    assert_eq!(home.run(&["user", "disable", "ann"]).status.code(), Some(0));
    for refused in ["ann", "nobody"] {
        assert_eq!(home.run(&["user", "link", refused]).status.code(), Some(1), "{refused}");
    }
}

#[actix_web::test]
async fn a_forgotten_password_holds_until_the_link_is_used() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let mut browser = passport.signed_in("member").await;
    let url = users::link(&passport.app, "member").await.unwrap();
    assert!(browser.is_signed_in().await);
    assert_eq!(passport.audited("link.made").await.detail, r#"{"by":"operator"}"#);
    let mut elsewhere = passport.browser();
    elsewhere.get(url.strip_prefix(&passport.url).unwrap()).await;
    let form = elsewhere.get("/setup").await.form("/setup");
    let other = "another horse battery";
    let answer = elsewhere.submit(&form.with("password", other).with("repeat", other)).await;
    assert_eq!(answer.status, 303);
    assert!(!browser.is_signed_in().await, "whoever knew the old password is out");
    assert_eq!(passport.browser().try_password("member", PASSWORD).await, 401);
    assert_eq!(passport.browser().try_password("member", other).await, 303);
}

#[actix_web::test]
async fn there_is_always_an_administrator() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let app = &passport.app;
        for name in ["ann", "ben"] {
            passport.add_user(name).await;
        }
        users::set_admin(app, "ann", true, false).await.unwrap();
        let again = users::set_admin(app, "ann", true, false).await;
        assert!(matches!(again, Err(UsersError::Already(..))), "{again:?}");
        let last = users::set_admin(app, "ann", false, false).await;
        assert!(matches!(last, Err(UsersError::LastAdmin(_))), "{last:?}");
        let admins = "SELECT COUNT(*) FROM users WHERE admin_since IS NOT NULL";
        assert_eq!(passport.count(admins).await, 1, "refused means unchanged");

        users::set_admin(app, "ben", true, false).await.unwrap();
        users::set_admin(app, "ann", false, false).await.unwrap();
        assert!(passport.signed_in("ben").await.get("/account").await.text().contains("Admin"));
        assert!(!passport.signed_in("ann").await.get("/account").await.text().contains("Admin"));
        users::set_admin(app, "ben", false, true).await.unwrap();
        assert_eq!(passport.count(admins).await, 0);
        users::disable(app, "ann", false).await.unwrap();
        let off = users::set_admin(app, "ann", true, false).await;
        assert!(matches!(off, Err(UsersError::Disabled(_))), "{off:?}");
        let lines = "SELECT COUNT(*) FROM audit WHERE kind = 'user.admin'";
        assert_eq!(passport.count(lines).await, 4);
    })
    .await;
}

#[actix_web::test]
async fn settings_by_flag_are_usage_in_form_and_configuration_in_value() {
    let home = Home::new(Database::Sqlite).await;
    for (setting, code, said) in [
        ("server.trusted_proxies=10.0.0.0/8,::1", 0, ""),
        ("server.listen", 2, "KEY=VALUE is needed"),
        ("server.lissten=127.0.0.1:0", 2, "[server] has"),
        ("server.trusted_proxies=10.0.0.0/8,nobody", 1, "`nobody` is neither"),
        ("server.workers=many", 1, "server.workers"),
    ] {
        let output = home.run(&["--set", setting, "check"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{setting}: {error}");
        assert!(error.contains(said), "{setting}: {error}");
    }
}
