//! SQLite, two processes' situation: what is at hand is never older than the other one's last commit.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use client_sdk::wire::Cause;
use harness::{DAY, Database, NOON, on_both};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use sso_server::{
    domain::{id::SessionId, token::Digest},
    store::{
        Db,
        sessions::{self, Found, Renewal},
        sqlite_path, users,
    },
};

use crate::scene::{Scene, end_session, fresh_digest, write};

async fn is_live(db: &Arc<Db>, digest: &Digest) -> bool {
    matches!(sessions::find_live(db, digest, NOON).await.unwrap(), Found::Live(_))
}

// A cached session is gone with the commit that ends it, whoever commits: 200 times, each asked at
// once after the other side's acknowledgement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_other_side_ended_is_never_served() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let [here, there] = scene.both_sides().await;
        let user = scene.user("member").await;
        for round in 0..200 {
            let (id, digest) = scene.session(&user).await;
            assert!(is_live(&here, &digest).await && is_live(&there, &digest).await);
            assert!(is_live(&here, &digest).await, "now at hand");
            let ender = if round % 2 == 0 { &there } else { &here };
            let mut tx = ender.write().await.unwrap();
            end_session(&mut tx, &id, Cause::User, NOON).await.unwrap();
            assert!(is_live(&here, &digest).await, "not before the commit");
            tx.commit().await.unwrap();
            // Twice: the first look notices the commit, the second finds what is at hand since.
            for look in 1..=2 {
                assert!(!is_live(&here, &digest).await, "round {round}, here, look {look}");
                assert!(!is_live(&there, &digest).await, "round {round}, there, look {look}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_to_the_person_and_to_the_session_is_seen_too() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let [here, there] = scene.both_sides().await;
        for (writer, name) in [(&here, "ann"), (&there, "bob")] {
            let user = scene.user(name).await;
            let (id, digest) = scene.session(&user).await;
            let set_disabled = async |at| {
                write(writer, async |tx| users::set_disabled(tx, &user, at).await.unwrap()).await
            };
            let both = async |digest: &Digest| {
                let here_and_there = (is_live(&here, digest).await, is_live(&there, digest).await);
                assert_eq!(here_and_there.0, here_and_there.1);
                here_and_there.0
            };
            assert!(both(&digest).await);
            set_disabled(Some(NOON)).await;
            assert!(!both(&digest).await, "disabled");
            set_disabled(None).await;
            assert!(both(&digest).await, "enabled");

            write(writer, async |tx| sessions::put_state(tx, &digest, "{\"n\":1}").await.unwrap())
                .await;
            for db in [&here, &there] {
                match sessions::find_live(db, &digest, NOON).await.unwrap() {
                    Found::Live(session) => assert_eq!(session.state, "{\"n\":1}"),
                    found => panic!("{found:?}"),
                }
            }
            let new = fresh_digest();
            let renewal = Renewal {
                id: &id,
                digest: &new,
                amr: &["pwd"],
                identity: None,
                kept: true,
                auth_time: NOON,
                now: NOON,
                idle_until: NOON + DAY,
            };
            write(writer, async |tx| assert!(sessions::renew(tx, &digest, renewal).await.unwrap()))
                .await;
            assert!(!both(&digest).await && both(&new).await, "renewed");
            write(writer, async |tx| assert!(users::erase(tx, &user, NOON).await.unwrap())).await;
            assert!(!both(&new).await, "deleted");
        }
    })
    .await;
}

// The same by a program that is not Passport: an operator with a shell.
#[tokio::test]
async fn a_hand_on_the_file_is_noticed() {
    let scene = Scene::on(Database::Sqlite).await;
    let user = scene.user("member").await;
    let options = SqliteConnectOptions::new().filename(sqlite_path(&scene.url).unwrap());
    let mut shell = options.connect().await.unwrap();
    for round in 0..20 {
        let (_, digest) = scene.session(&user).await;
        assert!(is_live(&scene.db, &digest).await && is_live(&scene.db, &digest).await);
        sqlx::query("UPDATE sessions SET ended_at = 1, end_cause = 'admin' WHERE digest = $1")
            .bind(digest.as_str())
            .execute(&mut shell)
            .await
            .unwrap();
        for look in 1..=2 {
            assert!(!is_live(&scene.db, &digest).await, "round {round}, look {look}");
        }
        // A checkpoint rewrites the log's header, which is what is watched.
        if round % 5 == 0 {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut shell).await.unwrap();
        }
    }
    shell.close().await.unwrap();
}

// Nobody reads an older state after a newer one was acknowledged to anybody: both sides end sessions
// while readers on both sides keep their copies warm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_reader_sees_a_session_after_its_end_was_acknowledged() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let sides = scene.both_sides().await;
        let user = scene.user("member").await;
        let mut known: Vec<(SessionId, Digest)> = Vec::new();
        for _ in 0..120 {
            known.push(scene.session(&user).await);
        }
        let known = Arc::new(known);
        // Sessions below this number have ended, acknowledged.
        let ended = Arc::new([AtomicI64::new(0), AtomicI64::new(0)]);
        let readers: Vec<_> = sides
            .iter()
            .flat_map(|db| [db.clone(), db.clone()])
            .map(|db| {
                let (known, ended) = (known.clone(), ended.clone());
                tokio::spawn(async move {
                    let mut looks = 0;
                    while ended.iter().any(|done| done.load(Ordering::SeqCst) < 60) {
                        for (side, done) in ended.iter().enumerate() {
                            let done = done.load(Ordering::SeqCst) as usize;
                            // The one that has just ended, and the next, which is kept warm.
                            if done > 0 {
                                let (_, digest) = &known[side * 60 + done - 1];
                                assert!(!is_live(&db, digest).await, "side {side}, {}", done - 1);
                            }
                            if done < 60 {
                                is_live(&db, &known[side * 60 + done].1).await;
                            }
                            looks += 1;
                        }
                        // What is at hand is answered without waiting: let the writers run.
                        tokio::task::yield_now().await;
                    }
                    looks
                })
            })
            .collect();
        let writers: Vec<_> = sides
            .iter()
            .cloned()
            .enumerate()
            .map(|(side, db)| {
                let (known, ended) = (known.clone(), ended.clone());
                tokio::spawn(async move {
                    for number in 0..60 {
                        let (id, _) = &known[side * 60 + number];
                        let mut tx = db.write().await.unwrap();
                        end_session(&mut tx, id, Cause::User, NOON).await.unwrap();
                        tx.commit().await.unwrap();
                        ended[side].store(number as i64 + 1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        for reader in readers {
            assert!(reader.await.unwrap() > 0);
        }
    })
    .await;
}
