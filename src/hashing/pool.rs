//! Concurrency limit for password hashing, with a bounded queue, on tokio's blocking threads. The hashing buffers are
//! kept: an allocator keeps more memory for each thread that ever hashed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::Block;
use tokio::sync::Semaphore;

use super::HashError;

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
    /// Places of jobs that run or wait.
    places: Arc<Semaphore>,
    /// Permits of jobs that run, in the order of their arrival.
    permits: Arc<Semaphore>,
    capacity: usize,
    /// Buffers that no job uses.
    buffers: Arc<Mutex<Vec<Memory>>>,
    rejected: AtomicU64,
}

impl HashPool {
    /// Returns a limit of `threads` jobs at a time (at least one), with a queue of at most `queue` jobs.
    pub(super) fn new(threads: usize, queue: usize) -> Self {
        let threads = threads.max(1);
        let capacity = (threads + queue).min(Semaphore::MAX_PERMITS);
        let (places, permits) = (Arc::new(Semaphore::new(capacity)), Arc::new(Semaphore::new(threads)));
        Self { threads, places, permits, capacity, buffers: Arc::default(), rejected: AtomicU64::new(0) }
    }

    /// Runs a job. Cancellation removes a job that is still in the queue; a job that runs keeps its permit until it
    /// is done.
    ///
    /// # Errors
    /// [`HashError::Busy`] when the queue is full; [`HashError::Failed`] when the job panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| self.reject())?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| HashError::Failed)?;
        let buffers = Arc::clone(&self.buffers);
        let job = tokio::task::spawn_blocking(move || {
            let _held = (permit, place);
            let free = || buffers.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = free().pop().unwrap_or_default();
            let done = work(&mut memory);
            free().push(memory);
            done
        });
        job.await.map_err(|_| HashError::Failed)
    }

    /// Rejects a job in advance.
    ///
    /// # Errors
    /// [`HashError::Busy`] when the queue is full.
    pub(super) fn reject_if_full(&self) -> Result<(), HashError> {
        if self.places.available_permits() > 0 { Ok(()) } else { Err(self.reject()) }
    }

    /// Returns the load.
    pub(super) fn load(&self) -> HashLoad {
        let running = self.threads.saturating_sub(self.permits.available_permits());
        let admitted = self.capacity.saturating_sub(self.places.available_permits());
        let (waiting, rejected) = (admitted.saturating_sub(running), self.rejected.load(Ordering::Relaxed));
        HashLoad { threads: self.threads, running, waiting, rejected }
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
            let (mut first, mut second) = (pin!(pool.run(long)), pin!(pool.run(|_| 2)));
            assert!(is_pending(&mut first).await && is_pending(&mut second).await);
            assert_eq!(pool.run(|_| 3).await, Err(HashError::Busy));
            assert_eq!(pool.reject_if_full(), Err(HashError::Busy));
            assert_eq!(pool.load().rejected, 2, "each rejection is counted");
            drop(held);
            assert_eq!((first.await, second.await), (Ok(()), Ok(2)));
            assert_eq!((pool.run(|_| 3).await, pool.reject_if_full()), (Ok(3), Ok(())));
            let load = pool.load();
            assert_eq!((load.threads, load.running, load.waiting, load.rejected), (1, 0, 0, 2));
        });
    }

    #[test]
    fn cancellation_frees_the_queue_but_not_the_thread() {
        let pool = HashPool::new(1, 1);
        let (held, long) = long_job();
        wait(async {
            let mut first = Box::pin(pool.run(long));
            assert!(is_pending(&mut first.as_mut()).await);
            held.recv().unwrap();
            let mut abandoned = Box::pin(pool.run(|_| panic!("it must not run")));
            assert!(is_pending(&mut abandoned.as_mut()).await);
            drop((first, abandoned));
            let mut next = pin!(pool.run(|_| 3));
            assert!(is_pending(&mut next).await);
            assert_eq!(pool.run(|_| 4).await, Err(HashError::Busy));
            drop(held);
            assert_eq!(next.await, Ok(3));
        });
    }

    #[test]
    fn panic_ends_neither_the_thread_nor_other_jobs() {
        let pool = HashPool::new(1, 1);
        wait(async {
            let (broken, good) = (pool.run(|_| panic!("on purpose")), pool.run(|_| 2));
            assert_eq!(futures_util::join!(broken, good), (Err::<(), _>(HashError::Failed), Ok(2)));
            assert_eq!(pool.load().running, 0);
        });
    }
}
