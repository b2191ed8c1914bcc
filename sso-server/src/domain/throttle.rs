//! How often somebody may try.
//!
//! An attempt is counted *before* its password is looked at and given back when it succeeds, so
//! that a hundred parallel guesses are a hundred counted attempts (SECURITY-CASES L-07). Beyond
//! the free ones each further attempt costs a wait that grows and then stays: the door is slow,
//! never locked for good (L-11), and an account sees at most a hundred guesses a day (L-06).
//!
//! Behind one network there can be a whole town, which never has a day without a wrong password. So
//! its counter also leaks: one attempt a minute is forgotten, whatever goes on meanwhile.

use super::{DAY, HOUR, MINUTE, Millis, SECOND};

/// After this long without an attempt a counter begins anew.
pub const FORGOTTEN_AFTER: Millis = DAY;

/// Longest wait of any policy; a `blocked_until` further ahead comes from a wrong clock and is void.
pub const LONGEST_WAIT: Millis = 15 * MINUTE;

/// Whether a counter that is blocked until `until` is blocked at `now`.
pub const fn is_blocked(until: Millis, now: Millis) -> bool {
    now < until && until <= now + LONGEST_WAIT
}

/// How far a counter has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Attempts that are neither given back nor forgotten.
    pub failures: i64,
    /// It leaks from here on: the time of the last attempt, less what had not yet made up a whole
    /// one to be forgotten. (Otherwise a network with an attempt every few seconds, good or bad,
    /// would never forget any.)
    pub since: Millis,
}

/// What one counter allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts without any wait.
    pub free: i64,
    /// The waits behind attempts `free`, `free + 3` and `free + 6` and each after.
    pub waits: [Millis; 3],
    /// One attempt is forgotten in each such time; `None` forgets by [`FORGOTTEN_AFTER`] alone.
    pub leak: Option<Millis>,
}

impl Policy {
    /// For one account, whoever asks, or for one known device at it.
    pub const fn account(free: i64) -> Self {
        Self { free, waits: [30 * SECOND, 2 * MINUTE, LONGEST_WAIT], leak: None }
    }

    /// For one address (an IPv6 /64): many people can sit behind it.
    pub const fn address(free: i64) -> Self {
        Self { free, waits: [5 * SECOND, 10 * SECOND, 20 * SECOND], leak: Some(MINUTE) }
    }

    /// For all that one app passes on: `an_hour` of them are forgotten in each hour, so that a busy
    /// app's everyday mistypings never add up. Short waits: they hold up everybody there who is not
    /// on a known device.
    pub const fn app(an_hour: i64) -> Self {
        let leak = if an_hour > 0 { HOUR / an_hour } else { HOUR };
        let leak = if leak > 0 { leak } else { 1 };
        Self { free: an_hour, waits: [SECOND, 2 * SECOND, 5 * SECOND], leak: Some(leak) }
    }

    /// Where a counter stands after one more attempt; `store::throttles` says the same in SQL.
    pub const fn count(&self, before: Option<Count>, now: Millis) -> Count {
        let first = Count { failures: 1, since: now };
        let Some(Count { failures, since }) = before else { return first };
        if since < now - FORGOTTEN_AFTER {
            return first;
        }
        let Some(leak) = self.leak else { return Count { failures: failures + 1, since: now } };
        // A clock that was set back forgets nothing.
        let elapsed = if now > since { now - since } else { 0 };
        let forgotten = elapsed / leak;
        let left = if forgotten < failures { failures - forgotten } else { 0 };
        Count { failures: left + 1, since: now - elapsed % leak }
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

    /// The count after attempts at these times.
    fn counted(policy: Policy, times: impl IntoIterator<Item = Millis>) -> i64 {
        let count = times.into_iter().fold(None, |count, now| Some(policy.count(count, now)));
        count.map_or(0, |count| count.failures)
    }

    #[test]
    fn a_busy_network_forgets() {
        let network = Policy::address(300);
        assert_eq!(counted(network, [0; 300]), 300);
        let and_later = |later| (0..300).map(|_| 0).chain([later]);
        assert_eq!(counted(network, and_later(MINUTE - 1)), 301);
        assert_eq!(counted(network, and_later(MINUTE)), 300);
        assert_eq!(counted(network, and_later(5 * HOUR)), 1);
        // However often somebody tries, one a minute is forgotten.
        for pause in [SECOND, 7 * SECOND, 59 * SECOND, 61 * SECOND, 10 * MINUTE] {
            let tries = 2 * HOUR / pause;
            let left = counted(network, (0..=tries).map(|n| n * pause));
            assert!((left - (tries + 1 - 120).max(1)).abs() <= 1, "{left} of {tries}");
        }
        let accounts = Policy::account(5);
        assert_eq!(counted(accounts, (0..20).map(|n| n * HOUR)), 20, "accounts do not");
        assert_eq!(counted(accounts, [0, 0, DAY + 1]), 1, "but for a day of peace");
        assert_eq!(counted(network, [HOUR, HOUR, 0]), 3, "a clock set back");
    }

    #[test]
    fn an_app_forgets_as_much_as_it_may_get_wrong() {
        let app = Policy::app(3_000);
        let for_a_day = |pause: Millis| counted(app, (0..DAY / pause).map(|n| n * pause));
        assert_eq!(for_a_day(1_200), 1, "3,000 an hour, for ever");
        assert!(for_a_day(600) > 3_000, "6,000 an hour");
        assert_eq!(Policy::app(i64::MAX).leak, Some(1));
    }

    #[test]
    fn blocks_from_a_wrong_clock_are_void() {
        assert!(is_blocked(2, 1) && is_blocked(1 + LONGEST_WAIT, 1));
        assert!(!is_blocked(1, 1) && !is_blocked(2 + LONGEST_WAIT, 1) && !is_blocked(0, 1));
    }
}
