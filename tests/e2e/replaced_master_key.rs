//! A master key is replaced while a key of tickets is made.

use harness::{HOUR, Passport, on_both};
use sso_server::{
    flows::{
        replace_master_key::{replace_master_key, verify_all},
        signing_keys,
    },
    random::Random,
    tokens::master_key::MasterKey,
};

// SECURITY-CASES K-04: nothing is left, or made, under the old key.
#[actix_web::test]
async fn no_key_is_made_under_a_master_key_that_was_replaced() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let (app, keys) = (&passport.app, "SELECT COUNT(*) FROM signing_keys");
        signing_keys::rotate(app, HOUR).await.unwrap();
        assert_eq!(passport.count(keys).await, 2, "control: it rotates under its own");

        let file = passport.folder.path().join("new.key").display().to_string();
        let new = MasterKey::load_or_create(file.as_ref(), &Random::system()).unwrap();
        assert_eq!(replace_master_key(app, &new).await.unwrap(), 3);
        let refused = signing_keys::rotate(app, HOUR).await.unwrap_err();
        assert!(refused.to_string().contains("master key was replaced"), "{refused}");
        assert_eq!(passport.count(keys).await, 2);

        let again = Passport::over(
            database,
            &app.config.database.url,
            passport.folder.clone(),
            passport.clock.clone(),
            |config| config.master_key.file = file,
        )
        .await;
        assert_eq!(verify_all(&again.app).await.unwrap(), 3);
        signing_keys::rotate(&again.app, HOUR).await.unwrap();
        assert_eq!(verify_all(&again.app).await.unwrap(), 4);
    })
    .await;
}
