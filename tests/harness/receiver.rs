//! What stands behind an events URL: a server that answers as it is told, and remembers what it got.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use client_sdk::{
    webhook::{self, Headers, Secret, WebhookError},
    wire::Event,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};

/// How it answers one request.
#[derive(Clone, Debug)]
pub enum Play {
    /// With this status.
    Status(u16),
    /// With this status and one more header.
    With(u16, &'static str, String),
    /// With 204, but not before this has passed.
    Slow(Duration),
    /// Not at all, until the other side gives up.
    Never,
    /// With half of a 200, and then a reset.
    Reset,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Got {
    /// The path.
    pub path: String,
    /// Lower-case names.
    pub headers: HashMap<String, String>,
    /// The bytes.
    pub body: Vec<u8>,
}

impl Got {
    /// `webhook-id`
    pub fn id(&self) -> &str {
        &self.headers[webhook::ID]
    }

    /// `webhook-timestamp`
    pub fn timestamp(&self) -> i64 {
        self.headers[webhook::TIMESTAMP].parse().unwrap()
    }

    /// Checks it as the SDK does.
    pub fn open(&self, secret: &str, now: i64) -> Result<Event, WebhookError> {
        let header = |name: &str| self.headers.get(name).map(String::as_str);
        let headers = Headers {
            id: header(webhook::ID),
            timestamp: header(webhook::TIMESTAMP),
            signature: header(webhook::SIGNATURE),
        };
        webhook::open(&[Secret::parse(secret).unwrap()], &headers, &self.body, now)
    }

    /// What it says, unchecked.
    pub fn event(&self) -> Event {
        let body: client_sdk::wire::PushedEvent = serde_json::from_slice(&self.body).unwrap();
        body.data
    }
}

/// The server.
#[derive(Clone)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Play>>,
    otherwise: Mutex<Option<Play>>,
    got: Mutex<Vec<Got>>,
    came: Notify,
    connections: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Receiver {
    /// Answers 204 unless told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = receiver.state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                state.connections.fetch_add(1, Ordering::SeqCst);
                let state = state.clone();
                tokio::spawn(async move {
                    let _ = converse(stream, &state).await;
                });
            }
        });
        receiver
    }

    /// A URL that leads here.
    pub fn url(&self) -> String {
        format!("http://aw.localhost:{}/events", self.address.port())
    }

    /// How the next requests are answered, one after the other.
    pub fn script(&self, plays: impl IntoIterator<Item = Play>) {
        self.state.script.lock().unwrap().extend(plays);
    }

    /// How requests beyond the script are answered.
    pub fn otherwise(&self, play: Play) {
        *self.state.otherwise.lock().unwrap() = Some(play);
    }

    /// What came so far.
    pub fn got(&self) -> Vec<Got> {
        self.state.got.lock().unwrap().clone()
    }

    /// Waits until so many requests have come; answers all.
    pub async fn wait_for(&self, many: usize) -> Vec<Got> {
        let all = async {
            loop {
                let came = self.state.came.notified();
                let got = self.got();
                if got.len() >= many {
                    return got;
                }
                came.await;
            }
        };
        let within = Duration::from_secs(60);
        let got = timeout(within, all).await;
        got.unwrap_or_else(|_| panic!("{} of {many} requests came", self.got().len()))
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Most requests that were here at the same time.
    pub fn most_at_once(&self) -> usize {
        self.state.most_at_once.load(Ordering::SeqCst)
    }
}

async fn converse(stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(got) = read(&mut stream).await? {
        let now = state.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_at_once.fetch_max(now, Ordering::SeqCst);
        state.got.lock().unwrap().push(got);
        state.came.notify_waiters();
        let next = state.script.lock().unwrap().pop_front();
        let next = next.or_else(|| state.otherwise.lock().unwrap().clone());
        let done = play(&mut stream, next.unwrap_or(Play::Status(204))).await;
        state.at_once.fetch_sub(1, Ordering::SeqCst);
        if !done? {
            return Ok(());
        }
    }
    Ok(())
}

async fn play(stream: &mut BufReader<TcpStream>, play: Play) -> std::io::Result<bool> {
    let (status, header) = match play {
        Play::Status(status) => (status, String::new()),
        Play::With(status, name, value) => (status, format!("{name}: {value}\r\n")),
        Play::Slow(how) => {
            tokio::time::sleep(how).await;
            (204, String::new())
        }
        Play::Never => {
            // Ends when the other side closes the connection.
            let _ = stream.read_u8().await;
            return Ok(false);
        }
        Play::Reset => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
            stream.get_ref().set_zero_linger()?;
            return Ok(false);
        }
    };
    let length = if status == 204 { "" } else { "content-length: 0\r\n" };
    let head = format!("HTTP/1.1 {status} So\r\n{header}{length}\r\n");
    stream.write_all(head.as_bytes()).await?;
    Ok(true)
}

async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Got>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok(Some(Got { path, headers, body }))
}
