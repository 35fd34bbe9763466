//! Reads of a few PostgreSQL rows by key, on a connection that all reads of a thread share.
//!
//! A pooled connection serves one read at a time, and keeps a blocking thread for it. Waking that thread costs more
//! than the read. Here the thread of the request sends the statement, and goes on with other requests until the
//! answer is there ([`replay`](super::postgres::Replay) says how a blocking query does that).
//!
//! A read that fails here, or takes long, takes the usual way through the pool. So do all of them while there is no
//! connection. One that was lost is opened again after a while.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn};
use tokio::time::timeout;

use super::blocking::traced;
use super::pool::Pool;
use super::postgres::{Pipeline, Replay};
use crate::store::{Connection, Engine, StoreError};

/// Duration of a read after which the connection counts as lost: its host hangs, or its statement waits for a lock,
/// and all further ones wait behind it.
const LATE: Duration = Duration::from_millis(400);

/// Number of reads that may wait on one connection. Further ones use the pool.
const MOST_WAITING: usize = 1_000;

/// Pause before a connection is opened again.
const REOPENING: Duration = Duration::from_secs(1);

thread_local! {
    /// This thread's connection.
    static READER: RefCell<Option<Slot>> = const { RefCell::new(None) };
}

/// A connection that is open, or that a task opens.
struct Slot {
    store_id: u64,
    /// Generation of the pool when it was opened. After an outage the same host may be a standby.
    generation: u64,
    began: Instant,
    opening: JoinHandle<()>,
    reader: Arc<OnceLock<Arc<Reader>>>,
}

/// A connection, and the one on which its queries are replayed.
struct Reader {
    pipeline: Pipeline,
    replaying: Mutex<Connection>,
}

/// Runs `work` on this thread's connection. Returns none when it fails, for any reason.
pub(in crate::store) async fn read<T>(
    store_id: u64,
    pool: &Pool,
    work: impl Fn(&mut Connection) -> Result<T, StoreError>,
) -> Option<T> {
    let reader = READER.with(|slot| reader(&mut *slot.try_borrow_mut().ok()?, store_id, pool))?;
    let began = Instant::now();
    let error = match traced(pool.engine(), timeout(LATE, reader.read(work))).await {
        Ok(Ok(value)) => {
            pool.measure_work(began);
            return Some(value);
        }
        Ok(Err(error)) => {
            if let StoreError::Lost(_) = error {
                reader.pipeline.retire();
            }
            error
        }
        Err(_) => {
            reader.pipeline.give_up();
            StoreError::Lost("no answer in time".to_owned())
        }
    };
    log::debug!("a read goes to the pool: {error}");
    // The pool counts any other error when it meets it again.
    if let StoreError::Lost(_) = error {
        pool.count_error(&error);
    }
    None
}

/// Returns the connection in a slot. Without one that can be used, begins to open one.
fn reader(slot: &mut Option<Slot>, store_id: u64, pool: &Pool) -> Option<Arc<Reader>> {
    let Some(known) = slot.as_ref().filter(|slot| slot.store_id == store_id) else {
        *slot = Some(Slot::open(store_id, pool));
        return None;
    };
    let reader = known.reader.get().filter(|reader| reader.pipeline.is_open());
    match reader.filter(|_| known.generation == pool.generation()) {
        // One is in the slot.
        Some(reader) if Arc::strong_count(reader) <= MOST_WAITING => Some(Arc::clone(reader)),
        Some(_) => None,
        None => {
            if known.opening.is_finished() && known.began.elapsed() >= REOPENING {
                *slot = Some(Slot::open(store_id, pool));
            }
            None
        }
    }
}

impl Slot {
    fn open(store_id: u64, pool: &Pool) -> Self {
        let reader = Arc::new(OnceLock::new());
        let (engine, generation, opened) = (pool.engine().clone(), pool.generation(), Arc::clone(&reader));
        let opening = spawn(async move {
            match Reader::open(&engine).await {
                Ok(reader) => drop(opened.set(Arc::new(reader))),
                Err(why) => log::warn!("cannot connect to the database: {why}"),
            }
        });
        Self { store_id, generation, began: Instant::now(), opening, reader }
    }
}

impl Reader {
    async fn open(engine: &Engine) -> Result<Self, StoreError> {
        let (pipeline, replaying) = engine.open_pipeline().await?;
        Ok(Self { pipeline, replaying: Mutex::new(replaying) })
    }

    /// Runs `work` until it has all its answers.
    async fn read<T>(
        &self,
        work: impl Fn(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut answers = Replay::default();
        loop {
            let result = self.run(&mut answers, &work);
            if !self.pipeline.answer(&mut answers).await? {
                return result;
            }
        }
    }

    /// Runs `work` on the answers so far. It blocks nothing.
    fn run<T>(
        &self,
        answers: &mut Replay,
        work: impl Fn(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut conn = self.replaying.lock().unwrap_or_else(PoisonError::into_inner);
        conn.swap_answers(answers);
        let result = work(&mut conn);
        conn.swap_answers(answers);
        result
    }
}
