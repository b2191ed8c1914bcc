//! Live sessions, as lists show them.

use harness::{DAY, Passport, on_both};
use sso_server::{flows::users, store::sessions};

#[actix_web::test]
async fn a_persons_own_sessions_and_everybodys() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let aw = passport.add_app("aw").await;
        for name in ["ann", "ben"] {
            passport.add_user(name).await;
            aw.enter(&mut passport.signed_in(name).await).await;
        }
        let mut second = passport.signed_in("ann").await;
        let now = passport.app.clock.now();
        let ann = users::named(&passport.app, "ann").await.unwrap().id;
        let mut connection = passport.app.db.read().await.unwrap();

        let of_ann = sessions::live_of_user(&mut connection, &ann, now, 10).await.unwrap();
        assert_eq!(of_ann.len(), 2);
        assert!(of_ann.iter().all(|session| session.username == "ann"));
        assert_eq!(of_ann.iter().filter(|session| session.apps == ["aw"]).count(), 1);
        assert_eq!(sessions::live(&mut connection, now, 10).await.unwrap().len(), 3);
        assert_eq!(sessions::live(&mut connection, now, 2).await.unwrap().len(), 2);
        let later = now + 15 * DAY;
        assert_eq!(
            sessions::live_of_user(&mut connection, &ann, later, 10).await.unwrap().len(),
            0
        );
        assert_eq!(sessions::live(&mut connection, later, 10).await.unwrap().len(), 0);
        drop(connection);

        // The question names the apps of this browser's session, and not of the person's others.
        assert!(!second.get("/logout").await.text().contains("aw"));
        aw.enter(&mut second).await;
        assert!(second.get("/logout").await.text().contains("aw"));
    })
    .await;
}
