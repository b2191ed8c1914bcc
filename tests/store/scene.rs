//! An empty store, its rows, and many who want the same thing at once.

use std::{future::Future, sync::Arc};

use client_sdk::wire::Cause;
use harness::{DAY, Database, NOON};
use sqlx::Row;
use sso_server::{
    domain::{
        Millis,
        app::{App, AppId},
        confirmation::NEVER,
        device::{Device, DeviceClass},
        id::{AppSessionId, LogoutId, SessionId, UserId},
        return_url::ReturnUrl,
        token::{Digest, Token},
        user::Username,
    },
    random::Random,
    store::{
        self, Db, Options, Stored, Tx,
        app_instances::Contact,
        app_sessions::{self, EndedAppSession},
        apps, redemptions,
        sessions::{self, EndedSession},
        users,
    },
};
use tempfile::TempDir;
use tokio::sync::Barrier;

/// How many want the same thing at once.
pub const CROWD: usize = 64;

/// A store of its own.
pub struct Scene {
    pub url: String,
    pub folder: TempDir,
    pub db: Arc<Db>,
}

impl Scene {
    /// With tables and no rows.
    pub async fn on(database: Database) -> Self {
        let scene = Self::without_tables(database).await;
        store::migrate(&scene.db, &scene.url).await.unwrap();
        scene
    }

    /// Before the first migration.
    pub async fn without_tables(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = database.create(folder.path()).await;
        let db = open(&url).await;
        Self { url, folder, db }
    }

    /// A second handle on the same database: another node, another process on the same file.
    pub async fn another(&self) -> Arc<Db> {
        let db = open(&self.url).await;
        store::migrate(&db, &self.url).await.unwrap();
        db
    }

    /// Two handles, for crowds that come from two sides.
    pub async fn both_sides(&self) -> [Arc<Db>; 2] {
        [self.db.clone(), self.another().await]
    }

    /// Does something in a transaction that is committed.
    pub async fn write<T>(&self, work: impl AsyncFnOnce(&mut Tx) -> T) -> T {
        write(&self.db, work).await
    }

    /// A person.
    pub async fn user(&self, name: &str) -> UserId {
        let id = fresh_user();
        self.write(async |tx| add_user(tx, &id, name).await.unwrap()).await;
        id
    }

    /// An app.
    pub async fn app(&self, id: &str) -> App {
        let mut app = new_app(id);
        app.bit = self.write(async |tx| apps::insert(tx, &app).await.unwrap()).await;
        app
    }

    /// A session of a day, idle after half of it.
    pub async fn session(&self, user: &UserId) -> (SessionId, Digest) {
        self.session_until(user, NOON + DAY / 2, NOON + DAY).await
    }

    /// A session with limits of one's own.
    pub async fn session_until(
        &self,
        user: &UserId,
        idle_until: i64,
        expires_at: i64,
    ) -> (SessionId, Digest) {
        let (id, digest) = (SessionId::fresh(NOON, &Random::system()), fresh_digest());
        self.write(async |tx| {
            sessions::insert(tx, new_session(&id, &digest, user, idle_until, expires_at))
                .await
                .unwrap();
        })
        .await;
        (id, digest)
    }

    /// A session at an app.
    pub async fn app_session(
        &self,
        session: &SessionId,
        user: &UserId,
        app: &AppId,
    ) -> AppSessionId {
        let id = AppSessionId::fresh(NOON, &Random::system());
        let admission = redemptions::Admission {
            id: id.clone(),
            session: session.clone(),
            user: user.clone(),
            app: app.clone(),
            expires_at: NOON + DAY,
        };
        self.write(async |tx| redemptions::record(tx, &[admission], NOON).await.unwrap()).await;
        id
    }

    /// Ends a session.
    pub async fn end(&self, session: &SessionId) {
        self.write(async |tx| {
            end_session(tx, session, Cause::User, NOON).await.expect("it was live")
        })
        .await;
    }

    /// A number from the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        count(&self.db, sql).await
    }
}

/// Opens a database as the program does.
pub async fn open(url: &str) -> Arc<Db> {
    Arc::new(Db::open(&options(url)).await.unwrap())
}

pub fn options(url: &str) -> Options {
    Options { url: url.to_owned(), max_connections: 6 }
}

/// A number from the database.
pub async fn count(db: &Db, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(&mut *db.read().await.unwrap()).await.unwrap().get(0)
}

/// On PostgreSQL: returns when so many wait for others' locks.
pub async fn until_waiting_for_locks(db: &Db, many: i64) {
    let waiting = "SELECT COUNT(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid IN
        (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    for _ in 0..600 {
        if count(db, waiting).await >= many {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("fewer than {many} wait");
}

/// Does something in a transaction that is committed.
pub async fn write<T>(db: &Db, work: impl AsyncFnOnce(&mut Tx) -> T) -> T {
    let mut tx = db.write().await.unwrap();
    let outcome = work(&mut tx).await;
    tx.commit().await.unwrap();
    outcome
}

/// Many do the same at the same time, half of them from each side; answers all outcomes.
pub async fn crowd<T, F>(
    sides: &[Arc<Db>],
    many: usize,
    act: impl Fn(Arc<Db>, usize) -> F,
) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let start = Arc::new(Barrier::new(many));
    let tasks: Vec<_> = (0..many)
        .map(|number| {
            let (start, act) = (start.clone(), act(sides[number % sides.len()].clone(), number));
            tokio::spawn(async move {
                start.wait().await;
                act.await
            })
        })
        .collect();
    let mut outcomes = Vec::with_capacity(many);
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

/// How many of the outcomes are so.
pub fn how_many<T>(outcomes: &[T], so: impl Fn(&T) -> bool) -> usize {
    outcomes.iter().filter(|outcome| so(outcome)).count()
}

pub fn fresh_user() -> UserId {
    UserId::fresh(NOON, &Random::system())
}

pub fn fresh_digest() -> Digest {
    Token::fresh(&Random::system()).digest()
}

/// Writes an account without mail address or password.
pub async fn add_user(tx: &mut Tx, id: &UserId, name: &str) -> Stored<()> {
    let username = Username::parse(name).unwrap();
    let new = users::NewUser {
        id,
        username: &username,
        email: None,
        password_hash: None,
        admin: false,
        now: NOON,
    };
    users::insert(tx, new).await
}

/// An app to be registered.
pub fn new_app(id: &str) -> App {
    App {
        id: AppId::parse(id).unwrap(),
        bit: 0,
        name: format!("The {id}"),
        secret: Digest::of(id.as_bytes()),
        previous_secret: None,
        return_urls: vec![ReturnUrl::register(&format!("https://{id}.example/cb")).unwrap()],
        origins: Vec::new(),
        events_url: None,
        jsonp_since: None,
        old_browsers_since: None,
        may_end_user_since: None,
        may_login_since: None,
        asks_first_since: None,
        front_logout_url: None,
        disabled_at: None,
        created_at: NOON,
    }
}

/// A session to be written.
pub fn new_session<'a>(
    id: &'a SessionId,
    digest: &'a Digest,
    user: &'a UserId,
    idle_until: i64,
    expires_at: i64,
) -> sessions::NewSession<'a> {
    static DEVICE: std::sync::LazyLock<Device> = std::sync::LazyLock::new(|| Device {
        label: "Firefox on Windows".to_owned(),
        class: DeviceClass::Desktop,
    });
    sessions::NewSession {
        id,
        digest,
        user,
        amr: &["pwd"],
        identity: None,
        kept: true,
        device: &DEVICE,
        address: "203.0.113.7",
        auth_time: NOON,
        now: NOON,
        idle_until,
        expires_at,
    }
}

/// The logout that ends are written down under here; that there is a row of it is the flows' affair.
fn logout() -> LogoutId {
    "logout".into()
}

/// Ends one session.
pub async fn end_session(
    tx: &mut Tx,
    id: &SessionId,
    cause: Cause,
    at: Millis,
) -> Option<EndedSession> {
    let ids = std::slice::from_ref(id);
    sessions::end(tx, ids, cause, &logout(), false, at).await.unwrap().pop()
}

/// Ends one app session.
pub async fn end_app_session(
    tx: &mut Tx,
    id: &AppSessionId,
    cause: Cause,
    at: Millis,
) -> Option<EndedAppSession> {
    let ids = std::slice::from_ref(id);
    app_sessions::end_these(tx, ids, cause, &logout(), at).await.unwrap().pop()
}

/// Ends the app sessions of a session.
pub async fn end_of_session(
    tx: &mut Tx,
    session: &SessionId,
    cause: Cause,
    at: Millis,
) -> Vec<EndedAppSession> {
    let sessions = std::slice::from_ref(session);
    app_sessions::end_of_sessions(tx, sessions, cause, &logout(), at).await.unwrap()
}

/// Ends the sessions at an app, as a portion of a logout of many does.
pub async fn end_of_app(
    tx: &mut Tx,
    app: &AppId,
    cause: Cause,
    at: Millis,
) -> Vec<EndedAppSession> {
    let ids = app_sessions::portion(tx, app, "", NOON, 32).await.unwrap();
    app_sessions::end_these(tx, &ids, cause, &logout(), at).await.unwrap()
}

/// An instance is heard of.
pub fn contact(instance: &str, acknowledged: i64, now: Millis) -> Contact<'_> {
    Contact { instance, version: None, acknowledged, now, trusted_until: NEVER }
}
