//! `signing_keys`, and how nodes change from one key to the next without anybody noticing.

use std::sync::Arc;

use harness::{NOON, Passport, on_both};
use sso_server::{
    app::App,
    domain::Millis,
    flows::signing_keys::{self as flows, RetireError},
    random::Random,
    store::signing_keys::{self, KeyRow},
    tokens::{
        keyring::{OVERLAP, PUBLISHED_BEFORE, PURPOSE, new_key},
        master_key::MasterKey,
    },
};

use crate::scene::{CROWD, Scene, crowd, how_many};

fn row(kid: &str, signs_from: i64) -> KeyRow {
    KeyRow {
        kid: kid.to_owned(),
        public_key: "p".to_owned(),
        sealed_private_key: "s".to_owned(),
        created_at: NOON,
        signs_from,
        retires_at: None,
    }
}

// SECURITY-CASES Q-01, K-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_start_first_one_makes_the_key() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let claimed = crowd(&scene.both_sides().await, CROWD, |db, number| async move {
            let mut tx = db.write().await.unwrap();
            let first = signing_keys::claim_first(&mut tx).await.unwrap();
            if first {
                let row = row(&format!("k{number}"), NOON);
                signing_keys::insert(&mut tx, PURPOSE, &row).await.unwrap();
            }
            tx.commit().await.unwrap();
            first
        })
        .await;
        assert_eq!(how_many(&claimed, |first| *first), 1);
        let mut conn = scene.db.read().await.unwrap();
        assert_eq!(signing_keys::all(&mut conn, PURPOSE).await.unwrap().len(), 1);
        assert!(signing_keys::version(&mut conn).await.unwrap() > 1);
    })
    .await;
}

#[tokio::test]
async fn rows_keep_to_their_purpose_and_retire_forward_only() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let mut tx = scene.db.write().await.unwrap();
        let tx = &mut tx;
        for (kid, signs_from) in [("b", NOON + 1), ("a", NOON + 1), ("c", NOON)] {
            signing_keys::insert(tx, PURPOSE, &row(kid, signs_from)).await.unwrap();
        }
        signing_keys::insert(tx, "events", &row("e", NOON)).await.unwrap();
        let all = signing_keys::all(tx, PURPOSE).await.unwrap();
        let kids: Vec<&str> = all.iter().map(|key| key.kid.as_str()).collect();
        assert_eq!(kids, ["c", "a", "b"], "oldest first; other purposes' keys are not there");
        assert!(signing_keys::retire(tx, "a", NOON + 9).await.unwrap());
        assert!(signing_keys::retire(tx, "a", NOON + 5).await.unwrap(), "forward");
        assert!(!signing_keys::retire(tx, "a", NOON + 5).await.unwrap());
        assert!(!signing_keys::retire(tx, "a", NOON + 7).await.unwrap(), "never put off");
        assert!(!signing_keys::retire(tx, "none", NOON).await.unwrap());
        assert_eq!(signing_keys::retire_all_in_use(tx, PURPOSE, NOON + 20).await.unwrap(), 2);
        assert_eq!(signing_keys::retire_all_in_use(tx, PURPOSE, NOON + 30).await.unwrap(), 0);
        let ends: Vec<Option<Millis>> = signing_keys::all(tx, PURPOSE)
            .await
            .unwrap()
            .iter()
            .map(|key| key.retires_at)
            .collect();
        assert_eq!(ends, [Some(NOON + 20), Some(NOON + 5), Some(NOON + 20)]);
        assert_eq!(signing_keys::all(tx, "events").await.unwrap()[0].retires_at, None);
        assert!(signing_keys::reseal(tx, "a", "s", "new").await.unwrap());
        assert!(
            !signing_keys::reseal(tx, "a", "s", "late").await.unwrap(),
            "sealed anew meanwhile"
        );
    })
    .await;
}

// Of those who start together one makes the key. The others read their clocks a moment before, or have
// clocks that are behind; they start all the same.
#[tokio::test]
async fn a_clock_that_is_behind_finds_the_first_key_in_use() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let random = Random::system();
        let file = scene.folder.path().join("passport.key");
        let master = MasterKey::load_or_create(&file, &random).unwrap();
        let first = flows::open(&scene.db, &master, &random, NOON).await.unwrap();
        let behind = NOON - PUBLISHED_BEFORE;
        let other = flows::open(&scene.db, &master, &random, behind).await.unwrap();
        let kid = first.signing(NOON).unwrap().kid.clone();
        assert_eq!(other.signing(behind).unwrap().kid, kid);
    })
    .await;
}

async fn look(app: &App) {
    flows::look(&app.keyring, &app.db, &app.master).await.unwrap();
}

fn published(app: &App, now: Millis) -> Vec<String> {
    let set = app.keyring.jwks(now);
    let keys = set["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

// SECURITY-CASES K-05, T-17: a key is published before it signs, verifies after it has signed, to the
// millisecond, on both nodes.
#[actix_web::test]
async fn a_rotation_is_never_noticed() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let node = passport.second_node().await;
        let [here, there] = [&passport.app, &node.app];
        let old = here.keyring.signing(NOON).unwrap().kid.clone();
        assert_eq!(there.keyring.signing(NOON).unwrap().kid, old, "one key for all nodes");
        let new = flows::rotate(here, OVERLAP).await.unwrap();
        assert_ne!(old, new);
        let (signs_from, over) = (NOON + PUBLISHED_BEFORE, NOON + PUBLISHED_BEFORE + OVERLAP);
        for app in [here, there] {
            look(app).await;
            assert_eq!(published(app, NOON), [old.clone(), new.clone()], "published at once");
            assert_eq!(app.keyring.signing(signs_from - 1).unwrap().kid, old);
            assert_eq!(app.keyring.signing(signs_from).unwrap().kid, new);
            assert!(app.keyring.verifying(&old, over - 1).is_some());
            assert!(app.keyring.verifying(&old, over).is_none());
            assert_eq!(published(app, over), std::slice::from_ref(&new));
            assert!(
                app.keyring.verifying(&new, NOON).is_some(),
                "a node that is ahead is believed"
            );
        }
        let line = passport.audited("key.rotated").await;
        assert!(line.detail.contains(&new), "{}", line.detail);
    })
    .await;
}

#[actix_web::test]
async fn a_key_that_is_retired_verifies_nothing_from_then_on_and_never_the_last() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let app = &passport.app;
        let old = app.keyring.signing(NOON).unwrap().kid.clone();
        let refused = async |kid: &str| flows::retire(app, kid).await.unwrap_err();
        assert!(matches!(refused(&old).await, RetireError::NoOther));
        assert!(matches!(refused("none").await, RetireError::Unknown));
        let new = flows::rotate(app, OVERLAP).await.unwrap();
        assert!(
            matches!(refused(&old).await, RetireError::NoOther),
            "the new one does not sign yet"
        );
        look(app).await;
        assert!(app.keyring.verifying(&old, NOON).is_some(), "a refusal changes nothing");

        passport.advance(PUBLISHED_BEFORE);
        flows::retire(app, &old).await.unwrap();
        look(app).await;
        let now = app.clock.now();
        assert!(app.keyring.verifying(&old, now).is_none());
        assert_eq!(published(app, now), std::slice::from_ref(&new));
        assert!(passport.audited("key.rotated").await.detail.contains(&old));
        assert!(matches!(refused(&old).await, RetireError::Unknown), "already");
        assert!(matches!(refused(&new).await, RetireError::NoOther), "the last one");
    })
    .await;
}

#[actix_web::test]
async fn rotations_at_once_come_one_after_the_other() {
    on_both(async |database| {
        let passport = Passport::on(database).await;
        let node = passport.second_node().await;
        let rotations = [&passport, &node, &passport, &node].map(|node| {
            let app: Arc<App> = node.app.clone();
            tokio::spawn(async move { flows::rotate(&app, OVERLAP).await })
        });
        for rotation in rotations {
            rotation.await.unwrap().unwrap();
        }
        assert_eq!(passport.count("SELECT COUNT(*) FROM signing_keys").await, 5);
        let in_use = "SELECT COUNT(*) FROM signing_keys WHERE retires_at IS NULL";
        assert_eq!(passport.count(in_use).await, 1);
        look(&node.app).await;
        let later = NOON + PUBLISHED_BEFORE;
        let kid = node.app.keyring.signing(later).unwrap().kid.clone();
        look(&passport.app).await;
        assert_eq!(passport.app.keyring.signing(later).unwrap().kid, kid, "nodes agree");
    })
    .await;
}

// SECURITY-CASES K-05: made here, never shipped; one name a key.
#[actix_web::test]
async fn every_installation_has_keys_of_its_own() {
    let (one, two) = (Passport::start().await, Passport::start().await);
    let kids = [&one, &two].map(|one| one.app.keyring.signing(NOON).unwrap().kid.clone());
    assert_ne!(kids[0], kids[1]);
    let made: Vec<KeyRow> =
        (0..50).map(|_| new_key(&one.app.master, &one.app.random, NOON, NOON)).collect();
    let mut kids: Vec<&str> = made.iter().map(|key| key.kid.as_str()).collect();
    kids.sort();
    kids.dedup();
    assert_eq!(kids.len(), 50);
    // A key of another purpose verifies no tickets.
    let mut tx = two.app.db.write().await.unwrap();
    signing_keys::insert(&mut tx, "another purpose", &made[0]).await.unwrap();
    signing_keys::bump(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    look(&two.app).await;
    assert!(two.app.keyring.verifying(&made[0].kid, NOON).is_none());
}

// SECURITY-CASES T-17: however many tickets name unknown keys, a node looks once a second.
#[actix_web::test]
async fn unknown_keys_are_looked_for_once_a_second() {
    let passport = Passport::start().await;
    let ring = &passport.app.keyring;
    assert!(ring.may_look(NOON));
    assert!(!ring.may_look(NOON) && !ring.may_look(NOON + 999));
    assert!(ring.may_look(NOON + 1_000) && !ring.may_look(NOON + 1_001));
    assert!(ring.may_look(NOON - 60_000), "a clock that was set back does not stop it");
}
