//! Concurrency limit for password hashing, with a bounded fair queue, on tokio's blocking threads. The hashing
//! buffers are kept: an allocator keeps more memory for each thread that ever hashed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::Block;
use tokio::sync::oneshot;

use super::HashError;
use super::fair_queue::FairQueue;
use crate::domain::Network;

/// Hashing buffer, as large as the last hash needed.
pub(super) type Memory = Vec<Block>;

/// Load of the hashing threads.
pub struct HashLoad {
    /// Maximum number of passwords hashed at the same time.
    pub threads: usize,
    /// Number of passwords that are being hashed.
    pub running: usize,
    /// Number of passwords in the queue.
    pub waiting: usize,
    /// Number of passwords rejected since the start.
    pub rejected: u64,
}

/// The limit and its queue.
pub(super) struct HashPool {
    threads: usize,
    jobs: Arc<Mutex<Jobs>>,
    /// Buffers that no job uses.
    buffers: Arc<Mutex<Vec<Memory>>>,
    rejected: AtomicU64,
}

/// Jobs that run or wait.
struct Jobs {
    running: usize,
    queue: FairQueue<oneshot::Sender<Permit>>,
}

/// Permit to run. When it is dropped it passes to the next job in the queue.
struct Permit(Arc<Mutex<Jobs>>);

/// Job that waits for its permit. When it is dropped it leaves the queue.
struct Waiting {
    permit: oneshot::Receiver<Permit>,
    jobs: Arc<Mutex<Jobs>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut jobs = lock(&self.0);
            let next = jobs.queue.pop();
            jobs.running -= usize::from(next.is_none());
            next
        };
        // A job that has just stopped waiting does not take the permit: it is dropped and passes on.
        let _ = next.map(|next| next.send(Permit(Arc::clone(&self.0))));
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.permit.close();
        lock(&self.jobs).queue.retain(|job| !job.is_closed());
    }
}

impl HashPool {
    /// Returns a limit of `threads` jobs at a time (at least one), with a queue of at most `queue` jobs.
    pub(super) fn new(threads: usize, queue: usize) -> Self {
        let jobs = Arc::new(Mutex::new(Jobs { running: 0, queue: FairQueue::new(queue) }));
        Self { threads: threads.max(1), jobs, buffers: Arc::default(), rejected: AtomicU64::new(0) }
    }

    /// Runs a job for a client in this network, or for the server itself. Cancellation removes a job that is still
    /// in the queue; a job that runs keeps its permit until it is done.
    ///
    /// # Errors
    /// [`HashError::Busy`] when the queue is full; [`HashError::Failed`] when the job panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        network: Option<Network>,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let mut waiting = self.enter(network)?;
        // The sender is dropped when another network takes the place.
        let permit = (&mut waiting.permit).await.map_err(|_| self.reject())?;
        drop(waiting);
        let buffers = Arc::clone(&self.buffers);
        let job = tokio::task::spawn_blocking(move || {
            let _held = permit;
            let mut memory = lock(&buffers).pop().unwrap_or_default();
            let done = work(&mut memory);
            lock(&buffers).push(memory);
            done
        });
        job.await.map_err(|_| HashError::Failed)
    }

    /// Gives a job a permit or a place in the queue.
    fn enter(&self, network: Option<Network>) -> Result<Waiting, HashError> {
        let (give, permit) = oneshot::channel();
        let waiting = Waiting { permit, jobs: Arc::clone(&self.jobs) };
        let mut jobs = lock(&self.jobs);
        let entered = if jobs.running < self.threads {
            jobs.running += 1;
            give.send(Permit(Arc::clone(&self.jobs))).map_err(|_| HashError::Failed)
        } else {
            jobs.queue.push(network, give).map_err(|_| self.reject())
        };
        drop(jobs);
        entered.map(|()| waiting)
    }

    /// Rejects a job in advance.
    ///
    /// # Errors
    /// [`HashError::Busy`] when the queue has no place for this network.
    pub(super) fn reject_if_full(&self, network: Option<Network>) -> Result<(), HashError> {
        let jobs = lock(&self.jobs);
        let has_place = jobs.running < self.threads || jobs.queue.has_place(network);
        if has_place { Ok(()) } else { Err(self.reject()) }
    }

    /// Returns the load.
    pub(super) fn load(&self) -> HashLoad {
        let (running, waiting) = {
            let jobs = lock(&self.jobs);
            (jobs.running, jobs.queue.len())
        };
        HashLoad { threads: self.threads, running, waiting, rejected: self.rejected.load(Ordering::Relaxed) }
    }

    fn reject(&self) -> HashError {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        HashError::Busy
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::{Pin, pin};
    use std::sync::mpsc::{self, Receiver};
    use std::task::Poll;

    use super::*;
    use crate::hashing::tests::wait;

    /// Polls once. True when the future is still pending.
    async fn is_pending(future: &mut Pin<&mut impl Future>) -> bool {
        poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    /// Returns a job that signals its start and runs until the receiver is dropped.
    fn long_job() -> (Receiver<()>, impl FnOnce(&mut Memory)) {
        let (begun, held) = mpsc::sync_channel(0);
        (held, move |_| while begun.send(()).is_ok() {})
    }

    #[test]
    fn rejects_a_job_at_once_when_the_queue_is_full() {
        let pool = HashPool::new(1, 1);
        let (held, long) = long_job();
        wait(async {
            let (mut first, mut second) = (pin!(pool.run(None, long)), pin!(pool.run(None, |_| 2)));
            assert!(is_pending(&mut first).await && is_pending(&mut second).await);
            assert_eq!(pool.run(None, |_| 3).await, Err(HashError::Busy));
            assert_eq!(pool.reject_if_full(None), Err(HashError::Busy));
            assert_eq!(pool.load().rejected, 2, "each rejection is counted");
            drop(held);
            assert_eq!((first.await, second.await), (Ok(()), Ok(2)));
            assert_eq!((pool.run(None, |_| 3).await, pool.reject_if_full(None)), (Ok(3), Ok(())));
            let load = pool.load();
            assert_eq!((load.threads, load.running, load.waiting, load.rejected), (1, 0, 0, 2));
        });
    }

    #[test]
    fn cancellation_frees_the_queue_but_not_the_thread() {
        let pool = HashPool::new(1, 1);
        let (held, long) = long_job();
        wait(async {
            let mut first = Box::pin(pool.run(None, long));
            assert!(is_pending(&mut first.as_mut()).await);
            held.recv().unwrap();
            let mut abandoned = Box::pin(pool.run(None, |_| panic!("it must not run")));
            assert!(is_pending(&mut abandoned.as_mut()).await);
            drop((first, abandoned));
            let mut next = pin!(pool.run(None, |_| 3));
            assert!(is_pending(&mut next).await);
            assert_eq!(pool.run(None, |_| 4).await, Err(HashError::Busy));
            drop(held);
            assert_eq!(next.await, Ok(3));
        });
    }

    #[test]
    fn panic_ends_neither_the_thread_nor_other_jobs() {
        let pool = HashPool::new(1, 1);
        wait(async {
            let (broken, good) = (pool.run(None, |_| panic!("on purpose")), pool.run(None, |_| 2));
            assert_eq!(futures_util::join!(broken, good), (Err::<(), _>(HashError::Failed), Ok(2)));
            assert_eq!(pool.load().running, 0);
        });
    }

    #[test]
    fn job_of_another_network_takes_a_place_and_the_next_turn() {
        let pool = HashPool::new(1, 2);
        let [crowd, single] = [1, 2].map(|host| Some(Network::of([192, 0, 2, host].into())));
        let (held, long) = long_job();
        wait(async {
            let mut first = pin!(pool.run(crowd, long));
            let (mut second, mut third) = (pin!(pool.run(crowd, |_| 2)), pin!(pool.run(crowd, |_| 3)));
            assert!(is_pending(&mut first).await);
            assert!(is_pending(&mut second).await && is_pending(&mut third).await);
            assert_eq!(pool.reject_if_full(crowd), Err(HashError::Busy));
            assert_eq!(pool.reject_if_full(single), Ok(()));
            let mut fourth = pin!(pool.run(single, |_| 4));
            assert!(is_pending(&mut fourth).await);
            assert_eq!(third.await, Err(HashError::Busy));
            drop(held);
            assert_eq!((first.await, second.await, fourth.await), (Ok(()), Ok(2), Ok(4)));
            assert_eq!((pool.load().running, pool.load().waiting, pool.load().rejected), (0, 0, 2));
        });
    }
}
