//! What must be so after everything: each end was told to its app at least once, under one name, in
//! order, and nothing else was.

use std::collections::{BTreeMap, BTreeSet};

use client_sdk::{webhook::Seen, wire::Redeemed};
use harness::{Browser, Receiver, TestApp};
use reqwest::Method;
use sqlx::Row;
use sso_server::store::{Db, Options};
use tokio::task::{JoinHandle, spawn_local};

use super::scene::{Registered, Scene, until};

/// Chance, of no great quality (xorshift).
pub(super) struct Chance(u64);

impl Chance {
    /// Another one each time; it says which, and `PASSPORT_SEED` repeats it.
    pub(super) fn new() -> Self {
        let now = sso_server::clock::Clock::System.now();
        let seed = std::env::var("PASSPORT_SEED").map_or(now, |text| text.parse().unwrap());
        eprintln!("PASSPORT_SEED={seed}");
        Self(seed.unsigned_abs() | 1)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Lets so many people in at an app, each with a session of their own.
pub(super) async fn let_in(scene: &Scene, app: &TestApp, many: usize) -> Vec<Redeemed> {
    let mut all = Vec::new();
    for _ in 0..many {
        all.push(app.enter(&mut scene.signed_in().await).await);
    }
    all
}

/// Asks for the end of an app session, of a Passport that may go away meanwhile. Whether it said that
/// it is done.
async fn try_end(app: TestApp, mut at: Browser, id: String) -> bool {
    let authorization = app.authorization();
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let path = format!("/api/v1/app-sessions/{id}/end");
    let body = Some(br#"{"scope":"app"}"#.to_vec());
    match at.try_request(Method::POST, &path, body, &headers).await {
        Ok(answer) if answer.status == 200 => true,
        Ok(answer) => {
            // Nobody knows: never anything else.
            assert_eq!(answer.status, 503, "{}", answer.body);
            assert!(!answer.header("retry-after").is_empty(), "{}", answer.body);
            false
        }
        Err(_) => false,
    }
}

/// Begins to end these, all at once.
pub(super) fn begin_to_end(scene: &Scene, app: &TestApp, ids: &[String]) -> Vec<JoinHandle<bool>> {
    let one = |id: &String| spawn_local(try_end(app.clone(), scene.browser(), id.clone()));
    ids.iter().map(one).collect()
}

/// What was ended, and whom it has to be told to.
#[derive(Default)]
pub(super) struct Books {
    pub ended: Vec<(Registered, Vec<String>)>,
}

impl Books {
    /// Waits until everything was told, and looks whether it was told well.
    pub(super) async fn balance(&self, scene: &Scene, receiver: &Receiver) {
        let all: BTreeSet<&str> =
            self.ended.iter().flat_map(|(_, ids)| ids).map(String::as_str).collect();
        let told = || -> BTreeSet<String> {
            receiver.got().iter().filter_map(|got| got.event().app_session).collect()
        };
        until("everything was told", async || told().len() >= all.len()).await;
        let (url, max_connections) = (scene.home.url.clone(), 1);
        let db = Db::open(&Options { url, max_connections }).await.unwrap();
        for (what, sql) in [
            (
                "everything is marked as told",
                "SELECT COUNT(*) FROM app_instances i JOIN event_logs l ON l.app_id = i.app_id
                 WHERE i.acknowledged < l.head",
            ),
            (
                "everything is proven",
                "SELECT COUNT(*) FROM confirmations WHERE confirmed_at IS NULL",
            ),
            ("no stream stands still", "SELECT COUNT(*) FROM push_streams WHERE attempt > 0"),
        ] {
            until(what, async || count(&db, sql).await == 0).await;
        }
        for (what, sql) in [
            (
                "ends that are not told once",
                "SELECT COUNT(*) FROM app_sessions a WHERE a.ended_at IS NOT NULL
                 AND (SELECT COUNT(*) FROM events e WHERE e.app_session_id = a.id) <> 1",
            ),
            (
                "events about what goes on",
                "SELECT COUNT(*) FROM events e JOIN app_sessions a ON a.id = e.app_session_id
                 WHERE a.ended_at IS NULL",
            ),
            (
                "logs with gaps",
                "SELECT COUNT(*) FROM event_logs l
                 WHERE l.head <> (SELECT COUNT(*) FROM events e WHERE e.app_id = l.app_id)",
            ),
            ("events given up", "SELECT COUNT(*) FROM push_streams WHERE dead_events > 0"),
        ] {
            assert_eq!(count(&db, sql).await, 0, "{what}");
        }
        if db.is_sqlite() {
            // SECURITY-CASES W-13
            let mut connection = db.read().await.unwrap();
            let whole = sqlx::query("PRAGMA integrity_check").fetch_one(&mut *connection).await;
            assert_eq!(whole.unwrap().get::<String, _>(0), "ok");
        }
        db.close().await;
        scene.home.say(&["audit", "verify"]);
        self.check(receiver, &all);
    }

    fn check(&self, receiver: &Receiver, all: &BTreeSet<&str>) {
        let got = receiver.got();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for (app, ids) in &self.ended {
            let mine = |id: &str| ids.iter().any(|ended| ended == id);
            let (mut seen, mut applied) = (Seen::new(10_000), 0);
            for got in &got {
                let event = got.event();
                let about = event.app_session.clone().unwrap();
                assert!(all.contains(about.as_str()), "nobody ended {about}");
                if !mine(&about) {
                    assert!(got.open(&app.events_secret, got.timestamp()).is_err(), "another's");
                    continue;
                }
                got.open(&app.events_secret, got.timestamp()).unwrap();
                assert_eq!(got.id(), event.id);
                // One name for one end, however often it is told.
                assert_eq!(names.entry(event.id.clone()).or_insert(about.clone()), &about);
                if !seen.contains(&event.id) {
                    seen.remember(&event.id);
                    applied += 1;
                    assert_eq!(event.cursor, applied.to_string(), "in order, without gaps");
                }
            }
            assert_eq!(applied, ids.len(), "applied once, each of {}", app.id);
        }
        eprintln!("{} told, {} times", all.len(), got.len());
    }
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    let mut connection = db.read().await.unwrap();
    sqlx::query(sql).fetch_one(&mut *connection).await.unwrap().get(0)
}
