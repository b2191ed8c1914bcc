//! The program that drives a real browser by WebDriver: it runs as long as the test does.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// A running driver, and with it all that it has started.
pub struct Driver {
    /// Where it listens.
    pub url: String,
    child: Child,
}

impl Driver {
    /// Starts it on a port of its own choice, which it says right before the end of a line, after
    /// `announces`.
    pub fn start(command: &mut Command, announces: &str, missing: &str) -> Self {
        // A group of their own, so that no browser outlives a failed test.
        let mut child = command
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{missing}: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once(announces)?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        // Nobody may wait for us to read on.
        std::thread::spawn(move || lines.for_each(drop));
        let port = port.unwrap_or_else(|| panic!("{command:?} does not listen"));
        Self { url: format!("http://127.0.0.1:{port}"), child }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
