//! Thread pool for password hashing: a fixed number of worker threads with a bounded queue. Each
//! thread keeps its hashing buffer: a new buffer for each hash would slow the other cores down too.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use argon2::Block;
use tokio::sync::oneshot;

use super::error::HashError;

/// Hashing buffer of a worker thread, as large as the last hash needed.
pub(super) type Memory = Vec<Block>;

type Job = Box<dyn FnOnce(&mut Memory, RunningJob<'_>) + Send>;

/// Load of the thread pool.
pub struct HashLoad {
    /// Maximum number of worker threads.
    pub threads: usize,
    /// Number of passwords that are being hashed.
    pub running: usize,
    /// Number of passwords in the queue.
    pub waiting: usize,
    /// Number of passwords rejected since the start.
    pub rejected: u64,
}

/// Thread pool. Starts its threads on demand, and ends them when it is dropped.
pub(super) struct HashPool {
    threads: usize,
    queue: usize,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Queue of jobs, each with its number.
    waiting: VecDeque<(u64, Job)>,
    last_number: u64,
    threads: usize,
    running: usize,
    rejected: u64,
    has_ended: bool,
}

impl HashPool {
    /// Returns a pool of `threads` worker threads (at least one), with a queue of at most `queue` jobs.
    pub(super) fn new(threads: usize, queue: usize) -> Self {
        Self { threads: threads.max(1), queue, shared: Arc::default() }
    }

    /// Runs a job on a worker thread. Cancellation removes a job that is still in the queue; a job
    /// that runs keeps its thread until it is done.
    ///
    /// # Errors
    /// [`HashError::Busy`] when the queue is full; [`HashError::Failed`] when there is no thread, or
    /// the job panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (sender, result) = oneshot::channel();
        let _queued = self.enqueue(Box::new(move |memory, running| {
            let done = work(memory);
            // Frees the thread first: the receiver may submit its next job at once.
            drop(running);
            let _ = sender.send(done);
        }))?;
        result.await.map_err(|_| HashError::Failed)
    }

    /// Rejects a job in advance.
    ///
    /// # Errors
    /// [`HashError::Busy`] when the queue is full.
    pub(super) fn reject_if_full(&self) -> Result<(), HashError> {
        self.state_with_room().map(drop)
    }

    /// Returns the load.
    pub(super) fn load(&self) -> HashLoad {
        let state = self.shared.state();
        let (running, waiting) = (state.running, state.waiting.len());
        HashLoad { threads: self.threads, running, waiting, rejected: state.rejected }
    }

    fn enqueue(&self, job: Job) -> Result<QueuedJob<'_>, HashError> {
        let mut state = self.state_with_room()?;
        if state.threads - state.running <= state.waiting.len() && state.threads < self.threads {
            match start_thread(&self.shared) {
                Ok(()) => state.threads += 1,
                Err(error) => log::error!("no thread for password hashing could be started: {error}"),
            }
        }
        if state.threads == 0 {
            return Err(HashError::Failed);
        }
        state.last_number += 1;
        let number = state.last_number;
        state.waiting.push_back((number, job));
        drop(state);
        self.shared.changed.notify_one();
        Ok(QueuedJob { shared: &self.shared, number })
    }

    fn state_with_room(&self) -> Result<MutexGuard<'_, State>, HashError> {
        let mut state = self.shared.state();
        if state.waiting.len() < self.threads - state.running + self.queue {
            return Ok(state);
        }
        state.rejected += 1;
        Err(HashError::Busy)
    }
}

impl Drop for HashPool {
    fn drop(&mut self) {
        self.shared.state().has_ended = true;
        self.shared.changed.notify_all();
    }
}

fn start_thread(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let worker = move || {
        let mut memory = Memory::new();
        while let Some(job) = shared.next() {
            let running = RunningJob(&shared);
            // A panic ends its job only, not the thread.
            drop(catch_unwind(AssertUnwindSafe(|| job(&mut memory, running))));
        }
    };
    thread::Builder::new().name("hash".to_owned()).spawn(worker).map(drop)
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job. Returns `None` when the pool ends.
    fn next(&self) -> Option<Job> {
        let is_idle = |state: &mut State| state.waiting.is_empty() && !state.has_ended;
        let state = self.changed.wait_while(self.state(), is_idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let (_, job) = state.waiting.pop_front()?;
        state.running += 1;
        Some(job)
    }
}

/// Guard of a running job.
struct RunningJob<'a>(&'a Shared);

impl Drop for RunningJob<'_> {
    fn drop(&mut self) {
        self.0.state().running -= 1;
    }
}

/// Guard of a job in the queue. Dropping it removes the job if it has not begun.
struct QueuedJob<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for QueuedJob<'_> {
    fn drop(&mut self) {
        self.shared.state().waiting.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::{Future, poll_fn};
    use std::pin::{Pin, pin};
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::task::Poll;

    use futures_util::future::join_all;

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

    #[test]
    fn starts_no_more_threads_than_needed_or_configured() {
        let pool = HashPool::new(2, 100);
        let thread = || pool.run(|_| thread::current().id());
        wait(async {
            let alone = [thread().await, thread().await, thread().await];
            assert!(alone.iter().all(|id| *id == alone[0]));
            let mut ids = join_all((0..50).map(|_| thread())).await;
            ids.sort_by_key(|id| format!("{id:?}"));
            ids.dedup();
            assert!((1..=2).contains(&ids.len()), "{ids:?}");
        });
    }

    #[test]
    fn threads_end_with_the_pool() {
        thread_local! { static ENDS: RefCell<Option<Sender<()>>> = const { RefCell::new(None) } }
        let (ends, ended) = mpsc::channel();
        let pool = HashPool::new(1, 0);
        wait(pool.run(move |_| ENDS.set(Some(ends)))).unwrap();
        drop(pool);
        assert!(ended.recv().is_err());
    }
}
