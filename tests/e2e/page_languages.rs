//! What pages say in other languages, beyond their own messages.

use harness::{Database, Passport, process::Home};

#[actix_web::test]
async fn devices_are_named_in_the_readers_language() {
    let passport = Passport::start().await;
    passport.add_user("member").await;
    let mut browser = passport.signed_in("member").await;
    for (locale, label) in
        [("en", "Firefox on Windows"), ("zh", "Windows 上的 Firefox"), ("ru", "Firefox на Windows")]
    {
        let page = browser.get(&format!("/account?ui_locales={locale}")).await;
        assert_eq!(page.body.matches(label).count(), 2, "shown, and said of the button: {locale}");
    }
    let stored = passport.text("SELECT device FROM sessions").await;
    assert_eq!(stored, "Firefox on Windows", "one form for lists and the audit log");
}

#[actix_web::test]
async fn the_first_administrators_name_is_no_mail_address() {
    let home = Home::new(Database::Sqlite).await;
    let log = home.folder.path().join("log");
    let node = harness::Node::start_logging(
        home.command(&["serve"]),
        std::fs::File::create(&log).unwrap(),
    );
    let said = std::fs::read_to_string(&log).unwrap();
    let path = &said[said.find("/setup?").unwrap()..];
    let mut browser = node.browser();
    browser.get(path.split_whitespace().next().unwrap()).await;
    let page = browser.get("/setup").await;
    assert!(page.text().contains("Username") && !page.text().contains("e-mail"), "{}", page.text());
    assert!(browser.get("/login").await.text().contains("Username or e-mail"));
}
