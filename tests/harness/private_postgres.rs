//! A PostgreSQL server of a test's own, which may be killed.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// The server. It is gone with this value.
pub struct PrivatePostgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl PrivatePostgres {
    /// A new cluster on a free port, made with the programs that `tests/run` installs.
    pub fn start() -> Self {
        let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .expect("PostgreSQL's programs are not installed: run the tests by `tests/run`")
            .map(|entry| entry.unwrap().path().join("bin"))
            .filter(|programs| programs.join("initdb").exists())
            .collect();
        versions.sort();
        let programs = versions.pop().expect("no initdb below /usr/lib/postgresql");
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { folder, programs, port };
        if rustix::process::geteuid().is_root() {
            // It refuses to run as root.
            let id = |option| {
                let said = Command::new("id").args([option, "postgres"]).output().unwrap().stdout;
                String::from_utf8(said).unwrap().trim().parse().unwrap()
            };
            chown(server.folder.path(), Some(id("-u")), Some(id("-g"))).unwrap();
        }
        server.run("initdb", &["-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "-N"]);
        server.up();
        server
    }

    /// Where it is, without a database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// Every process of it is killed, and it starts again: it recovers what was committed.
    pub fn crash(&self) {
        self.run("pg_ctl", &["stop", "-m", "immediate"]);
        self.up();
    }

    fn up(&self) {
        let folder = self.folder.path().display();
        let options =
            format!("-p {} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off", self.port);
        let log = self.folder.path().join("log").display().to_string();
        self.run("pg_ctl", &["start", "-w", "-l", &log, "-o", &options]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let done = self.command(program, arguments).status().unwrap();
        assert!(done.success(), "{program} {arguments:?}");
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let path: &Path = &self.programs.join(program);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.arg("-D").arg(self.folder.path().join("data")).args(arguments);
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl", &["stop", "-m", "immediate"]).status();
    }
}
