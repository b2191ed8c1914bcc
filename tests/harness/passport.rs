//! A Passport in this process, with everything a story needs.

use std::{net::TcpListener, sync::Arc};

use sqlx::Row;
use sso_server::{
    app::App,
    clock::Clock,
    config::Config,
    domain::app::Silent,
    flows::{
        apps::{self, AddApp, Added},
        users::{self, AddUser},
    },
    random::Random,
    store::audit::{self, Line},
    web::server::{self, Running},
};
use tempfile::TempDir;

use crate::{Browser, Database, NOON, TestApp};

/// Everybody's password, unless a test says otherwise.
pub const PASSWORD: &str = "correct horse battery";

/// A running Passport.
pub struct Passport {
    /// The program itself, for flows and a look at the store.
    pub app: Arc<App>,
    /// `127.0.0.1:port`
    pub address: std::net::SocketAddr,
    /// Its public URL: `http://sso.localhost:port`
    pub url: String,
    /// Which database it runs on.
    pub database: Database,
    /// Its clock.
    pub clock: Clock,
    /// Its folder: database, key.
    pub folder: Arc<TempDir>,
    running: Option<Running>,
}

impl Passport {
    /// On SQLite, with the defaults but cheap hashing.
    pub async fn start() -> Self {
        Self::on(Database::Sqlite).await
    }

    /// On a database.
    pub async fn on(database: Database) -> Self {
        Self::with(database, |_| {}).await
    }

    /// With some settings changed.
    pub async fn with(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let url = database.create(folder.path()).await;
        Self::over(database, &url, folder, Clock::manual(NOON), change).await
    }

    /// A further node over the same database and master key, with the same clock and settings.
    pub async fn second_node(&self) -> Self {
        let url = self.app.config.database.url.clone();
        let same = self.app.config.clone();
        let change = |config: &mut Config| *config = same;
        Self::over(self.database, &url, self.folder.clone(), self.clock.clone(), change).await
    }

    /// Over a given database.
    pub async fn over(
        database: Database,
        url: &str,
        folder: Arc<TempDir>,
        clock: Clock,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = Config::default();
        config.server.public_url = format!("http://sso.localhost:{}", address.port());
        config.server.workers = 2;
        config.database.url = url.to_owned();
        config.database.max_connections = 4;
        config.master_key.file = folder.path().join("passport.key").display().to_string();
        // Real Argon2id at a cost that a thousand tests can pay.
        config.password.memory_kib = 64;
        config.password.iterations = 1;
        config.password.niceness = 0;
        change(&mut config);
        let url = config.server.public_url.clone();
        let app = App::open(config, clock.clone(), Random::system()).await.unwrap();
        let running = server::start(app.clone(), listener).unwrap();
        Self { app, address, url, database, clock, folder, running: Some(running) }
    }

    /// A new browser.
    pub fn browser(&self) -> Browser {
        Browser::new(self.address, &self.url)
    }

    /// A browser in which `name` has signed in.
    pub async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        browser.sign_in(name).await;
        browser
    }

    /// Makes an account with [`PASSWORD`] and a mail address; answers its id.
    pub async fn add_user(&self, name: &str) -> String {
        let email = format!("{name}@example.org");
        let new =
            AddUser { username: name, email: Some(&email), admin: false, password: Some(PASSWORD) };
        users::add(&self.app, new).await.unwrap().id.into()
    }

    /// Registers an app whose events are pushed to `url`; answers its events secret, too.
    pub async fn add_pushed(&self, id: &str, url: &str) -> (TestApp, String) {
        let return_to = format!("http://{id}.localhost/sso/callback");
        let new = AddApp {
            id,
            name: id,
            return_urls: std::slice::from_ref(&return_to),
            origins: &[],
            events_url: Some(url),
            jsonp: false,
            old_browsers: false,
            may_end_user: false,
            may_login: false,
            silent: Silent::Always,
            front_logout_url: None,
        };
        let Added { secret, events_secret, .. } = apps::add(&self.app, new).await.unwrap();
        let app = TestApp::new(self.address, &self.url, id, secret.expose(), &return_to);
        (app, events_secret.unwrap().to_string())
    }

    /// Registers an app at `http://{id}.localhost`.
    pub async fn add_app(&self, id: &str) -> TestApp {
        self.add_app_with(id, |_| {}).await
    }

    /// The same, with something changed.
    pub async fn add_app_with<'a>(
        &self,
        id: &'a str,
        change: impl FnOnce(&mut AddApp<'a>),
    ) -> TestApp {
        let return_to = format!("http://{id}.localhost/sso/callback");
        let return_urls = [return_to.clone()];
        let origins = [format!("http://{id}.localhost")];
        // The change may borrow for as long as the id; the lists live here.
        let mut new = AddApp {
            id,
            name: id,
            return_urls: &[],
            origins: &[],
            events_url: None,
            jsonp: false,
            old_browsers: false,
            may_end_user: false,
            may_login: false,
            silent: Silent::Always,
            front_logout_url: None,
        };
        change(&mut new);
        let new = AddApp {
            return_urls: if new.return_urls.is_empty() { &return_urls } else { new.return_urls },
            origins: if new.origins.is_empty() { &origins } else { new.origins },
            ..new
        };
        let Added { client, secret, .. } = apps::add(&self.app, new).await.unwrap();
        let return_to = client.return_urls[0].as_str().to_owned();
        TestApp::new(self.address, &self.url, id, secret.expose(), &return_to)
    }

    /// Moves the clock.
    pub fn advance(&self, millis: i64) {
        let Clock::Manual(now) = &self.clock else { panic!("not a manual clock") };
        now.fetch_add(millis, std::sync::atomic::Ordering::SeqCst);
    }

    /// The audit log, latest first.
    pub async fn audit(&self) -> Vec<Line> {
        audit::latest(&mut self.app.db.read().await.unwrap(), 10_000).await.unwrap()
    }

    /// The latest line of a kind.
    pub async fn audited(&self, kind: &str) -> Line {
        let lines = self.audit().await;
        let found = lines.iter().find(|line| line.kind == kind).cloned();
        found.unwrap_or_else(|| panic!("no {kind} in {lines:#?}"))
    }

    /// A number from the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        let row =
            sqlx::query(sql).fetch_one(&mut *self.app.db.read().await.unwrap()).await.unwrap();
        row.get(0)
    }

    /// Waits until a number in the database is what it should be.
    pub async fn until(&self, sql: &'static str, wanted: i64) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let found = self.count(sql).await;
            if found == wanted {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{sql}: {found}, not {wanted}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// A text from the database.
    pub async fn text(&self, sql: &'static str) -> String {
        let row =
            sqlx::query(sql).fetch_one(&mut *self.app.db.read().await.unwrap()).await.unwrap();
        row.get(0)
    }

    /// Stops it as SIGTERM does.
    pub async fn stop(mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }
}
