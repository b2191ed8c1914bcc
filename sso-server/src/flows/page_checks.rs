//! How often the pages of each app were asked for from each network this minute.
//!
//! Counted on each node for itself, in memory and without a write. Nothing rests on the number: it
//! keeps one network from taking a node's time (SECURITY-CASES J-13). A network that so many others
//! push out of memory begins anew.

use std::sync::{Arc, Mutex, OnceLock};

use quick_cache::sync::Cache;

use crate::domain::{MINUTE, Millis, SECOND, app::AppId};

/// Most pairs of app and network that are counted.
const PAIRS: usize = 10_000;

type Counters = Cache<(Option<AppId>, String), Arc<Mutex<Minute>>>;

/// The counters. They take no memory before the first page asks.
#[derive(Debug, Default)]
pub struct PageChecks(OnceLock<Counters>);

#[derive(Debug, Default)]
struct Minute {
    begun_at: Millis,
    checks: u32,
}

impl PageChecks {
    /// One more. Seconds to wait, if there were `limit` of them this minute already. Without an app:
    /// the browser asks, and does not say for which.
    pub fn count(
        &self,
        app: Option<&AppId>,
        network: String,
        limit: u32,
        now: Millis,
    ) -> Option<i64> {
        let key = (app.cloned(), network);
        let counters = self.0.get_or_init(|| Cache::new(PAIRS));
        let counter = counters.get(&key).unwrap_or_else(|| {
            // Two that come together may make one each; the later one stays.
            let fresh = Arc::default();
            counters.insert(key, Arc::clone(&fresh));
            fresh
        });
        let mut minute = counter.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let begun_at = now - now.rem_euclid(MINUTE);
        if minute.begun_at != begun_at {
            *minute = Minute { begun_at, checks: 0 };
        }
        if minute.checks >= limit {
            return Some((begun_at + MINUTE - now) / SECOND + 1);
        }
        minute.checks += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_app_and_network_each_minute() {
        let (aw, bw) = (AppId::parse("aw").unwrap(), AppId::parse("bw").unwrap());
        let checks = PageChecks::default();
        let now = 5 * MINUTE + 20 * SECOND;
        let count = |app, network: &str, now| checks.count(Some(app), network.to_owned(), 2, now);
        assert_eq!([(); 3].map(|()| count(&aw, "192.0.2.1", now)), [None, None, Some(41)]);
        assert_eq!((count(&aw, "192.0.2.2", now), count(&bw, "192.0.2.1", now)), (None, None));
        assert_eq!(count(&aw, "192.0.2.1", 6 * MINUTE - 1), Some(1));
        assert_eq!(count(&aw, "192.0.2.1", 6 * MINUTE), None);
    }
}
