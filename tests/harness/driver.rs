//! The program that drives a real browser by WebDriver: it runs as long as the test does.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
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
        let mut said = Vec::new();
        // chromedriver takes a free port of IPv4, and ends if somebody has got the same one of IPv6.
        for _ in 0..10 {
            match Self::try_start(command, announces, missing) {
                Ok(driver) => return driver,
                Err(lines) => said = lines,
            }
        }
        panic!("{command:?} does not listen: {said:#?}");
    }

    /// If it ends without listening: what it has said, and how it ended.
    fn try_start(
        command: &mut Command,
        announces: &str,
        missing: &str,
    ) -> Result<Self, Vec<String>> {
        // A group of their own, so that no browser outlives a failed test.
        let mut child = command
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{missing}: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        for line in lines.by_ref().map_while(Result::ok) {
            let port = line.split_once(announces).map(|(_, port)| port.trim_end_matches('.'));
            if let Some(port) = port.and_then(|port| port.parse::<u16>().ok()) {
                let url = format!("http://127.0.0.1:{port}");
                // Nobody may wait for us to read on.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(Self { url, child });
            }
            said.push(line);
        }
        said.extend(end(&mut child).map(|status| status.to_string()));
        Err(said)
    }
}

/// Ends it, and what it has started.
fn end(driver: &mut Child) -> std::io::Result<ExitStatus> {
    let _ = kill_process_group(Pid::from_child(driver), Signal::KILL);
    driver.wait()
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = end(&mut self.child);
    }
}
