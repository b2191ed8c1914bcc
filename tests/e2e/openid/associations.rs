//! Keys shared with providers: beside the logins, never in their way.

use harness::{DAY, Database, HOUR, on_both};
use sso_server::{
    flows::{
        openid::associations::{associate_due, want_configured},
        replace_master_key::replace_master_key,
    },
    tokens::master_key::MasterKey,
};

use crate::scene::{Scene, problem};

const KEYS: &str = "SELECT COUNT(*) FROM openid_associations";
const WANTED: &str = "SELECT COUNT(*) FROM openid_wanted_associations";

/// Logs in once, so that the provider is known to be one.
async fn verified(scene: &Scene, page: &str) {
    let answer = scene.log_in(&mut scene.browser(), "", &scene.provider.at(page)).await;
    assert!(answer.location().starts_with("/register/openid"), "{}", answer.location());
}

/// The handle that the next login sends along.
async fn handle(scene: &Scene, page: &str) -> Option<String> {
    scene
        .leave(&mut scene.browser(), "", &scene.provider.at(page))
        .await
        .sent("openid.assoc_handle")
}

// OPENID A14: the first login goes without at once; the next one finds a key.
#[actix_web::test]
async fn a_login_never_waits_for_a_key() {
    on_both(async |database| {
        for page in ["id/alice", "html1/alice"] {
            let scene = Scene::on(database).await;
            assert_eq!(handle(&scene, page).await, None);
            assert_eq!(scene.passport.count(WANTED).await, 0, "who only leaves is nobody yet");
            verified(&scene, page).await;
            let modes = scene.provider.modes().await;
            let before = modes.iter().position(|mode| mode == "check_authentication").unwrap();
            let after = modes.iter().position(|mode| mode == "associate");
            assert!(after.is_none_or(|after| before < after), "{modes:?}");
            // The worker does it by itself, without being told to.
            scene.passport.until(KEYS, 1).await;
            assert!(handle(&scene, page).await.is_some());
            // With the key nobody is asked any more.
            scene.provider.heard().await;
            verified(&scene, page).await;
            let modes = scene.provider.modes().await;
            assert!(!modes.iter().any(|mode| mode == "check_authentication"), "{modes:?}");
            // The key does not stand there to be read.
            let sealed = scene.passport.text("SELECT sealed_key FROM openid_associations").await;
            assert!(sealed.starts_with("v1."), "{sealed}");
        }
    })
    .await;
}

#[actix_web::test]
async fn nodes_share_keys_and_the_work() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let node = scene.passport.second_node().await;
        verified(&scene, "id/alice").await;
        scene.passport.until(KEYS, 1).await;
        let asked = scene.provider.modes().await;
        let asked = asked.iter().filter(|mode| *mode == "associate").count();
        assert_eq!(asked, 1, "by one of them");
        // Begun here, finished there, with the key that is both's.
        let mut browser = scene.browser();
        let left = scene.leave(&mut browser, "", &scene.provider.at("id/alice")).await;
        assert!(left.sent("openid.assoc_handle").is_some());
        let sent = scene.provider.sends_back(left.location()).await;
        let path = sent.url.strip_prefix(&scene.passport.url).unwrap().to_owned();
        let answer = browser.at(&node).get(&path).await;
        assert!(answer.location().starts_with("/register/openid"), "{}", answer.location());
        assert!(!scene.provider.modes().await.contains(&"check_authentication".to_owned()));
    })
    .await;
}

// SECURITY-CASES O-16, OPENID A4: what a provider cannot do is not asked again for a day.
#[actix_web::test]
async fn a_provider_without_keys_is_left_in_peace() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        scene.provider.tell(&[("assoc", "off")]).await;
        verified(&scene, "id/alice").await;
        let waits = "SELECT COUNT(*) FROM openid_wanted_associations
                     WHERE leased_until = 0 AND next_try_at > last_wanted_at";
        scene.passport.until(waits, 1).await;
        scene.provider.heard().await;
        verified(&scene, "id/alice").await;
        associate_due(&scene.passport.app).await.unwrap();
        assert!(!scene.provider.modes().await.contains(&"associate".to_owned()));
        scene.provider.tell(&[("assoc", "on")]).await;
        scene.passport.advance(DAY + 1);
        associate_due(&scene.passport.app).await.unwrap();
        scene.passport.until(KEYS, 1).await;
    })
    .await;
}

#[actix_web::test]
async fn a_provider_that_fails_is_asked_less_and_less_and_then_forgotten() {
    let scene = Scene::on(Database::Sqlite).await;
    scene.provider.tell(&[("assoc", "http500")]).await;
    verified(&scene, "id/alice").await;
    for tries in 1..8 {
        let tried = "SELECT tries FROM openid_wanted_associations";
        scene.passport.until(tried, tries).await;
        scene.passport.advance(6 * HOUR);
        associate_due(&scene.passport.app).await.unwrap();
    }
    scene.passport.until(WANTED, 0).await;
    assert_eq!(scene.passport.count(KEYS).await, 0);
}

#[actix_web::test]
async fn keys_are_renewed_where_people_log_in() {
    let scene = Scene::on(Database::Sqlite).await;
    scene.provider.tell(&[("expires", "86400")]).await;
    verified(&scene, "id/alice").await;
    scene.passport.until(KEYS, 1).await;
    scene.passport.advance(19 * HOUR);
    associate_due(&scene.passport.app).await.unwrap();
    assert_eq!(scene.passport.count(KEYS).await, 1, "not yet");
    scene.passport.advance(2 * HOUR);
    associate_due(&scene.passport.app).await.unwrap();
    scene.passport.until(KEYS, 2).await;
    // A week without a login: the next login asks for one, nobody else.
    scene.passport.advance(8 * DAY);
    scene.provider.heard().await;
    associate_due(&scene.passport.app).await.unwrap();
    assert!(!scene.provider.modes().await.contains(&"associate".to_owned()));
}

#[actix_web::test]
async fn configured_providers_are_asked_before_anybody_logs_in() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let endpoint = scene.provider.endpoint();
        let node = {
            let url = scene.passport.app.config.database.url.clone();
            let mut config = scene.passport.app.config.clone();
            config.openid.prefetch_association = vec![endpoint];
            let (folder, clock) = (scene.passport.folder.clone(), scene.passport.clock.clone());
            let change = |c: &mut sso_server::config::Config| *c = config;
            harness::Passport::over(database, &url, folder, clock, change).await
        };
        node.until(KEYS, 1).await;
        assert!(handle(&scene, "id/alice").await.is_some());
        want_configured(&node.app).await.unwrap();
        assert_eq!(node.count(WANTED).await, 1);
    })
    .await;
}

// A key that the provider has lost: it says so when it is asked, and only then is it believed
// (SECURITY-CASES O-08).
#[actix_web::test]
async fn a_lost_key_is_forgotten_on_the_providers_own_word() {
    let scene = Scene::on(Database::Sqlite).await;
    verified(&scene, "id/alice").await;
    scene.passport.until(KEYS, 1).await;
    let old = handle(&scene, "id/alice").await.unwrap();

    // The browser's word means nothing.
    let mut browser = scene.browser();
    let left = scene.leave(&mut browser, "", &scene.provider.at("id/alice")).await;
    let sent = scene.provider.sends_back(left.location()).await;
    let path = sent.url.strip_prefix(&scene.passport.url).unwrap();
    let forged = format!("{path}&openid.invalidate_handle={old}");
    browser.get(&forged).await;
    assert_eq!(scene.passport.count(KEYS).await, 1);

    // The provider signs with a key of its own, and confirms that ours is dead.
    scene.provider.tell(&[("forget", "1")]).await;
    verified(&scene, "id/alice").await;
    let handles = "SELECT COUNT(*) FROM openid_associations";
    scene.passport.until(handles, 1).await;
    let new = loop {
        match handle(&scene, "id/alice").await {
            Some(new) if new != old => break new,
            _ => tokio::task::yield_now().await,
        }
    };
    assert_ne!(new, old);
}

// An endpoint that nobody has logged in at makes us compute nothing, whatever is typed.
#[actix_web::test]
async fn only_verified_logins_make_a_provider_wanted() {
    let scene = Scene::on(Database::Sqlite).await;
    scene.provider.tell(&[("ca", "false")]).await;
    let answer = scene.log_in(&mut scene.browser(), "", &scene.provider.at("id/alice")).await;
    assert_eq!(problem(&answer), "openid-refused");
    assert_eq!(scene.passport.count(WANTED).await, 0);
}

// SECURITY-CASES K-01: what is sealed is sealed anew with everything else, and opens in its place only.
#[actix_web::test]
async fn keys_are_sealed_under_the_master_key() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        verified(&scene, "id/alice").await;
        scene.passport.until(KEYS, 1).await;
        let app = &scene.passport.app;
        let before = scene.passport.text("SELECT sealed_key FROM openid_associations").await;
        let path = scene.passport.folder.path().join("other.key");
        let other = MasterKey::load_or_create(&path, &app.random).unwrap();
        let sealed = replace_master_key(app, &other).await.unwrap();
        assert!(sealed >= 3, "{sealed}");
        let after = scene.passport.text("SELECT sealed_key FROM openid_associations").await;
        assert_ne!(before, after);
        // This node still has the old key: what does not open is as if it were not there.
        assert_eq!(handle(&scene, "id/alice").await, None);
        verified(&scene, "id/alice").await;
    })
    .await;
}

// OPENID A14: a key under which nobody can log in any more is dropped after two answers in a row; and
// nobody makes us compute by answers that are forged.
#[actix_web::test]
async fn a_key_that_does_not_sign_any_more_is_dropped() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        verified(&scene, "id/alice").await;
        scene.passport.until(KEYS, 1).await;
        let old = handle(&scene, "id/alice").await.unwrap();
        let alice = scene.provider.at("id/alice");
        let lie = async || {
            scene.provider.tell(&[("postsign", "{\"sig\": \"AAAA\"}")]).await;
            let answer = scene.log_in(&mut scene.browser(), "", &alice).await;
            assert_eq!(problem(&answer), "openid-refused");
            scene.provider.tell(&[("postsign", "")]).await;
        };
        let still = async || handle(&scene, "id/alice").await == Some(old.clone());
        // A young one is not doubted, however often.
        for _ in 0..3 {
            lie().await;
        }
        assert!(still().await);
        verified(&scene, "id/alice").await;
        // (The provider's clock is the real one: not the time goes on, but the key grows old.)
        let mut tx = scene.passport.app.db.write().await.unwrap();
        let aged = "UPDATE openid_associations SET issued_at = issued_at - 600";
        sqlx::query(aged).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        // Not in a row.
        for _ in 0..3 {
            lie().await;
            verified(&scene, "id/alice").await;
        }
        assert!(still().await);
        // Under another name than was sent: nobody's word about this one.
        let mut browser = scene.browser();
        for _ in 0..3 {
            scene.provider.tell(&[("postsign", "{\"assoc_handle\": \"other\"}")]).await;
            scene.log_in(&mut browser, "", &alice).await;
            scene.provider.tell(&[("postsign", "")]).await;
        }
        assert!(still().await);
        scene.provider.tell(&[("assoc", "off")]).await;
        lie().await;
        assert!(still().await);
        lie().await;
        assert_eq!(handle(&scene, "id/alice").await, None, "without a key the provider is asked");
        verified(&scene, "id/alice").await;
    })
    .await;
}
