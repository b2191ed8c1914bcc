//! A PostgreSQL that fails on demand: a proxy that counts what the server under test asks and cuts
//! the connection at the chosen question. Real faults on a real wire; the program has no hooks.

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

/// The proxy.
pub struct FaultyPostgres {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Questions left until the cut; negative: no cut is planned.
    left: AtomicI64,
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
        // What is encrypted cannot be counted.
        through.query_pairs_mut().append_pair("sslmode", "disable");
        (Self { address, state }, through.to_string())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The database is cut off at the `n`th question from now, counting from 1, and stays so.
    pub fn fail_at(&self, n: i64) {
        self.state.asked.store(0, Ordering::SeqCst);
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
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    tokio::select! {
        _ = questions(client_reads, server_writes, &state) => {}
        _ = answers(server_reads, client_writes) => {}
        () = until_down(&state) => {}
    }
}

async fn until_down(state: &State) {
    while !state.down.load(Ordering::SeqCst) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await.map(|_| ())
}

/// Passes messages on one by one. `E` (Execute) and `Q` (Query) are questions.
async fn questions(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
) -> std::io::Result<()> {
    // The first message has no type byte.
    let length = from.read_u32().await?;
    let mut body = vec![0; length as usize - 4];
    from.read_exact(&mut body).await?;
    to.write_u32(length).await?;
    to.write_all(&body).await?;
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
                state.down.store(true, Ordering::SeqCst);
                return Ok(());
            }
        }
        let mut message = vec![kind];
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&body);
        to.write_all(&message).await?;
    }
}
