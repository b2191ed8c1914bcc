//! Notices what other processes commit to the same SQLite file, at the price of one `pread`.
//!
//! A cached session is only allowed where a logout committed by *any* process is seen at once: the
//! command line, a second server. `PRAGMA data_version` would tell, but it costs the way to
//! SQLite's thread and back (50 us), as much as reading the row. The same fact stands in the first
//! bytes of the `-shm` file: the WAL-index header holds a counter, `iChange`, that every committing
//! transaction increments (<https://sqlite.org/walformat.html>, section 2.1). SQLite itself decides
//! by this header what a reader sees, so reading it is exactly as fresh as a query.
//!
//! To tell our own commits from foreign ones we predict the counter. Our writer holds SQLite's
//! write lock from `BEGIN IMMEDIATE` to `COMMIT`, and every group of ours writes, so the counter is
//! `n` before our commit and `n + 1` after it. Any other value is somebody else's commit.
//!
//! The format is checked at start. If it is not as described, nothing is cached and everything is
//! read, which is slower and always right.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::session_cache::SessionCache;

/// `WAL_VERSION` of the WAL-index header.
const VERSION: u32 = 3_007_000;

/// Bit of `expected` that says: our own commit is under way, the counter may be one higher.
const COMMITTING: u64 = 1 << 32;

#[derive(Debug)]
pub(super) struct CommitWatch {
    path: PathBuf,
    shm: OnceLock<File>,
    /// The counter as of the last look, and [`COMMITTING`].
    expected: AtomicU64,
    /// Counts foreign commits, as far as they were noticed.
    foreign: AtomicU64,
    reliable: AtomicBool,
}

/// What a look at the counter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Nobody else committed.
    NothingForeign,
    /// Somebody else did, or it cannot be told; with the counter that was seen.
    MaybeForeign(Option<u32>),
}

impl CommitWatch {
    /// For the database at `path`, which a connection must hold open in WAL mode.
    pub(super) fn new(path: &Path) -> Self {
        let mut shm = path.as_os_str().to_owned();
        shm.push("-shm");
        Self {
            path: shm.into(),
            shm: OnceLock::new(),
            expected: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
            reliable: AtomicBool::new(false),
        }
    }

    /// Begins to watch; the file is there once the database has been read or written.
    pub(super) fn attach(&self) {
        if let Ok(shm) = File::open(&self.path) {
            let _ = self.shm.set(shm);
        }
        if let Some(counter) = self.counter() {
            self.expected.store(u64::from(counter), Ordering::SeqCst);
        }
    }

    /// Once the tables exist: from now on every group of ours commits something.
    pub(super) fn rely(&self, self_test_passed: bool) {
        if !self_test_passed {
            tracing::warn!("the WAL-index is not as documented: sessions are not cached");
        }
        self.reliable.store(self_test_passed, Ordering::SeqCst);
    }

    pub(super) fn is_reliable(&self) -> bool {
        self.reliable.load(Ordering::Relaxed)
    }

    /// `iChange`, if the header is one that we know.
    pub(super) fn counter(&self) -> Option<u32> {
        let mut header = [0; 16];
        self.shm.get()?.read_exact_at(&mut header, 0).ok()?;
        let word = |at: usize| {
            header.get(at..at + 4).and_then(|w| w.try_into().ok()).map(u32::from_ne_bytes)
        };
        let initialised = header.get(12) == Some(&1);
        (word(0)? == VERSION && initialised).then_some(word(8)?)
    }

    /// Whether another process may have committed since the last time this was acknowledged.
    fn look(&self) -> Seen {
        let mut counter = self.counter();
        if !self.is_reliable() {
            return Seen::MaybeForeign(counter);
        }
        // Twice: our own commit may have gone by between the two loads.
        for _ in 0..2 {
            let Some(now) = counter else { break };
            let expected = self.expected.load(Ordering::SeqCst);
            let known = expected as u32;
            let committing = expected & COMMITTING != 0;
            if now == known || (committing && now == known.wrapping_add(1)) {
                return Seen::NothingForeign;
            }
            counter = self.counter();
        }
        Seen::MaybeForeign(counter)
    }

    /// Looks, and forgets what is cached if anything foreign came. Answers whether nothing did.
    ///
    /// The order is what makes it right: the counter is read, then the cache emptied, then that
    /// counter acknowledged. A commit after the first step is noticed by the next look; nobody
    /// finds "nothing foreign" while the old entries are still there.
    pub(super) fn refresh(&self, cache: &SessionCache) -> bool {
        match self.look() {
            Seen::NothingForeign => true,
            Seen::MaybeForeign(counter) => {
                cache.forget_everything();
                self.acknowledge(counter);
                self.foreign.fetch_add(1, Ordering::SeqCst);
                false
            }
        }
    }

    /// Changes whenever a foreign commit was noticed, by whomever.
    pub(super) fn foreign_commits(&self) -> u64 {
        self.foreign.load(Ordering::SeqCst)
    }

    fn acknowledge(&self, counter: Option<u32>) {
        let expected = self.expected.load(Ordering::SeqCst);
        // While our writer commits it holds the lock: nothing foreign can have come, and it sets
        // the value itself in a moment.
        if expected & COMMITTING == 0
            && let Some(counter) = counter
        {
            let _ = self.expected.compare_exchange(
                expected,
                u64::from(counter),
                Ordering::SeqCst,
                Ordering::SeqCst,
            );
        }
    }

    /// Our commit may become visible from here on.
    pub(super) fn own_commit_begins(&self) {
        self.expected.fetch_or(COMMITTING, Ordering::SeqCst);
    }

    /// Our commit is visible, or did not happen.
    pub(super) fn own_commit_ended(&self, committed: bool) {
        let known = self.expected.load(Ordering::SeqCst) as u32;
        let known = if committed { known.wrapping_add(1) } else { known };
        self.expected.store(u64::from(known), Ordering::SeqCst);
    }
}
