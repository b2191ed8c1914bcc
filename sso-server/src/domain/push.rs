//! When a push is tried again, and when nobody tries any more.
//!
//! An entry is sent until the app takes it, or until nobody could be harmed by the app not knowing:
//! the app session that it is about has run out. Passport never gives up before.

use super::{DAY, MINUTE, Millis, SECOND};

/// The first retry comes within this time.
const FIRST: Millis = SECOND;
/// No retry is further away than this, whatever the app asks for in `Retry-After`.
pub const LONGEST: Millis = 15 * MINUTE;
/// Two attempts are never closer than this.
const SHORTEST: Millis = 50;
/// An entry that does not say how long it matters is sent for so long.
pub const MATTERS: Millis = 3 * DAY;

/// How long to wait after the `failures`th failure in a row: full jitter, so that many streams that
/// failed together do not come back together. `chance` is a number between 0 and 1.
pub fn pause(failures: i64, retry_after: Option<Millis>, chance: f64) -> Millis {
    let doublings = failures.saturating_sub(1).clamp(0, 20);
    let longest = (FIRST << doublings).min(LONGEST);
    #[expect(clippy::cast_possible_truncation, reason = "at most a quarter of an hour")]
    let jittered = (longest as f64 * chance.clamp(0.0, 1.0)) as Millis;
    let asked = retry_after.unwrap_or(0).clamp(0, LONGEST);
    jittered.max(asked).max(SHORTEST)
}

/// Whether an entry of `at`, about an app session that runs out at `expires_at`, still has to be
/// delivered.
pub fn matters(at: Millis, expires_at: Option<Millis>, now: Millis) -> bool {
    now < expires_at.unwrap_or(at.saturating_add(MATTERS))
}

/// Why an app's stream stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// A stable word: `dns`, `address`, `connect`, `certificate`, `tls`, `timeout`, `redirect`,
    /// `status`, `broken`, `setup`, `secret`.
    pub problem: String,
    /// The same in a sentence, for operators.
    pub error: String,
    /// With `status` and `redirect`: what the app answered.
    pub status: Option<i64>,
    /// Since when nothing was delivered.
    pub since: Millis,
    /// Attempts in a row that failed.
    pub failures: i64,
    /// When the next one is due.
    pub next_attempt_at: Millis,
}

/// How an app's stream is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushState {
    /// What is wrong, if something is.
    pub trouble: Option<Trouble>,
    /// The last delivery.
    pub last_success_at: Option<Millis>,
    /// Entries that were never delivered: their app sessions ran out first.
    pub dead_events: i64,
    /// Since when there are such; `None` again after the next delivery.
    pub dead_since: Option<Millis>,
    /// Until when the secret before the present one signs, too.
    pub previous_secret_until: Option<Millis>,
}

impl PushState {
    /// One word for a list.
    pub const fn word(&self) -> &'static str {
        match (&self.trouble, self.dead_since) {
            (_, Some(_)) => "dead",
            (Some(_), None) => "failing",
            (None, None) => "ok",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SECURITY-CASES W-03: full jitter, 1 s … 15 min.
    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(pause(1, None, 1.0), SECOND);
        assert_eq!(pause(2, None, 1.0), 2 * SECOND);
        assert_eq!(pause(2, None, 0.25), SECOND / 2);
        assert_eq!(pause(1, None, 0.0), SHORTEST, "never at once");
        assert_eq!(pause(11, None, 1.0), LONGEST);
        assert_eq!(pause(i64::MAX, None, 1.0), LONGEST);
    }

    #[test]
    fn retry_after_is_honoured_up_to_a_cap() {
        assert_eq!(pause(1, Some(30 * SECOND), 0.5), 30 * SECOND);
        assert_eq!(pause(1, Some(60 * MINUTE), 0.5), LONGEST);
        assert_eq!(pause(5, Some(SECOND), 1.0), 16 * SECOND, "not sooner than without");
        assert_eq!(pause(1, Some(-5), 1.0), SECOND);
    }

    #[test]
    fn an_entry_matters_until_its_app_session_has_run_out() {
        assert!(matters(0, Some(100), 99));
        assert!(!matters(0, Some(100), 100));
        assert!(matters(0, None, MATTERS - 1) && !matters(0, None, MATTERS));
    }
}
