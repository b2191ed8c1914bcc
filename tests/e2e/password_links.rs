//! Links to choose a password, and accounts that go away under them.

use harness::{Answer, Browser, PASSWORD, Passport, on_both};
use sso_server::{
    domain::token::Token,
    flows::{
        one_time_link::{UseError, use_link},
        users::{self, AddUser},
    },
    store,
};

/// Makes an account without a password; answers the text of its link.
async fn invite(passport: &Passport, name: &str) -> String {
    let new = AddUser { username: name, email: None, admin: false, password: None };
    let url = users::add(&passport.app, new).await.unwrap().setup_url.unwrap();
    url.split_once("token=").unwrap().1.to_owned()
}

/// Opens a link as far as its form, or the page that refuses it.
async fn open(browser: &mut Browser, token: &str) -> Answer {
    assert_eq!(browser.get(&format!("/setup?token={token}")).await.status, 303);
    browser.get("/setup").await
}

// SECURITY-CASES P-05, P-08.
#[actix_web::test]
async fn a_link_dies_with_its_account() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let (leaver, stayer) =
            (invite(&passport, "leaver").await, invite(&passport, "stayer").await);
        let (mut at_leavers, mut at_stayers) = (passport.browser(), passport.browser());
        // Both forms lie open when one of the accounts is deleted.
        let forms = [
            open(&mut at_leavers, &leaver).await.form("/setup"),
            open(&mut at_stayers, &stayer).await.form("/setup"),
        ];
        users::delete(&passport.app, "leaver", false).await.unwrap();

        let [leavers, stayers] =
            forms.map(|form| form.with("password", PASSWORD).with("repeat", PASSWORD));
        assert_eq!(at_leavers.submit(&leavers).await.status, 410);
        assert_eq!(at_stayers.submit(&stayers).await.status, 303, "another's link is untouched");
        assert_eq!(open(&mut passport.browser(), &leaver).await.status, 410);
        let with_password = "SELECT COUNT(*) FROM users WHERE password_hash IS NOT NULL";
        assert_eq!(passport.count(with_password).await, 1);
        let good = "SELECT COUNT(*) FROM one_time_links WHERE used_at IS NULL";
        assert_eq!(passport.count(good).await, 0);
    })
    .await;
}

#[actix_web::test]
async fn a_link_rests_while_its_account_is_disabled() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let link = invite(&passport, "member").await;
        let mut browser = passport.browser();
        let form = open(&mut browser, &link).await.form("/setup");
        let form = form.with("password", PASSWORD).with("repeat", PASSWORD);

        users::disable(&passport.app, "member", false).await.unwrap();
        assert_eq!(browser.submit(&form).await.status, 410);
        let id = users::named(&passport.app, "member").await.unwrap().id;
        let mut tx = passport.app.db.write().await.unwrap();
        assert!(!store::users::set_password(&mut tx, &id, "hash", 1).await.unwrap());
        drop(tx);

        users::enable(&passport.app, "member").await.unwrap();
        assert_eq!(browser.submit(&form).await.status, 303);
        assert_eq!(passport.browser().try_password("member", PASSWORD).await, 303);
    })
    .await;
}

#[actix_web::test]
async fn deleting_and_choosing_at_once_leaves_no_password() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        for round in 0..12 {
            let name = format!("member{round}");
            let link = Token::parse(&invite(&passport, &name).await).unwrap();
            let (chosen, deleted) = tokio::join!(
                use_link(&passport.app, &link, None, PASSWORD),
                users::delete(&passport.app, &name, false),
            );
            deleted.unwrap();
            assert!(matches!(chosen, Ok(()) | Err(UseError::Void)), "{chosen:?}");
        }
        let left = "SELECT COUNT(*) FROM users WHERE password_hash IS NOT NULL";
        assert_eq!(passport.count(left).await, 0);
    })
    .await;
}
