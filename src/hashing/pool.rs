//! The threads that hash, so many and no more, and who waits for one of them. They stay, each with the memory it
//! hashes in: what a thread costs that is made for each hash, the other cores pay too.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use argon2::Block;
use tokio::sync::oneshot;

use super::{HashError, HashLoad};

/// What is hashed in; as large as it was last needed.
pub(super) type Memory = Vec<Block>;

type Job = Box<dyn FnOnce(&mut Memory, Lane<'_>) + Send>;

/// They begin when they are needed, and end with this.
pub(super) struct Lanes {
    count: usize,
    queue: usize,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    now: Mutex<Now>,
    changed: Condvar,
}

#[derive(Default)]
struct Now {
    /// In their order, each with a number of its own.
    waiting: VecDeque<(u64, Job)>,
    numbers: u64,
    threads: usize,
    running: usize,
    turned_away: u64,
    has_ended: bool,
}

impl Lanes {
    /// So many, at least one, while at most `queue` more wait.
    pub(super) fn new(count: usize, queue: usize) -> Self {
        Self { count: count.max(1), queue, shared: Arc::default() }
    }

    /// Does the work when a lane is free, and holds it until that is done, whether or not somebody still waits for
    /// it. Whoever stops waiting before it has begun gives the place back.
    ///
    /// # Errors
    /// [`HashError::Busy`] when as many wait as may, [`HashError::Failed`] when there is no thread, or it panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (tell, done) = oneshot::channel();
        let _place = self.enter(Box::new(move |memory, lane| {
            let done = work(memory);
            // Whoever waits for it may come back at once.
            drop(lane);
            let _ = tell.send(done);
        }))?;
        done.await.map_err(|_| HashError::Failed)
    }

    /// Turns away now who would be turned away later.
    ///
    /// # Errors
    /// [`HashError::Busy`] when as many wait as may.
    pub(super) fn turn_away_if_full(&self) -> Result<(), HashError> {
        self.free_place().map(drop)
    }

    /// What they are doing.
    pub(super) fn load(&self) -> HashLoad {
        let now = self.shared.now();
        let (running, waiting) = (now.running, now.waiting.len());
        HashLoad { lanes: self.count, running, waiting, turned_away: now.turned_away }
    }

    fn enter(&self, job: Job) -> Result<Place<'_>, HashError> {
        let mut now = self.free_place()?;
        if now.threads - now.running <= now.waiting.len() && now.threads < self.count {
            match begin(&self.shared) {
                Ok(()) => now.threads += 1,
                Err(error) => log::error!("there is no thread to hash a password: {error}"),
            }
        }
        if now.threads == 0 {
            return Err(HashError::Failed);
        }
        now.numbers += 1;
        let number = now.numbers;
        now.waiting.push_back((number, job));
        drop(now);
        self.shared.changed.notify_one();
        Ok(Place { shared: &self.shared, number })
    }

    fn free_place(&self) -> Result<MutexGuard<'_, Now>, HashError> {
        let mut now = self.shared.now();
        if now.waiting.len() < self.count - now.running + self.queue {
            return Ok(now);
        }
        now.turned_away += 1;
        Err(HashError::Busy)
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.shared.now().has_ended = true;
        self.shared.changed.notify_all();
    }
}

fn begin(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let lane = move || {
        let mut memory = Memory::new();
        while let Some(job) = shared.next() {
            let lane = Lane(&shared);
            // A panic is that job's alone.
            drop(catch_unwind(AssertUnwindSafe(|| job(&mut memory, lane))));
        }
    };
    thread::Builder::new().name("hash".to_owned()).spawn(lane).map(drop)
}

impl Shared {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done next; none at the end.
    fn next(&self) -> Option<Job> {
        let rests = |now: &mut Now| now.waiting.is_empty() && !now.has_ended;
        let mut now = self.changed.wait_while(self.now(), rests).unwrap_or_else(PoisonError::into_inner);
        let (_, job) = now.waiting.pop_front()?;
        now.running += 1;
        Some(job)
    }
}

/// A lane at work.
struct Lane<'a>(&'a Shared);

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        self.0.now().running -= 1;
    }
}

/// A place among those that wait.
struct Place<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.now().waiting.retain(|(number, _)| *number != self.number);
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

    /// Polls once: whether it is still waiting.
    async fn waits(future: &mut Pin<&mut impl Future>) -> bool {
        poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    /// Work that says that it has begun, and goes on until the receiver is dropped.
    fn long() -> (Receiver<()>, impl FnOnce(&mut Memory)) {
        let (begun, held) = mpsc::sync_channel(0);
        (held, move |_| while begun.send(()).is_ok() {})
    }

    #[test]
    fn as_many_wait_as_may_and_the_next_is_turned_away_at_once() {
        let lanes = Lanes::new(1, 1);
        let (held, long) = long();
        wait(async {
            let (mut first, mut second) = (pin!(lanes.run(long)), pin!(lanes.run(|_| 2)));
            assert!(waits(&mut first).await && waits(&mut second).await);
            assert_eq!(lanes.run(|_| 3).await, Err(HashError::Busy));
            assert_eq!(lanes.turn_away_if_full(), Err(HashError::Busy));
            assert_eq!(lanes.load().turned_away, 2, "each of them is counted");
            drop(held);
            assert_eq!((first.await, second.await), (Ok(()), Ok(2)));
            assert_eq!((lanes.run(|_| 3).await, lanes.turn_away_if_full()), (Ok(3), Ok(())));
            let load = lanes.load();
            assert_eq!((load.lanes, load.running, load.waiting, load.turned_away), (1, 0, 0, 2));
        });
    }

    #[test]
    fn who_stops_waiting_gives_the_place_back_but_not_the_lane() {
        let lanes = Lanes::new(1, 1);
        let (held, long) = long();
        wait(async {
            let mut first = Box::pin(lanes.run(long));
            assert!(waits(&mut first.as_mut()).await);
            held.recv().unwrap();
            let mut abandoned = Box::pin(lanes.run(|_| panic!("nobody waits for it")));
            assert!(waits(&mut abandoned.as_mut()).await);
            drop((first, abandoned));
            let mut next = pin!(lanes.run(|_| 3));
            assert!(waits(&mut next).await);
            assert_eq!(lanes.run(|_| 4).await, Err(HashError::Busy));
            drop(held);
            assert_eq!(next.await, Ok(3));
        });
    }

    #[test]
    fn a_panic_costs_neither_the_lane_nor_the_others_that_wait() {
        let lanes = Lanes::new(1, 1);
        wait(async {
            let (broken, good) = (lanes.run(|_| panic!("on purpose")), lanes.run(|_| 2));
            assert_eq!(futures_util::join!(broken, good), (Err::<(), _>(HashError::Failed), Ok(2)));
            assert_eq!(lanes.load().running, 0);
        });
    }

    #[test]
    fn there_are_as_many_threads_as_lanes_and_no_more_than_are_needed() {
        let lanes = Lanes::new(2, 100);
        let thread = || lanes.run(|_| thread::current().id());
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
    fn they_end_with_what_they_belong_to() {
        thread_local! { static ENDS: RefCell<Option<Sender<()>>> = const { RefCell::new(None) } }
        let (ends, ended) = mpsc::channel();
        let lanes = Lanes::new(1, 0);
        wait(lanes.run(move |_| ENDS.set(Some(ends)))).unwrap();
        drop(lanes);
        assert!(ended.recv().is_err());
    }
}
