//! `event_logs` and `events`: numbers without gaps, visible in order; nobody is woken too late.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use client_sdk::wire::{Cause, EventKind};
use harness::{DAY, NOON, on_both};
use sso_server::{
    domain::{
        app::AppId,
        id::{AppSessionId, SessionId, fresh_text},
    },
    random::Random,
    store::{
        Db, Stored, Topic,
        events::{self, NewEvent},
    },
};

use crate::scene::{Scene, crowd, fresh_user, how_many, until_waiting_for_locks};

fn event(expires_at: Option<i64>) -> NewEvent {
    NewEvent {
        id: fresh_text(NOON, &Random::system()),
        kind: EventKind::SessionEnded,
        app_session: Some(AppSessionId::fresh(NOON, &Random::system())),
        session: Some(SessionId::fresh(NOON, &Random::system())),
        user: fresh_user(),
        cause: Some(Cause::Admin),
        expires_at,
        detail: None,
    }
}

async fn append(db: &Db, app: &AppId, many: usize) -> Stored<()> {
    let new: Vec<NewEvent> = (0..many).map(|_| event(Some(NOON + DAY))).collect();
    let mut tx = db.write().await?;
    events::append(&mut tx, app, &new, NOON).await?;
    tx.commit().await
}

async fn after(db: &Db, app: &AppId, after: i64, limit: i64) -> Vec<i64> {
    let found = events::after(&mut db.read().await.unwrap(), app, after, limit).await.unwrap();
    found.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn logs_are_numbered_from_one_each_for_itself() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (aw, bw) = (scene.app("aw").await.id, scene.app("bw").await.id);
        let head = async |app: &AppId| {
            events::head(&mut scene.db.read().await.unwrap(), app).await.unwrap()
        };
        assert_eq!((head(&aw).await, head(&AppId::parse("none").unwrap()).await), (0, 0));
        // One, none, and more than one statement takes.
        for many in [1, 0, 70] {
            append(&scene.db, &aw, many).await.unwrap();
        }
        append(&scene.db, &bw, 2).await.unwrap();
        assert_eq!((head(&aw).await, head(&bw).await), (71, 2));
        assert_eq!(after(&scene.db, &aw, 0, 500).await, (1..=71).collect::<Vec<_>>());
        assert_eq!(after(&scene.db, &bw, 0, 500).await, [1, 2]);
        assert_eq!(after(&scene.db, &aw, 69, 500).await, [70, 71], "after, not at");
        assert_eq!(after(&scene.db, &aw, 3, 2).await, [4, 5], "the oldest first, up to the limit");
        assert!(after(&scene.db, &aw, 71, 500).await.is_empty());
        assert!(after(&scene.db, &aw, i64::MAX, 500).await.is_empty());
        let mut heads = events::heads(&mut scene.db.read().await.unwrap()).await.unwrap();
        heads.sort();
        assert_eq!(heads, [(aw.clone(), 71), (bw, 2)]);

        let whole = event(Some(NOON + 5));
        let mut tx = scene.db.write().await.unwrap();
        events::append(&mut tx, &aw, std::slice::from_ref(&whole), NOON + 1).await.unwrap();
        tx.commit().await.unwrap();
        let found = events::after(&mut scene.db.read().await.unwrap(), &aw, 71, 1).await.unwrap();
        assert_eq!(found[0].id, whole.id);
        assert_eq!(found[0].kind, "session.ended");
        assert_eq!(
            found[0].app_session.as_deref(),
            whole.app_session.as_ref().map(|id| id.as_str())
        );
        assert_eq!(found[0].session.as_deref(), whole.session.as_ref().map(|id| id.as_str()));
        assert_eq!((found[0].cause, found[0].at), (Some(Cause::Admin), NOON + 1));
        assert_eq!(
            (found[0].user.as_str(), found[0].expires_at),
            (whole.user.as_str(), Some(NOON + 5))
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_back_leaves_no_gap_and_no_log_is_made_up() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let aw = scene.app("aw").await.id;
        append(&scene.db, &aw, 1).await.unwrap();
        let mut tx = scene.db.write().await.unwrap();
        events::append(&mut tx, &aw, &[event(None), event(None)], NOON).await.unwrap();
        drop(tx);
        append(&scene.db, &aw, 1).await.unwrap();
        assert_eq!(after(&scene.db, &aw, 0, 9).await, [1, 2]);
        let nobody = AppId::parse("nobody").unwrap();
        assert!(append(&scene.db, &nobody, 1).await.is_err(), "no such app");
    })
    .await;
}

// SECURITY-CASES B-02: a reader that polls after its cursor sees each number once, in order; none
// becomes visible below one that it has seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_skips_what_commits_later() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (aw, bw) = (scene.app("aw").await.id, scene.app("bw").await.id);
        let sides = scene.both_sides().await;
        let over = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = [sides[0].clone(), sides[1].clone(), scene.another().await]
            .into_iter()
            .map(|db| {
                let (aw, over) = (aw.clone(), over.clone());
                tokio::spawn(async move {
                    let mut seen = Vec::new();
                    loop {
                        let last = over.load(Ordering::SeqCst);
                        let cursor = seen.last().copied().unwrap_or(0);
                        let news = after(&db, &aw, cursor, 7).await;
                        if news.is_empty() && last {
                            return seen;
                        }
                        seen.extend(news);
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        let written = crowd(&sides, 64, |db, number| {
            let (aw, bw) = (aw.clone(), bw.clone());
            async move {
                for round in 0..3 {
                    let many = 1 + (number + round) % 4;
                    let new: Vec<NewEvent> = (0..many).map(|_| event(None)).collect();
                    let mut tx = db.write().await?;
                    events::append(&mut tx, &aw, &new, NOON).await?;
                    // Transactions of different lengths commit out of the order of their beginning.
                    for _ in 0..number % 5 {
                        tokio::task::yield_now().await;
                    }
                    events::append(&mut tx, &bw, &new, NOON).await?;
                    if (number + round) % 7 == 0 {
                        drop(tx);
                    } else {
                        tx.commit().await?;
                    }
                }
                Stored::Ok(())
            }
        })
        .await;
        assert_eq!(how_many(&written, Result::is_ok), 64, "{written:?}");
        over.store(true, Ordering::SeqCst);
        let head = events::head(&mut scene.db.read().await.unwrap(), &aw).await.unwrap();
        assert!(head > 300);
        for reader in readers {
            assert_eq!(reader.await.unwrap(), (1..=head).collect::<Vec<_>>());
        }
    })
    .await;
}

// The same with the moment chosen by hand: the later number cannot come before the earlier.
#[tokio::test]
async fn who_appends_second_commits_second() {
    let scene = Scene::on(harness::Database::Postgres).await;
    let aw = scene.app("aw").await.id;
    let mut first = scene.db.write().await.unwrap();
    events::append(&mut first, &aw, &[event(None)], NOON).await.unwrap();
    let second = tokio::spawn({
        let (db, aw) = (scene.another().await, aw.clone());
        async move { append(&db, &aw, 1).await }
    });
    until_waiting_for_locks(&scene.db, 1).await;
    assert!(after(&scene.db, &aw, 0, 9).await.is_empty());
    first.commit().await.unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(after(&scene.db, &aw, 0, 9).await, [1, 2]);
}

#[tokio::test]
async fn entries_are_forgotten_when_they_say_nothing_new() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let aw = scene.app("aw").await.id;
        scene
            .write(async |tx| {
                let new = [event(Some(NOON)), event(None), event(Some(NOON + 1))];
                events::append(tx, &aw, &new, NOON).await.unwrap();
                assert_eq!(events::prune(tx, NOON).await.unwrap(), 0, "not at its moment");
                assert_eq!(events::prune(tx, NOON + 1).await.unwrap(), 1);
            })
            .await;
        assert_eq!(after(&scene.db, &aw, 0, 9).await, [2, 3]);
        append(&scene.db, &aw, 1).await.unwrap();
        assert_eq!(after(&scene.db, &aw, 3, 9).await, [4], "numbers go on");
    })
    .await;
}

// A poll that waits is woken by a commit of this handle and of another process or node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_news_is_woken_from_both_sides() {
    on_both(async |database| {
        let scene = Scene::on(database).await;
        let (aw, bw) = (scene.app("aw").await.id, scene.app("bw").await.id);
        let other = scene.another().await;
        let watching = tokio::spawn({
            let (db, url) = (scene.db.clone(), scene.url.clone());
            async move { db.watch_for_news(&url).await }
        });
        for (number, writer) in [&scene.db, &other, &scene.db, &other].into_iter().enumerate() {
            let mut waiter = scene.db.waiter(Topic::Events(aw.clone()));
            append(writer, &aw, 1).await.unwrap();
            let news = async {
                while after(&scene.db, &aw, number as i64, 9).await.is_empty() {
                    waiter.news().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), news).await.expect("woken");
        }
        // News of another app's log, by this handle, wake nobody here; closing wakes all.
        let mut waiter = scene.db.waiter(Topic::Events(aw.clone()));
        assert!(!waiter.is_closed());
        watching.abort();
        let _ = watching.await;
        append(&scene.db, &bw, 1).await.unwrap();
        scene.db.release_waiters();
        tokio::time::timeout(Duration::from_secs(10), waiter.news()).await.expect("sent home");
        assert!(waiter.is_closed());
        let mut late = scene.db.waiter(Topic::Events(aw.clone()));
        tokio::time::timeout(Duration::from_secs(10), late.news())
            .await
            .expect("also who comes late");
    })
    .await;
}

// A transaction that is taken back wakes nobody: its news never were.
#[tokio::test]
async fn nobody_is_woken_before_the_commit() {
    let scene = Scene::on(harness::Database::Sqlite).await;
    let aw = scene.app("aw").await.id;
    let mut waiter = scene.db.waiter(Topic::Events(aw.clone()));
    let mut tx = scene.db.write().await.unwrap();
    events::append(&mut tx, &aw, &[event(None)], NOON).await.unwrap();
    let woken = async |waiter: &mut sso_server::store::Waiter| {
        tokio::select! {
            biased;
            () = waiter.news() => true,
            () = std::future::ready(()) => false,
        }
    };
    assert!(!woken(&mut waiter).await);
    drop(tx);
    assert!(!woken(&mut waiter).await);
    append(&scene.db, &aw, 1).await.unwrap();
    assert!(woken(&mut waiter).await);
}
