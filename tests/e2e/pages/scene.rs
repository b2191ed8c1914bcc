//! Readers of an app's log: polls that wait, streams that stay open.

use std::time::{Duration, Instant};

use client_sdk::wire::EventPage;
use harness::{Answer, Passport, TestApp};
use reqwest::Method;
use serde_json::Value;
use tokio::task::JoinHandle;

/// Nothing here takes so long unless it never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks for an app's log.
pub async fn ask(app: &TestApp, query: &str) -> Answer {
    app.call(Method::GET, &format!("/api/v1/events?{query}"), None, &[]).await
}

/// Asks; the answer must be a page.
pub async fn page(app: &TestApp, query: &str) -> EventPage {
    let answer = ask(app, query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// Asks beside what the test does.
pub fn poll(app: &TestApp, query: String) -> JoinHandle<EventPage> {
    let app = app.clone();
    actix_web::rt::spawn(async move { page(&app, &query).await })
}

/// What was asked beside, which must come while a test has patience.
pub async fn came<T>(asked: JoinHandle<T>) -> T {
    tokio::time::timeout(PATIENCE, asked).await.expect("an answer").unwrap()
}

/// Waits until as many instances have asked. A poll that is written down misses nothing any more:
/// it watches from before it looks.
pub async fn asking(passport: &Passport, instances: i64) {
    until("the instances ask", async || {
        passport.count("SELECT COUNT(*) FROM app_instances").await == instances
    })
    .await;
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An open stream of server-sent events.
pub struct Stream {
    response: reqwest::Response,
    read: String,
}

/// One of them.
#[derive(Debug)]
pub struct Sent {
    /// Its name.
    pub event: String,
    /// Its place in the log.
    pub id: String,
    /// What it says.
    pub data: Value,
}

impl Stream {
    /// Opens one.
    #[expect(clippy::disallowed_methods, reason = "a reader of its own, without a deadline")]
    pub async fn open(app: &TestApp, at: &Passport, query: &str, headers: &[(&str, &str)]) -> Self {
        let url = format!("http://{}/api/v1/events?{query}", at.address);
        let mut request = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .get(url)
            .header("host", at.url.split_once("://").unwrap().1)
            .header("authorization", app.authorization())
            .header("accept", "text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = tokio::time::timeout(PATIENCE, request.send());
        Self { response: sent.await.expect("a head").unwrap(), read: String::new() }
    }

    /// Its status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// One of its headers.
    pub fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The next event; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some((one, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = one.lines().filter_map(|line| line.strip_prefix(name));
                    let value = lines.next().unwrap_or_default().to_owned();
                    assert_eq!(lines.next(), None, "{name} twice in {one}");
                    value
                };
                let data = serde_json::from_str(&field("data: ")).unwrap();
                let sent = Sent { event: field("event: "), id: field("id: "), data };
                self.read = rest.to_owned();
                return Some(sent);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("something, or an end").unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next that is no sign of life.
    pub async fn news(&mut self) -> Option<Sent> {
        loop {
            let sent = self.next().await?;
            if sent.event != "heartbeat" {
                return Some(sent);
            }
        }
    }

    /// Reads to its end, which must come; answers how many events came before it.
    pub async fn ends(&mut self) -> usize {
        let to_the_end = async {
            let mut told = 0;
            while self.news().await.is_some() {
                told += 1;
            }
            told
        };
        tokio::time::timeout(PATIENCE, to_the_end).await.expect("an end")
    }

    /// What an answer that is no stream says.
    pub async fn json(self) -> Value {
        serde_json::from_str(&self.response.text().await.unwrap()).unwrap()
    }
}
