//! What the hardware gives.

use std::{
    hint::black_box,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use harness::load::cpu_of;

/// What the hardware gives, in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Signatures {
    pub(crate) sign: f64,
    pub(crate) verify: f64,
}

impl Signatures {
    /// While nothing else runs.
    pub(crate) fn alone() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let message = [7_u8; 400];
        let sign = cpu_of(5_000, || {
            black_box(pair.sign(&message));
        });
        let public = ParsedPublicKey::new(&ED25519, pair.public_key().as_ref()).unwrap();
        let signature = pair.sign(&message);
        let verify = cpu_of(5_000, || public.verify_sig(&message, signature.as_ref()).unwrap());
        Self { sign, verify }
    }

    /// While the other core is as busy as in the runs. Two cores of a virtual machine often share
    /// what one of them alone has for itself: a core's time is worth less then.
    pub(crate) fn beside_another() -> Self {
        let (over, other) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(2)));
        let neighbour = std::thread::spawn({
            let (over, other) = (over.clone(), other.clone());
            move || {
                other.wait();
                while !over.load(Ordering::Relaxed) {
                    Self::alone();
                }
            }
        });
        other.wait();
        let measured = Self::alone();
        over.store(true, Ordering::Relaxed);
        neighbour.join().unwrap();
        measured
    }

    /// A run, and what the hardware gave around it: that drifts, too.
    pub(crate) async fn around<T>(run: impl Future<Output = T>) -> (T, Self) {
        let before = Self::beside_another();
        let outcome = run.await;
        let after = Self::beside_another();
        let sign = f64::midpoint(before.sign, after.sign);
        (outcome, Self { sign, verify: f64::midpoint(before.verify, after.verify) })
    }
}

/// One Argon2id with Passport's parameters, in microseconds.
pub(crate) fn argon2_alone() -> f64 {
    let params = argon2::Params::new(19_456, 2, 1, Some(32)).unwrap();
    let argon =
        argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params.clone());
    let mut memory = vec![argon2::Block::new(); params.block_count()];
    let mut out = [0; 32];
    cpu_of(40, || {
        argon
            .hash_password_into_with_memory(b"correct horse", &[1; 16], &mut out, &mut memory)
            .unwrap();
    })
}

/// Argon2id on all cores at once, in threads as the server's pool has them.
pub(crate) struct RawHashing {
    over: Arc<AtomicBool>,
    begun: Instant,
    threads: Vec<JoinHandle<u32>>,
}

impl RawHashing {
    pub(crate) fn begin() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..cores).map(|_| std::thread::spawn(hash_until(over.clone()))).collect();
        Self { over, begun: Instant::now(), threads }
    }

    /// Hashes a second, nothing else running: the limit of password logins.
    pub(crate) async fn rate_alone() -> f64 {
        let hashing = Self::begin();
        tokio::time::sleep(Duration::from_secs(2)).await;
        hashing.end()
    }

    /// Hashes a second since the beginning.
    pub(crate) fn end(self) -> f64 {
        self.over.store(true, Ordering::Relaxed);
        let hashes: u32 = self.threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        f64::from(hashes) / self.begun.elapsed().as_secs_f64()
    }
}

fn hash_until(over: Arc<AtomicBool>) -> impl FnOnce() -> u32 {
    move || {
        // As the server's, so that a busy neighbour takes the same from both.
        let _ = rustix::process::setpriority_process(None, 19);
        let params = argon2::Params::new(19_456, 2, 1, Some(32)).unwrap();
        let mut memory = vec![argon2::Block::new(); params.block_count()];
        let argon =
            argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let (mut out, mut hashes) = ([0; 32], 0);
        while !over.load(Ordering::Relaxed) {
            argon
                .hash_password_into_with_memory(b"correct horse", &[1; 16], &mut out, &mut memory)
                .unwrap();
            hashes += 1;
        }
        hashes
    }
}
