//! How many tickets of each app were refused this minute.
//!
//! Counted on each node for itself, in memory: an app behind three nodes is refused three times as
//! many before it hears 429. That suffices, because nothing rests on the number. Tickets are signed
//! and work once, so guessing at them is hopeless at any rate; the limit only keeps a broken or
//! stolen app from filling the audit log.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use crate::domain::{MINUTE, Millis, SECOND, app::AppId};

/// The counters. Only registered apps have one, so they stay as few as the registry.
#[derive(Debug, Default)]
pub struct RefusedTickets(Mutex<HashMap<AppId, Minute>>);

#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    begun_at: Millis,
    refused: u32,
}

impl RefusedTickets {
    /// Seconds to wait, if `limit` tickets of this app were refused this minute.
    pub fn too_many(&self, app: &AppId, limit: u32, now: Millis) -> Option<i64> {
        let minute = self.counters().get(app).copied().unwrap_or_default();
        let full = minute.begun_at == beginning(now) && minute.refused >= limit;
        full.then_some((minute.begun_at + MINUTE - now) / SECOND + 1)
    }

    /// One more was refused.
    pub fn count(&self, app: &AppId, now: Millis) {
        let begun_at = beginning(now);
        let mut counters = self.counters();
        let minute = counters.entry(app.clone()).or_default();
        if minute.begun_at != begun_at {
            *minute = Minute { begun_at, refused: 0 };
        }
        minute.refused += 1;
    }

    fn counters(&self) -> MutexGuard<'_, HashMap<AppId, Minute>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn beginning(now: Millis) -> Millis {
    now - now.rem_euclid(MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_app_each_minute() {
        let (aw, bw) = (AppId::parse("aw").unwrap(), AppId::parse("bw").unwrap());
        let refused = RefusedTickets::default();
        let now = 5 * MINUTE + 20 * SECOND;
        for _ in 0..2 {
            assert_eq!(refused.too_many(&aw, 2, now), None);
            refused.count(&aw, now);
        }
        assert_eq!(refused.too_many(&aw, 2, now), Some(41));
        assert_eq!(refused.too_many(&aw, 3, now), None);
        assert_eq!(refused.too_many(&bw, 2, now), None);
        assert_eq!(refused.too_many(&aw, 2, 6 * MINUTE - 1), Some(1));
        assert_eq!(refused.too_many(&aw, 2, 6 * MINUTE), None);
        refused.count(&aw, 6 * MINUTE);
        assert_eq!(refused.too_many(&aw, 2, 6 * MINUTE), None);
    }
}
