//! How many ask providers at the same time: bounded for all, for one network, and for one host.
//! Providers are strangers and may be slow on purpose; whoever waits for them takes a place here and
//! none from anybody who signs in with a password (SECURITY-CASES group Z).
//!
//! Counted on each node for itself; nothing rests on the numbers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Most at a time on this node.
const ALL: usize = 64;
/// Most of one network.
const OF_NETWORK: usize = 8;
/// Most that one host is asked for.
const OF_HOST: usize = 16;

/// The places.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Mutex<HashMap<String, usize>>>);

/// A place that is taken, until dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    taken: [String; 3],
}

impl Places {
    /// Takes a place; `None` when there is none.
    pub fn enter(&self, network: &str, host: &str) -> Option<Place> {
        let taken = [String::new(), format!("network:{network}"), format!("host:{host}")];
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = taken.iter().zip([ALL, OF_NETWORK, OF_HOST]);
        for (key, most) in free {
            if counts.get(key).is_some_and(|count| *count >= most) {
                return None;
            }
        }
        for key in &taken {
            *counts.entry(key.clone()).or_default() += 1;
        }
        drop(counts);
        Some(Place { places: self.clone(), taken })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.taken {
            if let Some(count) = counts.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let places = Places::default();
        let one: Vec<_> =
            (0..OF_NETWORK).map(|n| places.enter("192.0.2.1", &n.to_string()).unwrap()).collect();
        assert!(places.enter("192.0.2.1", "other").is_none(), "of one network");
        let others: Vec<_> =
            (0..OF_HOST).map(|n| places.enter(&n.to_string(), "op.example").unwrap()).collect();
        assert!(places.enter("192.0.2.2", "op.example").is_none(), "of one host");
        let rest: Vec<_> = (0..ALL - OF_NETWORK - OF_HOST)
            .map(|n| places.enter(&format!("n{n}"), &format!("h{n}")).unwrap())
            .collect();
        assert!(places.enter("192.0.2.3", "free.example").is_none(), "of all");
        drop((one, others, rest));
        assert!(places.0.lock().unwrap().is_empty());
        assert!(places.enter("192.0.2.1", "op.example").is_some());
    }
}
