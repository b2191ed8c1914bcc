//! Real providers of OpenIDs: `tests/peers/openid/op.py`, on python3-openid, which approves everybody
//! and can be told to misbehave; and a second one of another make.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use reqwest::{Client, redirect::Policy};
use serde_json::Value;

/// Runs the script, and ends when its standard input does: no test leaves one behind, however it ends.
const WRAPPER: &str = "
import os, runpy, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
";

/// A running provider; it ends with the value.
pub struct Provider {
    /// Its own identifier, with a slash at the end: `http://127.0.0.1:4711/`.
    pub base: String,
    process: Child,
    http: Client,
}

/// What it sends a browser back with.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Where to: a URL, with the whole message unless it is in the fields.
    pub url: String,
    /// The fields of a form to be posted there, if it answers by form.
    pub form: Option<Vec<(String, String)>>,
}

impl Provider {
    /// Starts one.
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/openid/op.py");
        // Debian's own interpreter: only that one has Debian's packages.
        Self::of(Command::new("/usr/bin/python3").args(["-c", WRAPPER]).arg(script).arg("0"))
    }

    /// Starts another one, which shares no line with the first: `op.pl`, on Net::OpenID::Server. It
    /// takes no orders.
    pub fn of_another_make() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/openid/op.pl");
        Self::of(Command::new("/usr/bin/perl").arg(script))
    }

    fn of(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("no interpreter: run the tests by `tests/run`");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.strip_prefix("READY ").map(str::trim);
        let base = base.expect("its library is not installed: run the tests by `tests/run`");
        #[expect(clippy::disallowed_methods, reason = "a browser's way to the provider")]
        let http = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            // A connection belongs to one test's runtime, and this may outlive it.
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self { base: base.to_owned(), process, http }
    }

    /// One for all tests of a process that do not tell it anything.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Provider> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Below its own identifier: `id/alice`.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Where it is asked.
    pub fn endpoint(&self) -> String {
        self.at("op")
    }

    /// Tells it how to behave.
    pub async fn tell(&self, knobs: &[(&str, &str)]) {
        let query = super::browser::encode(knobs.iter().copied());
        let answer = self.http.get(self.at(&format!("_ctl?{query}"))).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{query}");
    }

    /// As it was at first, its keys too.
    pub async fn reset(&self) {
        self.tell(&[("reset", "1"), ("forget", "1")]).await;
    }

    /// The requests since it was last asked for them.
    pub async fn heard(&self) -> Vec<Value> {
        let answer = self.http.get(self.at("_log?clear=1")).send().await.unwrap();
        let all: Vec<Value> = answer.json().await.unwrap();
        all
    }

    /// Asks it as Passport does when it looks for somebody's provider.
    pub async fn get(&self, url: &str) {
        let accept = "application/xrds+xml,text/html;q=0.7,application/xhtml+xml;q=0.7";
        let answer = self.http.get(url).header("accept", accept).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        answer.bytes().await.unwrap();
    }

    /// The modes of the messages since it was last asked for them.
    pub async fn modes(&self) -> Vec<String> {
        let mode = |heard: Value| heard["mode"].as_str().map(str::to_owned);
        self.heard().await.into_iter().filter_map(mode).collect()
    }

    /// A browser arrives here and is sent back at once.
    pub async fn sends_back(&self, url: &str) -> Sent {
        let answer = self.http.get(url).send().await.unwrap();
        if answer.status() == 302 {
            let url = answer.headers()["location"].to_str().unwrap().to_owned();
            return Sent { url, form: None };
        }
        assert_eq!(answer.status(), 200);
        let page = scraper::Html::parse_document(&answer.text().await.unwrap());
        let select = |text: &str| scraper::Selector::parse(text).unwrap();
        let form = page.select(&select("form")).next().unwrap();
        let of = |input: scraper::ElementRef<'_>, name: &str| {
            input.value().attr(name).unwrap_or_default().to_owned()
        };
        let hidden = select("input[type=hidden]");
        let fields = form.select(&hidden).map(|input| (of(input, "name"), of(input, "value")));
        let fields = fields.collect();
        Sent { url: of(form, "action"), form: Some(fields) }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It ends when its input does.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Where the page leads that says who is asked; it goes on by itself.
pub fn next_step(asking: &crate::Answer) -> Option<String> {
    let page = scraper::Html::parse_document(&asking.body);
    let refresh = scraper::Selector::parse("meta[http-equiv=refresh]").unwrap();
    let content = page.select(&refresh).next()?.value().attr("content")?;
    Some(content.strip_prefix("0;url=")?.to_owned())
}
