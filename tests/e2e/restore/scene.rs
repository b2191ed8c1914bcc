//! A server that can be put back to an older state, behind an address that stays.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use harness::{Browser, Cable, Database, Node, PASSWORD, TestApp, process::Home};

pub(super) struct Scene {
    pub(super) home: Home,
    pub(super) database: Database,
    pub(super) url: String,
    cable: Cable,
    node: Option<Node>,
}

impl Scene {
    /// A server with three people.
    pub(super) async fn on(database: Database) -> Self {
        let cable = Cable::new().await;
        let mut home = Home::new(database).await;
        let url = format!("http://sso.localhost:{}", cable.address.port());
        home.set("SSO_SERVER__PUBLIC_URL", &url);
        let mut scene = Self { home, database, url, cable, node: None };
        scene.serve().await;
        for name in ["ann", "ben", "cid"] {
            scene.home.add_user(name, PASSWORD);
        }
        scene
    }

    /// Starts the server. From here on nobody holds a connection to the one before.
    pub(super) async fn serve(&mut self) {
        let node = self.home.serve();
        self.cable.plug(node.address);
        self.node = Some(node);
        let health = || async {
            let mut browser = self.browser();
            browser.try_request(reqwest::Method::GET, "/healthz", None, &[]).await.is_ok()
        };
        until("the server is reached", async || health().await && health().await).await;
    }

    pub(super) fn stop(&mut self) {
        self.cable.unplug();
        let mut node = self.node.take().unwrap();
        node.rest(rustix::process::Signal::TERM);
        assert!(node.wait().success());
    }

    pub(super) fn add_app(&self, id: &str, return_to: &str) -> TestApp {
        let added =
            self.home.json(&["app", "add", id, "--name", id, "--return-to", return_to, "--json"]);
        let secret = added["secret"].as_str().unwrap();
        TestApp::new(self.cable.address, &self.url, id, secret, return_to)
    }

    pub(super) fn aw(&self) -> TestApp {
        self.add_app("aw", "http://aw.localhost/sso/callback")
    }

    pub(super) fn browser(&self) -> Browser {
        Browser::new(self.cable.address, &self.url)
    }

    pub(super) async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        browser.sign_in(name).await;
        browser
    }

    /// Where SQLite's file is.
    pub(super) fn file(&self) -> PathBuf {
        self.home.file("passport.db")
    }

    /// Makes a backup beside the server, as README says.
    pub(super) fn back_up(&self, name: &str) -> PathBuf {
        let file = self.home.file(name);
        match self.database {
            Database::Sqlite => drop(self.home.say(&["backup", name])),
            Database::Postgres => postgres(
                "pg_dump",
                &["--format=custom", "--file", &file.display().to_string(), &self.home.url],
            ),
        }
        file
    }

    /// Stops the server, puts the backup back as README says, and starts the server. Answers what
    /// the command said, as JSON.
    pub(super) async fn put_back(&mut self, backup: &Path, more: &[&str]) -> serde_json::Value {
        self.stop();
        let shown = backup.display().to_string();
        let mut command = vec!["restore", "--json"];
        command.extend_from_slice(more);
        match self.database {
            Database::Sqlite => command.push(&shown),
            Database::Postgres => {
                let url = self.database.create(self.home.folder.path()).await;
                postgres("pg_restore", &["--single-transaction", "--dbname", &url, &shown]);
                self.home.set("SSO_DATABASE__URL", &url);
                self.home.url = url;
                command.push("--done");
            }
        }
        let said = self.home.json(&command);
        self.serve().await;
        said
    }

    /// The last line of a kind in the audit log.
    pub(super) fn audited(&self, kind: &str) -> serde_json::Value {
        let lines = self.home.say(&["audit", "list", "--kind", kind, "--limit", "1", "--json"]);
        serde_json::from_str(&lines).unwrap()
    }
}

/// Runs one of PostgreSQL's own tools.
fn postgres(tool: &str, arguments: &[&str]) {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path()).collect())
        .unwrap_or_default();
    versions.sort();
    let folder = versions.pop().map(|version| version.join("bin")).unwrap_or_default();
    let output = Command::new(folder.join(tool)).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(ExitStatus::success(&output.status), "{tool}: {said}");
}

/// Asks until it is so.
pub(super) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
