//! Ends that Passport could not be told of (SECURITY-CASES W-27).

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use crate::{
    client::Client,
    session::AppSession,
    wire::{EndScope, Seconds},
};

/// Most that are kept; beyond it the oldest is let go, which then ends by its time.
const MOST: usize = 1_000;

/// Names of this app's sessions that were ended here while Passport was away, and when they are over
/// anyway. In memory: a restart forgets them, and leaves them to their time.
#[derive(Default)]
pub(super) struct Unsent(Mutex<VecDeque<(String, Seconds)>>);

impl Unsent {
    /// To be sent when Passport answers again.
    pub(super) fn keep(&self, session: &AppSession) {
        let mut waiting = self.waiting();
        if waiting.len() >= MOST {
            waiting.pop_front();
        }
        waiting.push_back((session.id.clone(), session.expires_at));
    }

    /// Sends what waits, oldest first, until Passport does not answer.
    pub(super) async fn send(&self, client: &Client, now: Seconds) {
        loop {
            let Some((id, until)) = self.waiting().pop_front() else { return };
            if until <= now {
                continue;
            }
            match client.end(&id, EndScope::App).await {
                Err(error) if error.is_worth_repeating() => {
                    self.waiting().push_front((id, until));
                    return;
                }
                Err(error) => tracing::warn!(%error, "a logout is not to be passed on"),
                Ok(_) => {}
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(String, Seconds)>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::User;

    #[test]
    fn only_so_many_wait() {
        let unsent = Unsent::default();
        for number in 0..MOST + 2 {
            unsent.keep(&AppSession {
                id: number.to_string(),
                session: String::new(),
                user: User::default(),
                auth_time: 0,
                amr: vec![],
                since: 0,
                expires_at: 1,
            });
        }
        let waiting = unsent.waiting();
        assert_eq!((waiting.len(), waiting[0].0.as_str()), (MOST, "2"));
    }
}
