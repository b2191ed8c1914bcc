//! Things that arrive together are done together.

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use tokio::sync::{Mutex as Turn, oneshot};

/// Collects items while a batch is being worked on; the first to get the turn works on all that
/// have come in. Under no load a batch is one item and costs one uncontended lock.
pub(super) struct Batches<I, O> {
    waiting: Arc<Mutex<Waiting<I, O>>>,
    turn: Arc<Turn<()>>,
    most: usize,
}

/// Items, and who waits for their outcome.
type Waiting<I, O> = Vec<(I, oneshot::Sender<O>)>;

/// The batch that the item was in came to no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

impl<I: Send + 'static, O: Send + 'static> Batches<I, O> {
    /// Batches of at most `most` items.
    pub(super) fn new(most: usize) -> Self {
        Self { waiting: Arc::new(Mutex::new(Vec::new())), turn: Arc::default(), most }
    }

    /// Hands in an item and waits for its outcome. `work` answers one outcome an item, in order.
    /// Batches run as tasks of their own: a caller that is dropped takes nobody with it.
    pub(super) async fn submit<F>(
        &self,
        item: I,
        work: impl Fn(Vec<I>) -> F + Send + Sync + 'static,
    ) -> Result<O, Lost>
    where
        F: Future<Output = Vec<O>> + Send,
    {
        let (sender, mut outcome) = oneshot::channel();
        lock(&self.waiting).push((item, sender));
        let (waiting, turn, most) = (self.waiting.clone(), self.turn.clone(), self.most);
        let worked = tokio::spawn(async move {
            let _turn = turn.lock().await;
            // Somebody before may have worked on it already; then there is nothing or others' items.
            loop {
                let batch: Waiting<I, O> = {
                    let mut waiting = lock(&waiting);
                    let many = waiting.len().min(most);
                    waiting.drain(..many).collect()
                };
                if batch.is_empty() {
                    return;
                }
                let (items, senders): (Vec<I>, Vec<_>) = batch.into_iter().unzip();
                for (outcome, sender) in work(items).await.into_iter().zip(senders) {
                    let _ = sender.send(outcome);
                }
            }
        });
        // Whichever comes first: another's batch had it, or our own turn came.
        tokio::select! {
            biased;
            outcome = &mut outcome => outcome.map_err(|_| Lost),
            _ = worked => outcome.await.map_err(|_| Lost),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everybody_gets_their_own_outcome() {
        let batches = Arc::new(Batches::<usize, usize>::new(8));
        let rounds = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = (0..100)
            .map(|number| {
                let (batches, rounds) = (batches.clone(), rounds.clone());
                tokio::spawn(async move {
                    let work = move |items: Vec<usize>| {
                        let rounds = rounds.clone();
                        async move {
                            assert!((1..=8).contains(&items.len()));
                            rounds.fetch_add(1, Ordering::SeqCst);
                            tokio::task::yield_now().await;
                            items.into_iter().map(|item| item * 2).collect()
                        }
                    };
                    (number, batches.submit(number, work).await)
                })
            })
            .collect();
        for caller in callers {
            let (number, outcome) = caller.await.unwrap();
            assert_eq!(outcome, Ok(number * 2));
        }
        assert!(rounds.load(Ordering::SeqCst) < 100, "some were done together");
    }

    #[tokio::test]
    async fn a_batch_that_dies_is_lost_and_the_next_goes_on() {
        let batches = Batches::<bool, ()>::new(8);
        let work = |items: Vec<bool>| async move {
            assert!(!items.contains(&true), "die");
            items.into_iter().map(|_| ()).collect()
        };
        assert_eq!(batches.submit(true, work).await, Err(Lost));
        assert_eq!(batches.submit(false, work).await, Ok(()));
    }
}
