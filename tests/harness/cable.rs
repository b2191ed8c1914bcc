//! The cable between two programs. It can be plugged in elsewhere, and fail in the ways that real
//! ones do: pass nothing on in one direction or both, or break everything off.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// The cable. New ones lead nowhere.
pub struct Cable {
    /// The near end: whoever connects here is led to the far end.
    pub address: SocketAddr,
    state: watch::Sender<State>,
    /// Answers that are held back at this moment.
    held: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// The far end; without one, connections are closed as they come.
    leads_to: Option<SocketAddr>,
    /// Nothing gets from the near end to the far one.
    deaf: bool,
    /// Nothing gets back.
    mute: bool,
    /// Connections are broken off rather than closed.
    resets: bool,
    /// Connections so far.
    number: u64,
    /// The first so many of them pass nothing on for ever.
    lost: u64,
    /// Which connections are meant: those from before the last change of ends are over.
    generation: u64,
}

impl Cable {
    /// A cable that lives as long as the process.
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap().into_std().unwrap();
        let address = listener.local_addr().unwrap();
        let (state, watch) = watch::channel(State::default());
        let counts = state.clone();
        let held = Arc::<AtomicUsize>::default();
        let counted = held.clone();
        // A thread of its own: tests block theirs while they run commands.
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((client, _)) = listener.accept().await {
                    counts.send_modify(|state| state.number += 1);
                    tokio::spawn(carry(client, watch.clone(), counted.clone()));
                }
            });
        });
        Self { address, state, held }
    }

    /// Leads to `target`, and everything gets through. What was held back on its way there arrives.
    pub fn plug(&self, target: SocketAddr) {
        self.state.send_modify(|state| {
            let same = state.leads_to == Some(target);
            let generation = state.generation + u64::from(!same);
            let (number, lost) = (state.number, state.lost);
            *state = State { leads_to: Some(target), generation, number, lost, ..State::default() };
        });
    }

    /// Connections are to be had again, but those that were there when it was cut are never heard of
    /// any more: the other end is another machine now.
    pub fn replace(&self) {
        self.state.send_modify(|state| {
            (state.deaf, state.mute, state.lost) = (false, false, state.number);
        });
    }

    /// Everybody is hung up on, and nobody is there.
    pub fn unplug(&self) {
        self.state.send_modify(|state| {
            let (generation, number) = (state.generation + 1, state.number);
            *state = State { generation, number, ..State::default() };
        });
    }

    /// Everybody's connection is reset, at once and when it begins.
    pub fn reset(&self) {
        self.state.send_modify(|state| {
            *state = State {
                resets: true,
                generation: state.generation + 1,
                number: state.number,
                ..State::default()
            };
        });
    }

    /// Cut, unnoticed: connections are taken, and nothing is passed on.
    pub fn cut(&self) {
        self.pass(false, false);
    }

    /// Questions arrive, and their answers are held back.
    pub fn hold_answers(&self) {
        self.pass(true, false);
    }

    /// What was held back arrives; nothing more is asked.
    pub fn release_answers(&self) {
        self.pass(false, true);
    }

    /// How many answers are held back at this moment.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    fn pass(&self, there: bool, back: bool) {
        self.state.send_modify(|state| (state.deaf, state.mute) = (!there, !back));
    }
}

async fn carry(client: TcpStream, mut watch: watch::Receiver<State>, held: Arc<AtomicUsize>) {
    let begun = *watch.borrow_and_update();
    let number = begun.number;
    let server = match begun.leads_to {
        Some(target) => TcpStream::connect(target).await.ok(),
        None => None,
    };
    let Some(server) = server else {
        if begun.resets {
            let _ = client.set_zero_linger();
        }
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let (mut there, mut back) =
        (Pass::new(client_reads, server_writes), Pass::new(server_reads, client_writes));
    let (mut heard, mut answered) = (watch.clone(), watch.clone());
    let questions = AtomicUsize::new(0);
    // Whichever is looked at first: what is sent after the cable was pulled does not arrive.
    let leads = |state: &State| state.generation == begun.generation && number > state.lost;
    let resets = tokio::select! {
        () = there.on(&mut heard, |state| leads(state) && !state.deaf, &questions) => false,
        () = back.on(&mut answered, |state| leads(state) && !state.mute, &held) => false,
        now = watch.wait_for(|state| state.generation != begun.generation) => {
            now.is_ok_and(|state| state.resets)
        }
    };
    if resets {
        let _ = there.from.as_ref().set_zero_linger();
        let _ = back.from.as_ref().set_zero_linger();
    }
}

/// One direction.
struct Pass {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
}

impl Pass {
    const fn new(from: OwnedReadHalf, to: OwnedWriteHalf) -> Self {
        Self { from, to }
    }

    /// Until one of the two ends hangs up, which gets through like everything else: not while
    /// nothing does.
    async fn on(
        &mut self,
        watch: &mut watch::Receiver<State>,
        open: impl Fn(&State) -> bool,
        held: &AtomicUsize,
    ) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let many = self.from.read(&mut buffer).await.unwrap_or(0);
            let _held = Held::new(held);
            let lost = watch.wait_for(&open).await.is_err();
            if lost || many == 0 {
                return;
            }
            if self.to.write_all(&buffer[..many]).await.is_err() {
                return;
            }
        }
    }
}

/// Counts as held back while it lives; whoever waits may be given up any time.
struct Held<'a>(&'a AtomicUsize);

impl<'a> Held<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
