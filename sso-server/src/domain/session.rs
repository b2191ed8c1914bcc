//! Sessions: how long they hold, and when a person must prove again who they are.

use std::sync::atomic::{AtomicI64, Ordering};

use client_sdk::wire::Cause;
use serde::{Deserialize, Serialize};

use super::{
    DAY, HOUR, MINUTE, Millis, SECOND,
    id::{SessionId, UserId},
    token::Digest,
};

/// How often `last_seen_at` is written at most.
pub const TOUCH_EVERY: Millis = MINUTE;

/// How long sessions hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From login to the end, however busy.
    pub lifetime: Millis,
    /// From the last sign of life to the end.
    pub idle: Millis,
    /// The same for a session whose cookie goes with the browser ("keep me signed in" off).
    pub browser_idle: Millis,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lifetime: 30 * DAY, idle: 14 * DAY, browser_idle: 12 * HOUR }
    }
}

impl Limits {
    /// The idle limit that applies.
    pub const fn idle_limit(&self, kept: bool) -> Millis {
        if kept { self.idle } else { self.browser_idle }
    }

    /// Where the idle limit stands after a sign of life at `now`: it slides, never past the end.
    pub fn idle_until(&self, now: Millis, expires_at: Millis, kept: bool) -> Millis {
        (now + self.idle_limit(kept)).min(expires_at)
    }
}

/// A session whose row was there, not ended, at the moment it was read, of a user who was not
/// disabled. Whoever holds one got it from `store::sessions::find_live`; tickets are issued for
/// nothing else.
#[derive(Debug, Serialize, Deserialize)]
pub struct LiveSession {
    /// Its name.
    pub id: SessionId,
    /// Digest of the cookie by which it was found.
    pub digest: String,
    /// Whose.
    pub user: UserId,
    /// When the person last proved who they are.
    pub auth_time: Millis,
    /// How (RFC 8176).
    pub amr: Vec<String>,
    /// Whether the cookie outlives the browser.
    pub kept: bool,
    /// The last sign of life that was written down.
    pub last_seen_at: AtomicI64,
    /// Idle from here on.
    pub idle_until: AtomicI64,
    /// Over from here on.
    pub expires_at: Millis,
    /// Small state of the page flow, JSON.
    pub state: String,
    /// Version of the app registry at the moment of reading.
    pub registry_version: i64,
    /// The apps that the person had entered by then, as a mask over their bits.
    pub app_flag: i64,
}

impl LiveSession {
    /// Digest of the cookie by which it was found.
    pub fn digest(&self) -> Digest {
        Digest::stored(self.digest.clone())
    }

    /// Whether its time is up, and by which limit. Decided by the server's clock alone; the
    /// cookie's `Max-Age` counts for nothing (SECURITY-CASES S-06).
    pub fn over(&self, now: Millis) -> Option<Cause> {
        if now >= self.expires_at {
            Some(Cause::Expired)
        } else if now >= self.idle_until.load(Ordering::Relaxed) {
            Some(Cause::Idle)
        } else {
            None
        }
    }

    /// Claims the right to write down a sign of life: one caller a minute gets `true`.
    pub fn claim_touch(&self, now: Millis, limits: &Limits) -> bool {
        let seen = self.last_seen_at.load(Ordering::Relaxed);
        if now - seen < TOUCH_EVERY {
            return false;
        }
        let claimed = self
            .last_seen_at
            .compare_exchange(seen, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if claimed {
            let until = limits.idle_until(now, self.expires_at, self.kept);
            self.idle_until.store(until, Ordering::Relaxed);
        }
        claimed
    }
}

/// What a request to `/login` says about asking the person (OpenID Connect Core 1.0 section
/// 3.1.2.1, `prompt`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// Ask when there is need to.
    #[default]
    WhenNeeded,
    /// `prompt=none`: never ask.
    Never,
    /// `prompt=login`: always ask.
    Always,
}

/// What a person has just done about entering an app, by the request at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acted {
    /// Nothing: they may not even notice.
    Not,
    /// Agreed to go on under their name.
    Agreed,
    /// Proved who they are.
    Proved,
}

/// Whether a session satisfies what the app demands of its login.
pub fn is_fresh_enough(
    auth_time: Millis,
    prompt: Prompt,
    max_age_seconds: Option<i64>,
    now: Millis,
) -> bool {
    // Exactly that many seconds is in time.
    let in_time = |limit: i64| now - auth_time <= limit.saturating_mul(SECOND);
    prompt != Prompt::Always && max_age_seconds.is_none_or(in_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(expires_at: Millis, idle_until: Millis) -> LiveSession {
        LiveSession {
            id: "s".into(),
            digest: "d".into(),
            user: "u".into(),
            auth_time: 0,
            amr: vec!["pwd".into()],
            kept: true,
            last_seen_at: 0.into(),
            idle_until: idle_until.into(),
            expires_at,
            state: "{}".into(),
            registry_version: 1,
            app_flag: 0,
        }
    }

    // SECURITY-CASES S-06: the boundaries, to the millisecond.
    #[test]
    fn limits_hold_to_the_millisecond() {
        let session = session(1_000, 500);
        assert_eq!(session.over(499), None);
        assert_eq!(session.over(500), Some(Cause::Idle));
        assert_eq!(session.over(1_000), Some(Cause::Expired));
    }

    #[test]
    fn sliding_never_passes_the_absolute_limit() {
        let limits = Limits { lifetime: DAY, idle: HOUR, browser_idle: MINUTE };
        let session = session(2 * MINUTE, 2 * MINUTE);
        assert!(!session.claim_touch(MINUTE - 1, &limits));
        assert!(session.claim_touch(MINUTE, &limits));
        assert!(!session.claim_touch(MINUTE, &limits), "one a minute");
        assert_eq!(session.over(2 * MINUTE), Some(Cause::Expired));
    }

    // SECURITY-CASES T-26, T-27.
    #[test]
    fn fresh_logins() {
        assert!(is_fresh_enough(0, Prompt::WhenNeeded, None, DAY));
        assert!(!is_fresh_enough(0, Prompt::Always, None, 0));
        assert!(is_fresh_enough(0, Prompt::Never, Some(60), 60 * SECOND));
        assert!(!is_fresh_enough(0, Prompt::Never, Some(60), 60 * SECOND + 1));
        assert!(!is_fresh_enough(0, Prompt::WhenNeeded, Some(0), 1));
        assert!(is_fresh_enough(0, Prompt::WhenNeeded, Some(i64::MAX), DAY));
    }
}
