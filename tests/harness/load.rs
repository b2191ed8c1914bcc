//! A light load generator, and the server's own CPU time: for benches.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A kept-alive connection that speaks just enough HTTP/1.1.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(8 * 1024) }
    }

    /// Sends a request and reads its answer: status, head and body.
    pub async fn send(&mut self, request: &[u8]) -> (u16, String, Vec<u8>) {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "closed");
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).into_owned();
        let length = text
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")
                    .map(|n| n.trim().parse().unwrap())
            })
            .unwrap_or(0_usize);
        while self.buffer.len() < head + length {
            assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "closed");
        }
        let status = text[9..12].parse().unwrap();
        (status, text, self.buffer[head..head + length].to_vec())
    }
}

/// What a run of requests took.
#[derive(Clone, Debug)]
pub struct Run {
    /// How many.
    pub count: usize,
    /// From the first to the last.
    pub wall: Duration,
    /// Each one's time, sorted.
    pub latencies: Vec<Duration>,
    /// The server's CPU time over all of it.
    pub cpu: Duration,
}

impl Run {
    /// The server's CPU time for one, in microseconds.
    pub fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count as f64
    }

    /// How many a second.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.wall.as_secs_f64()
    }

    /// A part of the requests was faster than this.
    pub fn quantile(&self, part: f64) -> Duration {
        self.latencies[((self.latencies.len() - 1) as f64 * part) as usize]
    }
}

/// Sends `requests` over `connections` at once, as fast as they go; each answer must have `status`.
pub async fn run(
    address: SocketAddr,
    server: u32,
    connections: usize,
    requests: Vec<Vec<u8>>,
    status: u16,
) -> Run {
    let count = requests.len();
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(address).await);
    }
    let (before, begun) = (cpu_time(server), Instant::now());
    let workers: Vec<_> = open
        .into_iter()
        .map(|mut connection| {
            let (requests, next) = (requests.clone(), next.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let sent = Instant::now();
                    let (got, head, body) = connection.send(request).await;
                    latencies.push(sent.elapsed());
                    assert_eq!(got, status, "{head}{}", String::from_utf8_lossy(&body));
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::with_capacity(count);
    for worker in workers {
        latencies.extend(worker.await.unwrap());
    }
    let (wall, cpu) = (begun.elapsed(), cpu_time(server) - before);
    latencies.sort();
    Run { count, wall, latencies, cpu }
}

/// CPU time of a process, over all its threads.
pub fn cpu_time(process: u32) -> Duration {
    let mut nanos = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten() {
        if let Ok(text) = std::fs::read_to_string(task.path().join("schedstat")) {
            nanos += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Duration::from_nanos(nanos)
}

/// Resident memory of a process, in MB.
pub fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// A GET with a cookie header.
pub fn get(path: &str, host: &str, cookie: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nUser-Agent: {}\r\nAccept: text/html\r\n\r\n", crate::browser::FIREFOX).into_bytes()
}

/// A GET with further headers, each with its line end.
pub fn get_with(path: &str, host: &str, cookie: &str, headers: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nUser-Agent: {}\r\n{headers}\r\n",
        crate::browser::FIREFOX
    )
    .into_bytes()
}

/// A POST with a body.
pub fn post(path: &str, host: &str, kind: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// CPU time that `work` takes on this thread, per round.
pub fn cpu_of(rounds: u32, mut work: impl FnMut()) -> f64 {
    let clock = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
    };
    for _ in 0..rounds / 10 {
        work();
    }
    let begun = clock();
    for _ in 0..rounds {
        work();
    }
    (clock() - begun) / f64::from(rounds)
}
