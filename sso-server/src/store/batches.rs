//! Things that arrive together are done together.

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use tokio::sync::oneshot;

/// Collects items while a batch is being worked on; then all that have come in are the next one.
/// Reaching the database costs the same for one item as for many. Under no load a batch is one
/// item.
pub struct Batches<I, O> {
    queue: Arc<Mutex<Queue<I, O>>>,
    most: usize,
}

/// Items, and who waits for their outcome.
struct Queue<I, O> {
    waiting: Vec<(I, oneshot::Sender<O>)>,
    /// Whether a task is at work and will see what is put in.
    at_work: bool,
}

/// The batch that the item was in came to no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl<I: Send + 'static, O: Send + 'static> Batches<I, O> {
    /// Batches of at most `most` items.
    pub fn new(most: usize) -> Self {
        let queue = Queue { waiting: Vec::new(), at_work: false };
        Self { queue: Arc::new(Mutex::new(queue)), most }
    }

    /// Hands in an item and waits for its outcome. `work` answers one outcome an item, in order.
    /// Batches run as a task of their own: a caller that is dropped takes nobody with it. An item is
    /// worked on after it was handed in, never by a batch that had begun before.
    pub async fn submit<F>(
        &self,
        item: I,
        work: impl Fn(Vec<I>) -> F + Send + 'static,
    ) -> Result<O, Lost>
    where
        F: Future<Output = Vec<O>> + Send + 'static,
    {
        let (sender, outcome) = oneshot::channel();
        let idle = {
            let mut queue = lock(&self.queue);
            queue.waiting.push((item, sender));
            !std::mem::replace(&mut queue.at_work, true)
        };
        if idle {
            let shift = Shift { queue: self.queue.clone(), over: false };
            tokio::spawn(shift.work(self.most, work));
        }
        outcome.await.map_err(|_| Lost)
    }
}

/// Somebody at work. If the work panics, those in the batch are lost and the next caller begins a
/// new shift.
struct Shift<I, O> {
    queue: Arc<Mutex<Queue<I, O>>>,
    /// It came to its own end; what is in the queue now is the next shift's.
    over: bool,
}

impl<I, O> Shift<I, O> {
    async fn work<F>(mut self, most: usize, work: impl Fn(Vec<I>) -> F)
    where
        F: Future<Output = Vec<O>> + Send,
    {
        loop {
            let batch: Vec<(I, oneshot::Sender<O>)> = {
                let mut queue = lock(&self.queue);
                if queue.waiting.is_empty() {
                    queue.at_work = false;
                    drop(queue);
                    self.over = true;
                    return;
                }
                let many = queue.waiting.len().min(most);
                queue.waiting.drain(..many).collect()
            };
            let (items, senders): (Vec<I>, Vec<_>) = batch.into_iter().unzip();
            for (outcome, sender) in work(items).await.into_iter().zip(senders) {
                let _ = sender.send(outcome);
            }
        }
    }
}

impl<I, O> Drop for Shift<I, O> {
    fn drop(&mut self) {
        // After a panic, or when the runtime ends, whoever still waits is told.
        if !self.over {
            let mut queue = lock(&self.queue);
            queue.waiting.clear();
            queue.at_work = false;
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
