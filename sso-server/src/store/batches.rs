//! Things that arrive together are done together.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

/// Most items that wait; who comes then is told at once that nobody knows.
const WAITING_MOST: usize = 2_048;
/// Most batches at work at a time.
const SHIFTS_MOST: usize = 4;
/// A batch usually takes a few milliseconds. One that takes this long hangs, on a lock or on a
/// connection that leads nowhere, and those behind it are not to hang with it: another shift begins.
/// Not sooner, since the fewer batches there are, the more goes into each.
const PATIENCE: Duration = Duration::from_millis(100);

/// Collects items while a batch is being worked on; then all that have come in are the next one.
/// Reaching the database costs the same for one item as for many. Under no load a batch is one
/// item.
pub struct Batches<I, O> {
    queue: Arc<Mutex<Queue<I, O>>>,
    most: usize,
    within: Duration,
}

/// Items, and who waits for their outcome.
struct Queue<I, O> {
    waiting: VecDeque<(I, oneshot::Sender<O>)>,
    /// How many tasks are at work and will see what is put in.
    at_work: usize,
    /// When a batch was begun last.
    begun: Instant,
}

/// The batch that the item was in came to no end, or it was never in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl<I: Send + 'static, O: Send + 'static> Batches<I, O> {
    /// Batches of at most `most` items, each of which is given up after `within`.
    pub fn new(most: usize, within: Duration) -> Self {
        let queue = Queue { waiting: VecDeque::new(), at_work: 0, begun: Instant::now() };
        Self { queue: Arc::new(Mutex::new(queue)), most, within }
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
        let begins = {
            let mut queue = lock(&self.queue);
            if queue.waiting.len() >= WAITING_MOST {
                return Err(Lost);
            }
            queue.waiting.push_back((item, sender));
            let hangs = queue.at_work < SHIFTS_MOST && queue.begun.elapsed() >= PATIENCE;
            let begins = queue.at_work == 0 || hangs;
            if begins {
                queue.at_work += 1;
                queue.begun = Instant::now();
            }
            begins
        };
        if begins {
            let shift = Shift { queue: self.queue.clone(), over: false };
            tokio::spawn(shift.work(self.most, self.within, work));
        }
        // Once for the batch before it, once for its own.
        match timeout(2 * self.within, outcome).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) | Err(_) => Err(Lost),
        }
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
    async fn work<F>(mut self, most: usize, within: Duration, work: impl Fn(Vec<I>) -> F)
    where
        F: Future<Output = Vec<O>> + Send,
    {
        loop {
            let batch: Vec<(I, oneshot::Sender<O>)> = {
                let mut queue = lock(&self.queue);
                // Who has given up waiting is not worked for.
                queue.waiting.retain(|(_, sender)| !sender.is_closed());
                if queue.waiting.is_empty() {
                    queue.at_work -= 1;
                    drop(queue);
                    self.over = true;
                    return;
                }
                queue.begun = Instant::now();
                let many = queue.waiting.len().min(most);
                queue.waiting.drain(..many).collect()
            };
            let (items, senders): (Vec<I>, Vec<_>) = batch.into_iter().unzip();
            // What is given up is dropped with its connection or transaction; its senders go unused,
            // which tells those who wait that nobody knows.
            let outcomes = timeout(within, work(items)).await.unwrap_or_default();
            for (outcome, sender) in outcomes.into_iter().zip(senders) {
                let _ = sender.send(outcome);
            }
        }
    }
}

impl<I, O> Drop for Shift<I, O> {
    fn drop(&mut self) {
        // After a panic, or when the runtime ends, whoever still waits for nobody is told.
        if !self.over {
            let mut queue = lock(&self.queue);
            queue.at_work -= 1;
            if queue.at_work == 0 {
                queue.waiting.clear();
            }
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

    const WITHIN: Duration = Duration::from_secs(60);

    /// Never ends for 0, at once for everything else.
    async fn hang_on_zero(items: Vec<usize>) -> Vec<usize> {
        if items.contains(&0) {
            std::future::pending::<()>().await;
        }
        items
    }

    // One connection that leads nowhere must not make everybody wait behind it.
    #[tokio::test]
    async fn a_batch_that_hangs_is_passed_and_then_given_up() {
        let batches = Arc::new(Batches::<usize, usize>::new(8, 5 * PATIENCE));
        let hanging = tokio::spawn({
            let batches = batches.clone();
            async move { batches.submit(0, hang_on_zero).await }
        });
        tokio::time::sleep(PATIENCE).await;
        for number in 1..100 {
            assert_eq!(batches.submit(number, hang_on_zero).await, Ok(number));
        }
        assert!(lock(&batches.queue).at_work <= 2, "a shift more, and not one for each");
        assert_eq!(hanging.await.unwrap(), Err(Lost));
        assert_eq!(batches.submit(1, hang_on_zero).await, Ok(1));
        assert_eq!(lock(&batches.queue).at_work, 0);
    }

    #[tokio::test]
    async fn only_so_many_wait_and_not_for_ever() {
        let batches = Arc::new(Batches::<usize, usize>::new(1, PATIENCE));
        let waiting: Vec<_> = (0..WAITING_MOST + 2)
            .map(|_| {
                let batches = batches.clone();
                tokio::spawn(async move { batches.submit(0, hang_on_zero).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(batches.submit(1, hang_on_zero).await, Err(Lost), "no room");
        for one in waiting {
            assert_eq!(one.await.unwrap(), Err(Lost));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everybody_gets_their_own_outcome() {
        let batches = Arc::new(Batches::<usize, usize>::new(8, WITHIN));
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
        let batches = Batches::<bool, ()>::new(8, WITHIN);
        let work = |items: Vec<bool>| async move {
            assert!(!items.contains(&true), "die");
            items.into_iter().map(|_| ()).collect()
        };
        assert_eq!(batches.submit(true, work).await, Err(Lost));
        assert_eq!(batches.submit(false, work).await, Ok(()));
    }
}
