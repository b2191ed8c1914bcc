//! How often somebody may try.
//!
//! An attempt is counted *before* its password is looked at and given back when it succeeds, so
//! that a hundred parallel guesses are a hundred counted attempts (SECURITY-CASES L-07). Beyond
//! the free ones each further attempt costs a wait that grows and then stays: the door is slow,
//! never locked for good (L-11), and an account sees at most a hundred guesses a day (L-06).

use super::{DAY, MINUTE, Millis, SECOND};

/// After this long without an attempt a counter begins anew.
pub const FORGOTTEN_AFTER: Millis = DAY;

/// Longest wait of any policy; a `blocked_until` further ahead comes from a wrong clock and is void.
pub const LONGEST_WAIT: Millis = 15 * MINUTE;

/// What one counter allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts without any wait.
    pub free: i64,
    /// The waits behind attempts `free`, `free + 3` and `free + 6` and each after.
    pub waits: [Millis; 3],
}

impl Policy {
    /// For one account, whoever asks, or for one known device at it.
    pub const fn account(free: i64) -> Self {
        Self { free, waits: [30 * SECOND, 2 * MINUTE, LONGEST_WAIT] }
    }

    /// For one address (an IPv6 /64): many people can sit behind it.
    pub const fn address(free: i64) -> Self {
        Self { free, waits: [5 * SECOND, 10 * SECOND, 20 * SECOND] }
    }

    /// The wait behind the `n`th attempt; `store::throttles` says the same in SQL.
    pub const fn wait_after(&self, n: i64) -> Millis {
        if n < self.free {
            0
        } else if n < self.free + 3 {
            self.waits[0]
        } else if n < self.free + 6 {
            self.waits[1]
        } else {
            self.waits[2]
        }
    }
}

/// An attempt that was counted and may now be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The counter's key.
    pub counter: String,
    /// Which attempt this is, from 1.
    pub number: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_sees_at_most_a_hundred_guesses_a_day() {
        let policy = Policy::account(5);
        let (mut clock, mut guesses) = (0, 0);
        while clock < DAY {
            guesses += 1;
            clock += policy.wait_after(guesses);
        }
        assert!(guesses <= 110, "{guesses} guesses in a day");
        assert_eq!(policy.wait_after(4), 0);
        assert_eq!(policy.wait_after(5), 30 * SECOND);
    }
}
