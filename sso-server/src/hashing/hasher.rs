//! One Argon2id after the other.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt},
};
use subtle::ConstantTimeEq;

use crate::domain::password::Password;

/// Hashes of other systems are accepted up to this cost; beyond it a row is refused, not computed
/// (SECURITY-CASES L-26).
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const ITERATIONS_MAX: u32 = 16;
const PARALLELISM_MAX: u32 = 8;
pub(super) const OUTPUT: usize = 32;
pub(super) const SALT: usize = 16;

/// What comparing a password found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The password is the one behind the hash.
    pub matches: bool,
    /// The hash was made with other parameters than today's.
    pub outdated: bool,
}

/// Today's parameters, and memory that is reused.
pub(super) struct Hasher {
    today: Params,
    memory: Vec<Block>,
    work: Arc<AtomicU64>,
}

impl Hasher {
    pub(super) fn new(today: Params, work: Arc<AtomicU64>) -> Self {
        Self { today, memory: Vec::new(), work }
    }

    /// Gives the memory back; the next hash takes some anew.
    pub(super) fn forget_memory(&mut self) {
        self.memory = Vec::new();
    }

    /// A PHC string.
    pub(super) fn hash(&mut self, password: &Password, salt: &[u8; SALT]) -> Option<String> {
        let today = self.today.clone();
        let output = self.compute(password, salt, &today)?;
        Some(phc(&today, salt, &output))
    }

    /// Never does less than a hash of today's parameters takes: a row that cannot be read, or a
    /// cheap one of former days, would tell by its speed that there is such an account
    /// (SECURITY-CASES L-03, Django CVE-2024-39329).
    pub(super) fn verify(&mut self, password: &Password, stored: &str) -> Verdict {
        let Some((theirs, salt, expected)) = readable(stored) else {
            self.spend(password, cost(&self.today));
            return Verdict { matches: false, outdated: false };
        };
        let output = self.compute(password, salt.as_ref(), &theirs);
        self.spend(password, cost(&self.today).saturating_sub(cost(&theirs)));
        Verdict {
            matches: output.is_some_and(|output| output.ct_eq(expected.as_ref()).into()),
            outdated: (theirs.m_cost(), theirs.t_cost(), theirs.p_cost())
                != (self.today.m_cost(), self.today.t_cost(), self.today.p_cost()),
        }
    }

    /// Does that much for nothing.
    fn spend(&mut self, password: &Password, blocks: u64) {
        if blocks == 0 {
            return;
        }
        let passes = blocks.div_ceil(self.today.block_count() as u64);
        // Argon2 uses whole fours.
        let memory = blocks.div_ceil(passes).max(u64::from(Params::MIN_M_COST));
        let memory = memory.next_multiple_of(4);
        let (Ok(memory), Ok(passes)) = (u32::try_from(memory), u32::try_from(passes)) else {
            return;
        };
        if let Ok(params) = Params::new(memory, passes, 1, Some(OUTPUT)) {
            self.compute(password, &[0; SALT], &params);
        }
    }

    fn compute(
        &mut self,
        password: &Password,
        salt: &[u8],
        params: &Params,
    ) -> Option<[u8; OUTPUT]> {
        let blocks = params.block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let mut output = [0; OUTPUT];
        let done = argon2.hash_password_into_with_memory(
            password.expose(),
            salt,
            &mut output,
            self.memory.get_mut(..blocks)?,
        );
        self.work.fetch_add(cost(params), Ordering::SeqCst);
        done.ok().map(|()| output)
    }
}

/// Blocks that a hash fills.
fn cost(params: &Params) -> u64 {
    params.block_count() as u64 * u64::from(params.t_cost())
}

/// Parameters, salt and output of a stored hash. `None` for what is nobody's: an empty or unreadable
/// row (SECURITY-CASES L-25), another algorithm, a cost beyond reason (L-26).
fn readable(stored: &str) -> Option<(Params, Salt, Output)> {
    let hash = PasswordHash::new(stored).ok()?;
    let theirs = Params::try_from(&hash).ok()?;
    let affordable = theirs.m_cost() <= MEMORY_KIB_MAX
        && theirs.t_cost() <= ITERATIONS_MAX
        && theirs.p_cost() <= PARALLELISM_MAX;
    let known = hash.algorithm == Ident::new_unwrap("argon2id") && hash.version == Some(0x13);
    let (salt, expected) = (hash.salt?, hash.hash?);
    (affordable && known && expected.len() == OUTPUT).then_some((theirs, salt, expected))
}

#[expect(
    clippy::expect_used,
    reason = "lengths and parameters were checked when the pool was made"
)]
pub(super) fn phc(params: &Params, salt: &[u8], output: &[u8]) -> String {
    let hash = PasswordHash {
        algorithm: Ident::new_unwrap("argon2id"),
        version: Some(0x13),
        params: ParamsString::try_from(params).expect("valid parameters"),
        salt: Some(Salt::new(salt).expect("a salt of 16 bytes")),
        hash: Some(Output::new(output).expect("an output of 32 bytes")),
    };
    hash.to_string()
}
