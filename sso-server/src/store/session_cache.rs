//! Sessions at hand, on SQLite: reading a row costs the way to SQLite's thread and back (50 us),
//! looking here 1 us, and the silent sign-in is asked for more than anything else.
//!
//! What makes it right: an entry counts only while no process changed anything it rests on.
//! Foreign commits empty it ([`super::commits`]). Our own writer removes, inside the commit and
//! before it is acknowledged, the sessions that it ended and everything when users or apps changed.
//! A row that was read before such a change and arrives after it is not taken in (`changes_seen`).

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use quick_cache::sync::Cache;

use crate::domain::session::LiveSession;

/// Most sessions kept at hand; about 500 bytes each.
const CAPACITY: usize = 10_000;

/// What a transaction changes of the facts that entries rest on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The session with this digest.
    Session(String),
    /// A user or an app: any entry could rest on it.
    Everything,
}

pub(super) struct SessionCache {
    entries: Cache<String, Arc<LiveSession>>,
    /// Counts changes, to refuse rows that were read before one.
    changes_seen: AtomicU64,
    /// Counts only the changes that touch everything.
    epoch: AtomicU64,
    /// Held while an entry goes in or changes are applied.
    door: Mutex<()>,
}

impl Default for SessionCache {
    fn default() -> Self {
        Self {
            entries: Cache::new(CAPACITY),
            changes_seen: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            door: Mutex::new(()),
        }
    }
}

/// A moment before a row was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(u64);

impl SessionCache {
    pub(super) fn get(&self, digest: &str) -> Option<Arc<LiveSession>> {
        self.entries.get(digest)
    }

    /// Changes whenever a user or an app may have.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// To be called before the row is read.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.changes_seen.load(Ordering::SeqCst))
    }

    /// Takes in a row, unless something changed since `read_after`.
    pub(super) fn put(&self, digest: &str, session: &Arc<LiveSession>, read_after: Moment) {
        let _door = self.door.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if self.changes_seen.load(Ordering::SeqCst) == read_after.0 {
            self.entries.insert(digest.to_owned(), session.clone());
        }
    }

    pub(super) fn apply(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let _door = self.door.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.changes_seen.fetch_add(1, Ordering::SeqCst);
        if changes.contains(&Change::Everything) {
            self.epoch.fetch_add(1, Ordering::SeqCst);
            self.entries.clear();
            return;
        }
        for change in changes {
            if let Change::Session(digest) = change {
                self.entries.remove(digest);
            }
        }
    }

    pub(super) fn forget_everything(&self) {
        self.apply(&[Change::Everything]);
    }
}
