//! SQLite's one writer: groups of jobs, some of which fail, panic or are dropped.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::FutureExt;
use harness::Database;
use sqlx::{ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use sso_server::store::{Db, meta};

use crate::scene::{CROWD, Scene, count, crowd, how_many, open, options};

/// Writes a fact and waits until it is on disk.
async fn put(db: &Db, id: &str) -> Result<(), sso_server::store::StoreError> {
    let mut tx = db.write().await?;
    meta::put(&mut tx, id, "x").await?;
    tx.commit().await
}

async fn has(db: &Db, id: &str) -> bool {
    meta::get(&mut db.read().await.unwrap(), id).await.unwrap().is_some()
}

/// Lets a future go on until it waits for something; answers whether it came to its end.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}

/// Another process can write at once: nobody holds the file's write lock.
async fn assert_nobody_holds_the_lock(scene: &Scene) {
    let path = sso_server::store::sqlite_path(&scene.url).unwrap();
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(3));
    let mut foreign = options.connect().await.unwrap();
    foreign.execute("BEGIN IMMEDIATE; ROLLBACK").await.expect("the write lock is free");
    foreign.close().await.unwrap();
}

// SECURITY-CASES Q-02: read, then write, in fifty transactions at once, from two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_that_read_first_lose_nothing_and_are_never_locked_out() {
    let scene = Scene::on(Database::Sqlite).await;
    scene.write(async |tx| meta::put(tx, "sum", "0").await.unwrap()).await;
    let outcomes = crowd(&scene.both_sides().await, CROWD, |db, _| async move {
        let mut tx = db.write().await?;
        let sum: i64 = meta::get(&mut tx, "sum").await?.unwrap().parse().unwrap();
        tokio::task::yield_now().await;
        meta::put(&mut tx, "sum", &(sum + 1).to_string()).await?;
        tx.commit().await
    })
    .await;
    assert_eq!(how_many(&outcomes, Result::is_ok), CROWD, "{outcomes:?}");
    let sum = meta::get(&mut scene.db.read().await.unwrap(), "sum").await.unwrap();
    assert_eq!(sum.as_deref(), Some("64"), "no update was lost");
}

// SECURITY-CASES: what the connections are set to, asked of the connections.
#[tokio::test]
async fn connections_are_durable_patient_and_strict() {
    let scene = Scene::on(Database::Sqlite).await;
    let mut tx = scene.db.write().await.unwrap();
    for (pragma, wanted) in [
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("busy_timeout", "5000"),
        ("journal_mode", "wal"),
    ] {
        let sql = format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}");
        let sql = match pragma {
            "busy_timeout" => "SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout".to_owned(),
            _ => sql,
        };
        let (found,): (String,) =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(found, wanted, "{pragma}");
    }
    let (version,): (String,) =
        sqlx::query_as("SELECT sqlite_version()").fetch_one(&mut *tx).await.unwrap();
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(numbers >= vec![3, 51, 3], "{version} has the WAL-reset bug");
    drop(tx);
    let refused = scene.db.read().await.unwrap().execute("DELETE FROM meta").await;
    assert!(refused.is_err(), "readers only read");
}

// SECURITY-CASES Q-04
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_the_file() {
    let scene = Scene::on(Database::Sqlite).await;
    let outcomes = crowd(std::slice::from_ref(&scene.db), CROWD, |db, number| async move {
        put(&db, &format!("fact-{number}")).await
    })
    .await;
    assert_eq!(how_many(&outcomes, Result::is_ok), CROWD);
    // As after a crash: the file and its log as they lie there, read by somebody else.
    let copy = tempfile::tempdir().unwrap();
    for file in ["passport.db", "passport.db-wal"] {
        std::fs::copy(scene.folder.path().join(file), copy.path().join(file)).unwrap();
    }
    let reopened = open(&format!("sqlite://{}", copy.path().join("passport.db").display())).await;
    for number in 0..CROWD {
        assert!(has(&reopened, &format!("fact-{number}")).await, "fact-{number} is lost");
    }
    assert_eq!(count(&reopened, "SELECT COUNT(*) FROM meta WHERE id LIKE 'fact-%'").await, 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_fails_panics_or_is_dropped_takes_nobody_with_it() {
    let scene = Scene::on(Database::Sqlite).await;
    let act = |db: Arc<Db>, number: usize| async move {
        let name = format!("fact-{number}");
        match number % 4 {
            0 => put(&db, &name).await.is_ok(),
            1 => {
                let mut tx = db.write().await.unwrap();
                meta::put(&mut tx, &name, "x").await.unwrap();
                // Refused by the database in the middle of the job.
                tx.execute("INSERT INTO registry VALUES ('apps', 1)").await.unwrap_err();
                false
            }
            2 => {
                let work = async {
                    let mut tx = db.write().await.unwrap();
                    meta::put(&mut tx, &name, "x").await.unwrap();
                    panic!("as planned");
                };
                std::panic::AssertUnwindSafe(work).catch_unwind().await.is_ok()
            }
            _ => {
                let mut tx = db.write().await.unwrap();
                meta::put(&mut tx, &name, "x").await.unwrap();
                drop(tx);
                false
            }
        }
    };
    let kept = crowd(std::slice::from_ref(&scene.db), CROWD, act).await;
    for (number, kept) in kept.iter().enumerate() {
        assert_eq!(*kept, number % 4 == 0, "{number}");
        assert_eq!(has(&scene.db, &format!("fact-{number}")).await, *kept, "fact-{number}");
    }
    assert_nobody_holds_the_lock(&scene).await;
}

// A database error that cancels more than its statement must not let the commit of the others be
// announced, and must not keep those who come later from writing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_heals() {
    let scene = Scene::on(Database::Sqlite).await;
    let mut tx = scene.db.write().await.unwrap();
    let (pages,): (i64,) = sqlx::query_as("SELECT page_count FROM pragma_page_count")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let limit = format!("PRAGMA max_page_count = {}", pages + 4);
    tx.execute(sqlx::AssertSqlSafe(limit)).await.unwrap();
    tx.commit().await.unwrap();
    let big = "x".repeat(10_000);
    let act = |db: Arc<Db>, number: usize| {
        let big = big.clone();
        async move {
            let mut tx = db.write().await?;
            meta::put(&mut tx, &format!("big-{number}"), &big).await?;
            tx.commit().await
        }
    };
    let outcomes = crowd(std::slice::from_ref(&scene.db), CROWD, act).await;
    assert!(how_many(&outcomes, Result::is_err) > 0, "it was full");
    for (number, outcome) in outcomes.iter().enumerate() {
        let kept = has(&scene.db, &format!("big-{number}")).await;
        assert_eq!(outcome.is_ok(), kept, "{number}: told {outcome:?}");
    }
    scene.write(async |tx| tx.execute("PRAGMA max_page_count = 1000000").await.unwrap()).await;
    put(&scene.db, "after").await.expect("there is room again");
}

/// A write that is dropped at the `n`th point where it waits; answers whether it came to its end.
async fn dropped_at(db: &Db, id: &str, n: usize) -> bool {
    let mut writing = pin!(put(db, id));
    let mut left = n;
    poll_fn(|context| {
        left -= 1;
        match writing.as_mut().poll(context) {
            Poll::Pending if left > 0 => Poll::Pending,
            outcome => Poll::Ready(outcome.is_ready()),
        }
    })
    .await
}

// SECURITY-CASES Q-06: dropped at each point where it may wait, alone and in company.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_dropped_anywhere_leaves_the_writer_free_for_others() {
    let scene = Scene::on(Database::Sqlite).await;
    let mut finished = false;
    for n in 1..100 {
        finished = dropped_at(&scene.db, &format!("alone-{n}"), n).await;
        assert_nobody_holds_the_lock(&scene).await;
        put(&scene.db, &format!("after-{n}")).await.expect("the next one writes");
        if finished {
            break;
        }
    }
    assert!(finished, "the last one was not dropped");
    for round in 0..40 {
        let neighbours = (0..4).map(|n| {
            let db = scene.db.clone();
            tokio::spawn(async move { put(&db, &format!("near-{round}-{n}")).await })
        });
        let neighbours: Vec<_> = neighbours.collect();
        dropped_at(&scene.db, &format!("dropped-{round}"), round % 10 + 1).await;
        for neighbour in neighbours {
            neighbour.await.unwrap().expect("a neighbour does not notice");
        }
        put(&scene.db, &format!("later-{round}")).await.expect("nor who comes later");
    }
    assert_nobody_holds_the_lock(&scene).await;
}

// SECURITY-CASES Q-06: on PostgreSQL a dropped transaction gives its connection back, clean.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_transactions_leave_the_pool_whole() {
    let scene = Scene::on(Database::Postgres).await;
    for n in 1..100 {
        if dropped_at(&scene.db, &format!("dropped-{n}"), n).await {
            break;
        }
    }
    let mut all = Vec::new();
    for _ in 0..options(&scene.url).max_connections {
        let mut own = scene.db.read().await.expect("the pool is whole");
        let (open,): (Option<String>,) =
            sqlx::query_as("SELECT CAST(pg_current_xact_id_if_assigned() AS TEXT)")
                .fetch_one(&mut *own)
                .await
                .unwrap();
        assert_eq!(open, None, "a transaction was left open");
        all.push(own);
    }
}

// SECURITY-CASES Q-06: the same, with the moment chosen by hand.
#[tokio::test]
async fn a_caller_dropped_while_it_leaves_the_group_does_not_wedge_the_writer() {
    let scene = Scene::on(Database::Sqlite).await;
    let mut leaving = scene.db.write().await.unwrap();
    meta::put(&mut leaving, "leaving", "x").await.unwrap();
    let mut waiting = Box::pin(scene.db.write());
    assert!(!poll_once(waiting.as_mut()).await, "somebody waits for the turn");
    let mut commit = Box::pin(leaving.commit());
    assert!(!poll_once(commit.as_mut()).await);
    drop(commit);
    let mut next = waiting.await.expect("the turn passes on");
    meta::put(&mut next, "next", "x").await.unwrap();
    next.commit().await.expect("the next one is not taken along");
    put(&scene.db, "later").await.expect("nor who comes later");
    assert!(has(&scene.db, "next").await && has(&scene.db, "later").await);
    assert_nobody_holds_the_lock(&scene).await;
}

#[tokio::test]
async fn closing_keeps_no_half_of_a_job_that_was_dropped() {
    let scene = Scene::on(Database::Sqlite).await;
    put(&scene.db, "whole").await.unwrap();
    let mut tx = scene.db.write().await.unwrap();
    meta::put(&mut tx, "half", "x").await.unwrap();
    drop(tx);
    scene.db.close().await;
    let reopened = open(&scene.url).await;
    assert!(has(&reopened, "whole").await && !has(&reopened, "half").await);
}

#[tokio::test]
async fn turns_are_taken_in_the_order_of_asking() {
    let scene = Scene::on(Database::Sqlite).await;
    let first = scene.db.write().await.unwrap();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut callers = Vec::new();
    for number in 0..16 {
        let (db, order) = (scene.db.clone(), order.clone());
        callers.push(tokio::spawn(async move {
            let tx = db.write().await.unwrap();
            order.lock().unwrap().push(number);
            tx.commit().await.unwrap();
        }));
        // On this one-threaded runtime the caller now stands in the queue.
        tokio::task::yield_now().await;
    }
    first.commit().await.unwrap();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..16).collect::<Vec<_>>());
}

// Nobody waits for ever: who gets no turn hears so.
#[tokio::test]
async fn a_writer_that_is_held_too_long_is_unavailable_not_endless() {
    let scene = Scene::on(Database::Sqlite).await;
    let held = scene.db.write().await.unwrap();
    let refused = put(&scene.db, "x").await.unwrap_err();
    assert!(refused.to_string().contains("busy"), "{refused}");
    drop(held);
    put(&scene.db, "x").await.expect("free again");
}
