//! `openid_nonces`, `openid_associations`, `openid_wanted_associations`: what providers have said and
//! share with us.

use harness::{DAY, HOUR, MINUTE, NOON, on_both};
use sso_server::{
    random::Random,
    store::{
        openid_associations::{self as associations, AssociationRow},
        openid_nonces as nonces,
        openid_wanted::{self as wanted, MOST, Wanted},
    },
    tokens::{association_key, master_key::MasterKey},
};

use crate::scene::{Scene, crowd, fresh_digest, how_many, write};

/// How many show the same answer.
const CROWD: usize = 32;
/// A provider.
const OP: &str = "https://op.example/op";
/// A bad one.
const BAD: &str = "https://bad.example/op";
const V2: &str = "http://specs.openid.net/auth/2.0";

// SECURITY-CASES O-06, Q-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_show_an_answer_one_is_first() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (nonce, other) = (fresh_digest(), fresh_digest());
        let first = crowd(&scene.both_sides().await, CROWD, |db, _| {
            let nonce = nonce.clone();
            async move {
                write(&db, async |tx| nonces::spend(tx, &nonce, NOON + DAY).await.unwrap()).await
            }
        })
        .await;
        assert_eq!(how_many(&first, |first| *first), 1);
        let spend = async |nonce, until| {
            scene.write(async |tx| nonces::spend(tx, nonce, until).await.unwrap()).await
        };
        assert!(spend(&other, NOON + DAY).await, "another answer");
        assert!(!spend(&other, NOON + 2 * DAY).await, "a later end makes it no other one");
        let prune =
            async |before| scene.write(async |tx| nonces::prune(tx, before).await.unwrap()).await;
        assert_eq!((prune(NOON + DAY).await, prune(NOON + DAY + 1).await), (0, 2));
    })
    .await;
}

fn key(op_endpoint: &str, handle: &str, issued_at: i64) -> AssociationRow {
    AssociationRow {
        op_endpoint: op_endpoint.to_owned(),
        handle: handle.to_owned(),
        version: V2.to_owned(),
        kind: "HMAC-SHA256".to_owned(),
        sealed_key: format!("sealed {op_endpoint} {handle} {issued_at}"),
        issued_at,
        expires_at: issued_at + 100,
    }
}

async fn put(scene: &Scene, row: &AssociationRow) {
    scene.write(async |tx| associations::put(tx, row).await.unwrap()).await;
}

async fn find(scene: &Scene, op_endpoint: &str, handle: &str) -> Option<String> {
    let mut conn = scene.db.read().await.unwrap();
    let row = associations::find(&mut conn, op_endpoint, handle).await.unwrap();
    row.map(|row| row.sealed_key)
}

// SECURITY-CASES O-02: a bad provider that chooses a good one's handle changes nothing there.
#[tokio::test]
async fn a_key_is_found_by_endpoint_and_handle() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (good, bad) = (key(OP, "h1", 1), key(BAD, "h1", 2));
        put(&scene, &good).await;
        put(&scene, &bad).await;
        assert_eq!(find(&scene, OP, "h1").await, Some(good.sealed_key.clone()));
        assert_eq!(find(&scene, BAD, "h1").await, Some(bad.sealed_key.clone()));
        assert_eq!(find(&scene, OP, "h2").await, None);
        // Where endpoint ends and handle begins is no matter of taste.
        put(&scene, &key(&format!("{OP}|h"), "1", 3)).await;
        assert_eq!(find(&scene, OP, "h|1").await, None);

        put(&scene, &key(OP, "h1", 9)).await;
        assert_eq!(find(&scene, OP, "h1").await, Some(key(OP, "h1", 9).sealed_key), "replaced");
        let remove = async |op, handle| {
            scene.write(async |tx| associations::remove(tx, op, handle).await.unwrap()).await
        };
        assert!(remove(BAD, "h1").await);
        assert!(!remove(BAD, "h1").await);
        assert!(find(&scene, OP, "h1").await.is_some(), "the good one's stays");
    })
    .await;
}

#[tokio::test]
async fn the_longest_lasting_key_serves_and_a_provider_has_a_few() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        put(&scene, &key(BAD, "h", 1_000)).await;
        put(&scene, &AssociationRow { version: "1.1".to_owned(), ..key(OP, "old", 500) }).await;
        for at in 1..=6 {
            put(&scene, &key(OP, &format!("h{at}"), at)).await;
        }
        let longest = async |op, version| {
            let mut conn = scene.db.read().await.unwrap();
            let row = associations::longest_lasting(&mut conn, op, version).await.unwrap();
            row.map(|row| row.handle)
        };
        assert_eq!(longest(OP, V2).await.as_deref(), Some("h6"));
        assert_eq!(longest(OP, "1.1").await.as_deref(), Some("old"));
        assert_eq!(longest(BAD, "1.1").await, None);
        let of_op = "SELECT COUNT(*) FROM openid_associations
                     WHERE op_endpoint = 'https://op.example/op'";
        assert_eq!(scene.count(of_op).await, 5);
        assert_eq!(find(&scene, OP, "h1").await, None, "the oldest have gone");
        assert!(find(&scene, OP, "h3").await.is_some(), "answers under way may name it");
        assert!(find(&scene, BAD, "h").await.is_some(), "each has its own few");
        let prune = async |before| {
            scene.write(async |tx| associations::prune(tx, before).await.unwrap()).await
        };
        assert_eq!((prune(103).await, prune(104).await), (0, 1));
    })
    .await;
}

// OPENID A14: two in a row, but not while it is young.
#[tokio::test]
async fn a_key_is_forgotten_after_bad_signatures_in_a_row() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        put(&scene, &key(OP, "h1", 10)).await;
        put(&scene, &key(BAD, "h1", 10)).await;
        let bad = async |made_before| {
            scene
                .write(async |tx| {
                    associations::note_bad_signature(tx, OP, "h1", made_before).await.unwrap()
                })
                .await
        };
        let good = async || {
            scene
                .write(async |tx| associations::note_good_signature(tx, OP, "h1").await.unwrap())
                .await;
        };
        assert!(!bad(10).await);
        good().await;
        assert!(!bad(10).await, "not in a row");
        assert!(!bad(9).await, "it is young");
        put(&scene, &key(OP, "h1", 10)).await;
        assert!(!bad(10).await, "a new one begins anew");
        assert!(bad(10).await);
        assert_eq!(find(&scene, OP, "h1").await, None);
        assert!(find(&scene, BAD, "h1").await.is_some(), "another provider's of the same name");
        assert!(!bad(10).await, "there is none");
    })
    .await;
}

// SECURITY-CASES K-01: sealed to its row; moved to another provider's or handle's, it does not open.
#[tokio::test]
async fn a_sealed_key_opens_in_its_row_only() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let random = Random::system();
        let path = scene.folder.path().join("a.key");
        let master = MasterKey::load_or_create(&path, &random).unwrap();
        let secret = [7_u8; 32];
        let mut row = key(OP, "h1", 1);
        row.sealed_key = association_key::seal(&row, &secret, &master, &random);
        put(&scene, &row).await;
        let mut all = associations::all(&mut scene.db.read().await.unwrap()).await.unwrap();
        let stored = all.pop().unwrap();
        assert_eq!(*association_key::open(&stored, &master).unwrap(), secret);
        let moved = |op: &str, handle: &str| AssociationRow {
            sealed_key: stored.sealed_key.clone(),
            ..key(op, handle, 1)
        };
        for row in [moved(BAD, "h1"), moved(OP, "h2")] {
            assert!(association_key::open(&row, &master).is_err(), "{row:?}");
        }
        // Sealed anew, unless it was replaced meanwhile.
        let reseal = async |row: &AssociationRow, sealed: &str| {
            scene.write(async |tx| associations::reseal(tx, row, sealed).await.unwrap()).await
        };
        assert!(reseal(&stored, "anew").await);
        assert!(!reseal(&stored, "too late").await);
        assert_eq!(find(&scene, OP, "h1").await.as_deref(), Some("anew"));
    })
    .await;
}

async fn want(scene: &Scene, op: &str, known: bool, configured: bool, now: i64) {
    scene.write(async |tx| wanted::want(tx, op, V2, known, configured, now).await.unwrap()).await;
}

async fn due(scene: &Scene, now: i64) -> Vec<Wanted> {
    wanted::due(&mut scene.db.read().await.unwrap(), now, 100).await.unwrap()
}

// OPENID A14: of several nodes one asks; one that dies with it is replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_nodes_one_has_the_lease_until_it_runs_out() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        want(&scene, OP, false, false, NOON).await;
        let line = due(&scene, NOON).await.pop().unwrap();
        let sides = scene.both_sides().await;
        let until = NOON + MINUTE;
        // At its end it is free again, and again one has it.
        for (now, until) in [(NOON, until), (until, until + MINUTE)] {
            let leased = crowd(&sides, CROWD, |db, _| {
                let line = line.clone();
                async move {
                    write(&db, async |tx| wanted::lease(tx, &line, now, until).await.unwrap()).await
                }
            })
            .await;
            assert_eq!(how_many(&leased, |leased| *leased), 1);
            assert!(due(&scene, until - 1).await.is_empty(), "nobody else is given it");
            assert_eq!(due(&scene, until).await, std::slice::from_ref(&line));
        }
    })
    .await;
}

#[tokio::test]
async fn a_settled_line_waits_for_its_next_turn() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        want(&scene, OP, false, false, NOON).await;
        let line = due(&scene, NOON).await.pop().unwrap();
        assert_eq!((line.tries, line.configured, line.last_wanted_at), (0, false, NOON));
        let settle = async |tries, next| {
            scene.write(async |tx| wanted::settle(tx, &line, tries, next).await.unwrap()).await;
        };
        settle(3, Some(NOON + HOUR)).await;
        // More logins do not make a provider that fails be asked more often, nor does its dead key.
        want(&scene, OP, false, false, NOON + 5).await;
        scene.write(async |tx| wanted::hurry(tx, OP, V2, NOON).await.unwrap()).await;
        assert!(due(&scene, NOON + HOUR - 1).await.is_empty());
        let again = due(&scene, NOON + HOUR).await.pop().unwrap();
        assert_eq!((again.tries, again.last_wanted_at), (3, NOON + 5));
        // One that works is asked at once when its key is dead.
        settle(0, Some(NOON + DAY)).await;
        scene.write(async |tx| wanted::hurry(tx, OP, V2, NOON).await.unwrap()).await;
        assert_eq!(due(&scene, NOON).await.len(), 1);
        // With nothing to do it is never due, until somebody needs a key again.
        settle(0, None).await;
        assert!(due(&scene, NOON + 999 * DAY).await.is_empty());
        want(&scene, OP, true, false, NOON + DAY).await;
        assert!(due(&scene, NOON + 999 * DAY).await.is_empty(), "there is one");
        want(&scene, OP, false, false, NOON + DAY).await;
        assert_eq!(due(&scene, NOON + DAY).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_wanted_has_a_bound_and_an_end() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        want(&scene, OP, false, true, NOON).await;
        scene
            .write(async |tx| {
                for number in 1..MOST {
                    let op = format!("https://op{number}.example/");
                    wanted::want(tx, &op, V2, false, false, NOON).await.unwrap();
                }
            })
            .await;
        want(&scene, BAD, false, false, NOON).await;
        let count = async || scene.count("SELECT COUNT(*) FROM openid_wanted_associations").await;
        assert_eq!(count().await, MOST, "full: a new one is not taken up");
        let prune =
            async |before| scene.write(async |tx| wanted::prune(tx, before).await.unwrap()).await;
        assert_eq!(prune(NOON).await, 0);
        assert_eq!(prune(NOON + 1).await, u64::try_from(MOST - 1).unwrap());
        assert!(due(&scene, NOON).await[0].configured, "a configured one is never forgotten");
        want(&scene, BAD, false, false, NOON).await;
        assert_eq!(count().await, 2, "there is room again");
        scene.write(async |tx| wanted::unconfigure_all(tx).await.unwrap()).await;
        assert_eq!(prune(NOON + 1).await, 2);
        want(&scene, BAD, false, false, NOON).await;
        let line = due(&scene, NOON).await.pop().unwrap();
        scene.write(async |tx| wanted::remove(tx, &line).await.unwrap()).await;
        assert_eq!(count().await, 0);
    })
    .await;
}
