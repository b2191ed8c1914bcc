//! Passport as a process of its own: the program that operators run.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::{Browser, Database, TestApp};

/// The built program. `tests/run` builds it before the tests; `cargo build` does so by hand.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join(name);
    assert!(program.exists(), "{} is not built: run `cargo build --workspace`", program.display());
    program
}

/// A folder with a configuration, on which commands and servers run.
pub struct Home {
    /// The folder.
    pub folder: TempDir,
    /// The database.
    pub url: String,
    /// `SSO_SECTION__KEY` variables for every command.
    pub variables: Vec<(String, String)>,
}

impl Home {
    /// With an empty database.
    pub async fn new(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = database.create(folder.path()).await;
        Self::over(folder, url)
    }

    /// Over a given database.
    pub fn over(folder: TempDir, url: String) -> Self {
        let variables = [
            ("SSO_DATABASE__URL", url.as_str()),
            ("SSO_MASTER_KEY__FILE", "passport.key"),
            ("SSO_SERVER__LISTEN", "127.0.0.1:0"),
            ("SSO_SERVER__PUBLIC_URL", "http://sso.localhost:8800"),
            ("SSO_PASSWORD__MEMORY_KIB", "64"),
            ("SSO_PASSWORD__ITERATIONS", "1"),
            ("SSO_PASSWORD__NICENESS", "0"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { folder, url, variables }
    }

    /// Sets a variable for what comes.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(found, _)| found != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Leaves a variable to its default, for what comes.
    pub fn unset(&mut self, name: &str) {
        self.variables.retain(|(found, _)| found != name);
    }

    /// A command, to be added to.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("sso-server"));
        command.current_dir(self.folder.path()).args(arguments).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed; answers what it said.
    pub fn say(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must succeed; answers its JSON.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.say(arguments)).unwrap()
    }

    /// Runs a command, `serve` too, that must end by itself with `code` and nothing on stdout;
    /// answers what it complained of.
    pub fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if !line.is_empty() {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{arguments:?} was not refused: {line}");
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        said
    }

    /// Where a file of this home is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes an account with a password.
    pub fn add_user(&self, name: &str, password: &str) {
        let mut child = self
            .command(&["user", "add", name, "--password-stdin", "--json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        assert!(child.wait_with_output().unwrap().status.success());
    }

    /// Registers an app; it will talk to `node`.
    pub fn add_app(&self, id: &str, node: &Node) -> TestApp {
        let return_to = format!("http://{id}.localhost/sso/callback");
        let added =
            self.json(&["app", "add", id, "--name", id, "--return-to", &return_to, "--json"]);
        TestApp::new(
            node.address,
            "http://sso.localhost:8800",
            id,
            added["secret"].as_str().unwrap(),
            &return_to,
        )
    }

    /// Starts a server and waits for its line.
    pub fn serve(&self) -> Node {
        Node::start(self.command(&["serve"]))
    }
}

/// A serving process.
pub struct Node {
    /// Where it listens.
    pub address: SocketAddr,
    /// The line that it printed.
    pub line: String,
    lines: BufReader<ChildStdout>,
    child: Child,
}

impl Node {
    /// Starts `command` and waits until it says that it listens.
    pub fn start(command: Command) -> Self {
        Self::start_logging(command, Stdio::null())
    }

    /// The same; what it says of administrators and faults goes to `log`.
    pub fn start_logging(mut command: Command, log: impl Into<Stdio>) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let address =
            line.strip_prefix("listening on http://").and_then(|rest| rest.split(' ').next());
        let address =
            address.unwrap_or_else(|| panic!("the server said {line:?}")).parse().unwrap();
        Self { address, line, lines, child }
    }

    /// A browser at this node.
    pub fn browser(&self) -> Browser {
        Browser::new(self.address, "http://sso.localhost:8800")
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Sends a signal that ends it; answers what else it has said on stdout.
    pub fn rest(&mut self, signal: rustix::process::Signal) -> String {
        self.signal(signal);
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        rest
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
