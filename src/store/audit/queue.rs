//! Queue for audit entries that no request waits for: refusals, and reads of records of other users.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::authz::{Actor, AuditEvent, Outcome};
use crate::domain::{Rate, TokenBucket};
use crate::store::{Entry, StoreError, TrustedStore};

/// Capacity of the queue. Events beyond it are counted, not kept.
const CAPACITY: usize = 1_024;

/// Number of entries written in one transaction.
const BATCH: usize = 256;

/// Rate limit for entries about invalid tokens. Any client can send them, and must not fill the disk. Events
/// beyond it are counted.
const INVALID_TOKENS: Rate = Rate { burst: 200.0, per_second: 20.0 };

/// Pause after each transaction. It bounds a flood of refusals to ten transactions a second.
const PAUSE: Duration = Duration::from_millis(100);

/// Retry delay after a failed write.
const RETRY: Duration = Duration::from_secs(1);

/// Audit queue. It never makes a request wait.
pub struct Recorder {
    store: TrustedStore,
    queue: mpsc::Sender<Message>,
    missed: Arc<AtomicI64>,
    /// Number of dropped events since the start.
    counted: AtomicU64,
    invalid_tokens: Mutex<TokenBucket>,
}

enum Message {
    Entry(Box<Entry>),
    /// Request to report when every earlier entry is written.
    Flush(oneshot::Sender<()>),
}

impl Recorder {
    /// Creates the queue, and the task that writes its entries. The caller must spawn the task.
    pub(crate) fn new(store: TrustedStore) -> (Self, impl Future<Output = ()>) {
        let (queue, waiting) = mpsc::channel(CAPACITY);
        let missed = Arc::new(AtomicI64::new(0));
        let writing = write(store.clone(), waiting, Arc::clone(&missed));
        let (counted, invalid_tokens) =
            (AtomicU64::new(0), Mutex::new(TokenBucket::full(INVALID_TOKENS, Instant::now())));
        (Self { store, queue, missed, counted, invalid_tokens }, writing)
    }

    /// Appends an event. When the queue is full, the event is only counted.
    pub fn note(&self, event: AuditEvent) {
        self.take(&event, None);
    }

    /// Appends an event under this id. Returns false when the event is only counted.
    pub fn note_as(&self, id: Uuid, event: AuditEvent) -> bool {
        self.take(&event, Some(id))
    }

    fn take(&self, event: &AuditEvent, id: Option<Uuid>) -> bool {
        let taken = self.try_take(event, id).is_some();
        if !taken {
            self.missed.fetch_add(1, Ordering::Relaxed);
            self.counted.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Reserves a place first, so that a dropped event costs no entry.
    fn try_take(&self, event: &AuditEvent, id: Option<Uuid>) -> Option<()> {
        let is_invalid_token = matches!(event.outcome, Outcome::NotAcceptable(_));
        if is_invalid_token && !self.may_record_invalid_token() {
            return None;
        }
        let place = self.queue.try_reserve().ok()?;
        let entry = self.store.entry(event, id).ok()?;
        place.send(Message::Entry(Box::new(entry)));
        Some(())
    }

    /// Returns the number of events in the queue.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Returns the number of events that were only counted, since the start.
    pub fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }

    fn may_record_invalid_token(&self) -> bool {
        let mut bucket = self.invalid_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(INVALID_TOKENS, Instant::now())
    }

    /// Waits until every earlier event is written.
    pub async fn flush(&self) {
        let (sender, flushed) = oneshot::channel();
        if self.queue.send(Message::Flush(sender)).await.is_ok() {
            let _ = flushed.await;
        }
    }
}

async fn write(store: TrustedStore, mut waiting: mpsc::Receiver<Message>, missed: Arc<AtomicI64>) {
    let mut messages = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut messages, BATCH).await > 0 {
        let mut entries = Vec::new();
        let mut flushed = Vec::new();
        for message in messages.drain(..) {
            match message {
                Message::Entry(entry) => entries.push(*entry),
                Message::Flush(sender) => flushed.push(sender),
            }
        }
        let count = missed.swap(0, Ordering::Relaxed);
        if count > 0 {
            entries.extend(store.entry(&overflow(count), None).ok());
        }
        if !entries.is_empty() {
            append(&store, entries).await;
        }
        for sender in flushed {
            let _ = sender.send(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Writes entries, with retries while the database is not available. Meanwhile the queue fills up.
async fn append(store: &TrustedStore, entries: Vec<Entry>) {
    let mut failing = false;
    loop {
        match store.append_entries(entries.clone()).await {
            Ok(()) => return,
            Err(StoreError::Unavailable(why)) if !failing => {
                log::error!("cannot write the audit trail: {why}");
                failing = true;
            }
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => {
                log::error!("lost {} audit entries: {error}", entries.len());
                return;
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn overflow(count: i64) -> AuditEvent {
    AuditEvent {
        by: Actor::Server,
        action: "refuse",
        resource: "request",
        record: None,
        owner: None,
        outcome: Outcome::Overflow(count),
    }
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;

    use super::*;
    use crate::domain::UserId;
    use crate::on;
    use crate::store::engine::schema::audit;
    use crate::store::trusted::TrustedStore;

    fn look(owner: UserId) -> AuditEvent {
        AuditEvent {
            owner: Some(owner),
            action: "read",
            resource: "user",
            outcome: Outcome::Done,
            ..overflow(1)
        }
    }

    #[test]
    fn a_full_queue_counts_further_events_in_one_entry() {
        let dir = tempfile::tempdir().unwrap();
        let rows: Vec<(String, i64)> = actix_web::rt::System::new().block_on(async {
            let store = TrustedStore::for_test(dir.path());
            let (recorder, writing) = Recorder::new(store.clone());
            for _ in 0..CAPACITY + 500 {
                recorder.note(look(UserId(uuid::Uuid::from_u128(7))));
            }
            actix_web::rt::spawn(writing);
            recorder.flush().await;
            let rows = store.read(|conn| {
                let rows = audit::table.select((audit::outcome, audit::count)).order(audit::id);
                Ok(on!(conn, |c| rows.load(c))?)
            });
            rows.await.unwrap()
        });
        let (lines, overflow): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(outcome, _)| outcome == "done");
        assert_eq!(lines.len(), CAPACITY);
        assert_eq!(overflow, [("overflow".to_owned(), 500)]);
    }
}
