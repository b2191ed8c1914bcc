//! A PostgreSQL that fails on demand: a proxy that counts what the server under test asks and cuts
//! the connection at the chosen question, or between the question and its answer. Real faults on a
//! real wire; the program has no hooks.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// "Do you speak TLS?" (PostgreSQL, frontend/backend protocol, SSLRequest).
const SSL_REQUEST: u32 = 80_877_103;

/// The proxy.
pub struct FaultyPostgres {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Questions left until the cut; negative: no cut is planned.
    left: AtomicI64,
    /// The fatal question still gets through; its answer does not.
    answer_is_lost: AtomicBool,
    /// Since the cut nobody gets through.
    down: AtomicBool,
    asked: AtomicI64,
}

impl FaultyPostgres {
    /// In front of the server in `url`; answers itself and the URL to use instead.
    pub async fn before(url: &str) -> (Self, String) {
        let mut through = url::Url::parse(url).unwrap();
        let target = format!("{}:{}", through.host_str().unwrap(), through.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { left: AtomicI64::new(-1), ..State::default() });
        let shared = state.clone();
        // A thread of its own, so that it lives as long as the process.
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener.into_std().unwrap()).unwrap();
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(carry(client, target.clone(), shared.clone()));
                }
            });
        });
        through.set_host(Some("127.0.0.1")).unwrap();
        through.set_port(Some(address.port())).unwrap();
        // Encrypted questions could not be counted.
        through.query_pairs_mut().append_pair("sslmode", "disable");
        (Self { address, state }, through.to_string())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The database is cut off at the `n`th question from now, counting from 1, and stays so.
    pub fn fail_at(&self, n: i64) {
        self.cut_at(n, false);
    }

    /// The same, but the database does what the `n`th question says, and only its answer is lost.
    pub fn lose_answer_at(&self, n: i64) {
        self.cut_at(n, true);
    }

    fn cut_at(&self, n: i64, answer_is_lost: bool) {
        self.state.asked.store(0, Ordering::SeqCst);
        self.state.answer_is_lost.store(answer_is_lost, Ordering::SeqCst);
        self.state.left.store(n, Ordering::SeqCst);
    }

    /// Everything works again. Answers whether the cut had come.
    pub fn heal(&self) -> bool {
        self.state.left.store(-1, Ordering::SeqCst);
        self.state.down.swap(false, Ordering::SeqCst)
    }
}

async fn carry(client: TcpStream, target: String, state: Arc<State>) {
    if state.down.load(Ordering::SeqCst) {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    // Messages go one by one: without this each would wait for the acknowledgement of the last.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let mute = AtomicBool::new(false);
    tokio::select! {
        _ = questions(client_reads, server_writes, &state, &mute) => {}
        _ = answers(server_reads, client_writes, &state, &mute) => {}
        () = until_down(&state) => {}
    }
}

async fn until_down(state: &State) {
    while !state.down.load(Ordering::SeqCst) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// Passes answers on, but for the one that is to be lost.
async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    mute: &AtomicBool,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let many = from.read(&mut buffer).await?;
        if many == 0 {
            return Ok(());
        }
        if mute.load(Ordering::SeqCst) {
            state.down.store(true, Ordering::SeqCst);
            return Ok(());
        }
        to.write_all(&buffer[..many]).await?;
    }
}

/// Passes messages on one by one. `E` (Execute) and `Q` (Query) are questions; what `E` asks is done
/// and answered at `S` (Sync).
async fn questions(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    mute: &AtomicBool,
) -> std::io::Result<()> {
    // The first message has no type byte, and may be preceded by the question for TLS, which has
    // none either.
    loop {
        let length = from.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        from.read_exact(&mut body).await?;
        to.write_all(&[&length.to_be_bytes()[..], &body].concat()).await?;
        if body != SSL_REQUEST.to_be_bytes() {
            break;
        }
    }
    loop {
        let kind = from.read_u8().await?;
        let length = from.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        from.read_exact(&mut body).await?;
        if matches!(kind, b'E' | b'Q') {
            state.asked.fetch_add(1, Ordering::SeqCst);
            if state.left.load(Ordering::SeqCst) > 0
                && state.left.fetch_sub(1, Ordering::SeqCst) == 1
            {
                if !state.answer_is_lost.load(Ordering::SeqCst) {
                    state.down.store(true, Ordering::SeqCst);
                    return Ok(());
                }
                mute.store(true, Ordering::SeqCst);
            }
        }
        let mut message = vec![kind];
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&body);
        to.write_all(&message).await?;
    }
}
