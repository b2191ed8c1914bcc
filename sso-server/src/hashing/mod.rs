//! Argon2id in a pool of its own.
//!
//! A hash takes 14 ms of a core and 19 MiB. On the web workers, or on a pool that grows, a few hundred
//! people logging in at once would stop everything else and eat gigabytes (SECURITY-CASES Z-01 to
//! Z-04). So: a few threads, each with memory that it reuses, at low priority; a bounded queue; a
//! deadline after which a waiting job is dropped unhashed. What does not fit is told to come back.
//! While others wait, answers are given out by the [`handful`].
//! A job belongs to the pool and not to the request: a client that hangs up frees no extra place.

mod handful;
mod hasher;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use argon2::Params;
use tokio::sync::oneshot;

use self::handful::{Answer, Handful};
pub use self::hasher::Verdict;
use self::hasher::{Hasher, OUTPUT, SALT, phc};
use crate::{domain::password::Password, random::Random};

/// Memory of a thread that nobody needs is given back.
const KEEP_MEMORY: Duration = Duration::from_secs(60);

/// Cost and size of the pool.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Argon2 `m`, in KiB.
    pub memory_kib: u32,
    /// Argon2 `t`.
    pub iterations: u32,
    /// Argon2 `p`.
    pub parallelism: u32,
    /// Threads; 0 is one a core.
    pub threads: usize,
    /// Jobs that may wait.
    pub queue: usize,
    /// How long one may wait.
    pub wait: Duration,
    /// Added to the threads' niceness: 0 to 19.
    pub niceness: i32,
}

/// The pool has no room, or did not come to it in time. Ask again in a second or so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password pool is full")]
pub struct Busy;

/// The pool.
#[derive(Debug)]
pub struct PasswordPool {
    jobs: SyncSender<Job>,
    settings: Settings,
    random: Random,
    /// A hash of today's parameters that no password has.
    nobodys: String,
    work: Arc<AtomicU64>,
}

struct Job {
    password: Password,
    work: Work,
    deadline: Instant,
}

enum Work {
    Verify { stored: String, reply: oneshot::Sender<Verdict> },
    Hash { salt: [u8; SALT], reply: oneshot::Sender<String> },
}

impl Work {
    /// Whether the asker has gone. (A counted attempt stays counted.)
    fn is_for_nobody(&self) -> bool {
        match self {
            Self::Verify { reply, .. } => reply.is_closed(),
            Self::Hash { reply, .. } => reply.is_closed(),
        }
    }
}

/// The cost parameters are impossible.
#[derive(Debug, thiserror::Error)]
#[error("password.memory_kib, iterations and parallelism do not go together: {0}")]
pub struct BadParameters(String);

impl PasswordPool {
    /// Starts the threads.
    pub fn start(settings: Settings, random: Random) -> Result<Self, BadParameters> {
        let params = Params::new(
            settings.memory_kib,
            settings.iterations,
            settings.parallelism,
            Some(OUTPUT),
        )
        .map_err(|error| BadParameters(error.to_string()))?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = if settings.threads == 0 { cores } else { settings.threads };
        let (jobs, queue) = sync_channel(settings.queue.max(1));
        let queue = Arc::new(Mutex::new(queue));
        let work = Arc::new(AtomicU64::new(0));
        for number in 0..threads {
            let queue = queue.clone();
            let hasher = Hasher::new(params.clone(), work.clone());
            thread::Builder::new()
                .name(format!("argon2-{number}"))
                .spawn(move || {
                    // Of this thread alone: Linux gives each thread a niceness of its own.
                    let _ = rustix::process::setpriority_process(None, settings.niceness);
                    serve(hasher, &queue);
                })
                .map_err(|error| BadParameters(error.to_string()))?;
        }
        let nobodys = phc(&params, &random.bytes::<SALT>(), &random.bytes::<OUTPUT>());
        Ok(Self { jobs, settings, random, nobodys, work })
    }

    /// What the pool has done since its start, in blocks of 1 KiB filled: the same for every
    /// refused login, whatever account it was about.
    pub fn work(&self) -> u64 {
        self.work.load(Ordering::SeqCst)
    }

    /// Compares a password with a stored hash. Without one the same work is done for nobody, so
    /// that nobody can tell the difference (SECURITY-CASES L-02, L-03).
    pub async fn verify(&self, password: Password, stored: Option<&str>) -> Result<Verdict, Busy> {
        let (reply, answer) = oneshot::channel();
        let stored = stored.unwrap_or(&self.nobodys).to_owned();
        self.send(password, Work::Verify { stored, reply })?;
        answer.await.map_err(|_| Busy)
    }

    /// Hashes a password; answers a PHC string.
    pub async fn hash(&self, password: Password) -> Result<String, Busy> {
        let (reply, answer) = oneshot::channel();
        let salt = self.random.bytes();
        self.send(password, Work::Hash { salt, reply })?;
        answer.await.map_err(|_| Busy)
    }

    fn send(&self, password: Password, work: Work) -> Result<(), Busy> {
        let job = Job { password, work, deadline: Instant::now() + self.settings.wait };
        match self.jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }
}

/// What a thread of the pool does.
fn serve(mut hasher: Hasher, queue: &Mutex<Receiver<Job>>) {
    let mut found = Handful::default();
    loop {
        let next = if found.may_grow(Instant::now()) { already_there(queue) } else { None };
        let job = match next {
            Some(job) => Ok(job),
            None => {
                found.hand_out();
                let queue = queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                queue.recv_timeout(KEEP_MEMORY)
            }
        };
        let job = match job {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                hasher.forget_memory();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let begun = Instant::now();
        // Whoever waited for it has been told to come back, or is about to be, or has hung up.
        if begun > job.deadline || job.work.is_for_nobody() {
            continue;
        }
        let answer = match job.work {
            Work::Verify { stored, reply } => {
                Some(Answer::Verdict(reply, hasher.verify(&job.password, &stored)))
            }
            Work::Hash { salt, reply } => {
                hasher.hash(&job.password, &salt).map(|hash| Answer::Hash(reply, hash))
            }
        };
        if let Some(answer) = answer {
            let now = Instant::now();
            found.add(answer, now - begun, now);
        }
    }
}

/// A job that nobody needs to wait for. (A thread that does wait holds the lock.)
fn already_there(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    queue.try_lock().ok()?.try_recv().ok()
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;

    use super::*;

    fn settings() -> Settings {
        Settings {
            memory_kib: 64,
            iterations: 1,
            parallelism: 1,
            threads: 1,
            queue: 4,
            wait: Duration::from_secs(2),
            niceness: 0,
        }
    }

    fn pool(settings: Settings) -> PasswordPool {
        PasswordPool::start(settings, Random::system()).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::typed(text).unwrap()
    }

    #[tokio::test]
    async fn hashes_are_phc_strings_and_verify() {
        let pool = pool(settings());
        let hash = pool.hash(password("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        let right = pool.verify(password("correct horse"), Some(&hash)).await.unwrap();
        assert_eq!(right, Verdict { matches: true, outdated: false });
        assert!(!pool.verify(password("wrong horse"), Some(&hash)).await.unwrap().matches);
        assert!(!pool.verify(password("correct horse"), None).await.unwrap().matches);
    }

    // SECURITY-CASES L-25, L-26; and L-03: they take as long as any other.
    #[tokio::test]
    async fn odd_rows_match_nobody() {
        let pool = pool(settings());
        for row in [
            "",
            " ",
            "plain",
            "$argon2id$",
            "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A",
        ] {
            let before = pool.work();
            assert!(!pool.verify(password("x"), Some(row)).await.unwrap().matches, "{row:?}");
            assert_eq!(pool.work() - before, 64, "{row:?}");
        }
    }

    #[tokio::test]
    async fn hashes_of_older_parameters_are_told_apart() {
        let old = pool(Settings { memory_kib: 32, ..settings() });
        let hash = old.hash(password("correct horse")).await.unwrap();
        let new = pool(settings());
        let verdict = new.verify(password("correct horse"), Some(&hash)).await.unwrap();
        assert_eq!(verdict, Verdict { matches: true, outdated: true });
    }

    // SECURITY-CASES L-03: a cheap hash of former days does not answer sooner.
    #[tokio::test]
    async fn an_older_hash_costs_what_todays_does() {
        let today = pool(Settings { memory_kib: 256, iterations: 3, ..settings() });
        for (memory_kib, iterations) in [(8, 1), (32, 1), (100, 2), (256, 1), (256, 3)] {
            let old = pool(Settings { memory_kib, iterations, ..settings() });
            let hash = old.hash(password("correct horse")).await.unwrap();
            for (typed, matches) in [("correct horse", true), ("wrong horse", false)] {
                let before = today.work();
                let verdict = today.verify(password(typed), Some(&hash)).await.unwrap();
                assert_eq!(verdict.matches, matches);
                let took = today.work() - before;
                assert!((768..=780).contains(&took), "m={memory_kib} t={iterations}: {took}");
            }
        }
    }

    /// How many of four that waited were hashed when the first of them had its answer.
    async fn done_at_the_first_of_four() -> u64 {
        let slow = pool(Settings { memory_kib: 64 * 1024, iterations: 4, ..settings() });
        let stored = slow.hash(password("correct horse")).await.unwrap();
        let pool = pool(Settings { memory_kib: 8 * 1024, queue: 8, ..settings() });
        // One that takes long enough for the others to come. It is not kept back itself.
        let mut first = Box::pin(pool.verify(password("correct horse"), Some(&stored)));
        assert!(poll_immediate(&mut first).await.is_none());
        let mut others: Vec<_> =
            (0..4).map(|_| Box::pin(pool.verify(password("correct horse"), None))).collect();
        for other in &mut others {
            assert!(poll_immediate(other).await.is_none());
        }
        assert!(first.await.unwrap().matches);
        let mut others = others.into_iter();
        others.next().unwrap().await.unwrap();
        let done = pool.work() - slow.work();
        for other in others {
            other.await.unwrap();
        }
        done / (8 * 1024)
    }

    // Mostly: a thread that the system keeps from running for long gives out what it has.
    #[tokio::test]
    async fn while_others_wait_answers_come_together() {
        let mut done = Vec::new();
        for _ in 0..7 {
            done.push(done_at_the_first_of_four().await);
        }
        done.sort_unstable();
        assert_eq!(done[3], 4, "{done:?}");
    }

    // SECURITY-CASES Z-01: nothing is computed for those who have hung up.
    #[tokio::test]
    async fn whoever_hangs_up_is_not_worked_for() {
        let slow = Settings { memory_kib: 16 * 1024, iterations: 4, queue: 8, ..settings() };
        let one = u64::from(slow.memory_kib * slow.iterations);
        let pool = pool(Settings { wait: Duration::from_secs(60), ..slow });
        let mut first = Box::pin(pool.hash(password("correct horse")));
        assert!(poll_immediate(&mut first).await.is_none());
        for _ in 0..4 {
            let gone = Box::pin(pool.verify(password("correct horse"), None));
            assert!(poll_immediate(gone).await.is_none());
        }
        first.await.unwrap();
        pool.hash(password("correct horse")).await.unwrap();
        assert_eq!(pool.work(), 2 * one, "the first and the last");
    }

    // SECURITY-CASES Z-01: what does not fit is refused at once, and nothing grows.
    #[tokio::test]
    async fn a_full_queue_says_so() {
        let slow = Settings { memory_kib: 32 * 1024, iterations: 4, queue: 2, ..settings() };
        let pool = Arc::new(pool(slow));
        let asked: Vec<_> = (0..16)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.hash(password("correct horse")).await })
            })
            .collect();
        let mut busy = 0;
        for one in asked {
            busy += usize::from(one.await.unwrap() == Err(Busy));
        }
        assert!((12..16).contains(&busy), "{busy} of 16 were refused");
    }
}
