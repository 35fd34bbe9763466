//! What is written into the audit trail without anybody waiting for it: refusals, and that somebody
//! looked at what is not theirs.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::entries::Entry;
use crate::authz::{Actor, AuditEvent, Outcome};
use crate::domain::{Rate, TokenBucket};
use crate::store::engine::error::StoreError;
use crate::store::trusted::TrustedStore;

/// How many entries may wait to be written. What comes on top is counted, not kept.
const MOST_WAITING: usize = 1_024;

/// How many are written in one transaction.
const BATCH: usize = 256;

/// How many tokens that are not acceptable are written down at once, and how many a second from then
/// on: anybody can send them, and nobody shall fill the disk so. What comes on top is counted.
const STRANGERS: Rate = Rate { burst: 200.0, per_second: 20.0 };

/// The pause after each transaction: a flood of refusals costs ten of them a second.
const PAUSE: Duration = Duration::from_millis(100);

/// How long to wait before a write that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Takes events for the audit trail and never makes anybody wait.
pub struct Recorder {
    store: TrustedStore,
    queue: mpsc::Sender<Message>,
    missed: Arc<AtomicI64>,
    /// Those missed since the start.
    counted: AtomicU64,
    strangers: Mutex<TokenBucket>,
}

enum Message {
    Entry(Box<Entry>),
    /// Everything before this is to be written, and then said.
    Flush(oneshot::Sender<()>),
}

impl Recorder {
    /// A recorder and the task that writes behind it, to be spawned.
    pub(crate) fn new(store: TrustedStore) -> (Self, impl Future<Output = ()>) {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        let missed = Arc::new(AtomicI64::new(0));
        let writing = write(store.clone(), waiting, Arc::clone(&missed));
        let (counted, strangers) =
            (AtomicU64::new(0), Mutex::new(TokenBucket::full(STRANGERS, Instant::now())));
        (Self { store, queue, missed, counted, strangers }, writing)
    }

    /// Takes an event. When too many wait, it is counted.
    pub fn note(&self, event: AuditEvent) {
        self.take(&event, None);
    }

    /// Takes an event that is to be found under this id; whether it was taken, and not only counted.
    pub fn note_as(&self, id: Uuid, event: AuditEvent) -> bool {
        self.take(&event, Some(id))
    }

    fn take(&self, event: &AuditEvent, id: Option<Uuid>) -> bool {
        let taken = self.try_to_take(event, id).is_some();
        if !taken {
            self.missed.fetch_add(1, Ordering::Relaxed);
            self.counted.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Nothing is made of an event for which there is no room.
    fn try_to_take(&self, event: &AuditEvent, id: Option<Uuid>) -> Option<()> {
        let is_a_strangers = matches!(event.outcome, Outcome::NotAcceptable(_));
        if is_a_strangers && !self.has_room_for_a_stranger() {
            return None;
        }
        let place = self.queue.try_reserve().ok()?;
        let entry = self.store.entry(event, id).ok()?;
        place.send(Message::Entry(Box::new(entry)));
        Some(())
    }

    /// How many events wait to be written.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// How many events were counted and not written line by line, since the start.
    pub fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }

    fn has_room_for_a_stranger(&self) -> bool {
        let mut bucket = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(STRANGERS, Instant::now())
    }

    /// Returns when everything that was taken before is written.
    pub async fn flush(&self) {
        let (say, said) = oneshot::channel();
        if self.queue.send(Message::Flush(say)).await.is_ok() {
            let _ = said.await;
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
                Message::Flush(say) => flushed.push(say),
            }
        }
        let count = missed.swap(0, Ordering::Relaxed);
        if count > 0 {
            entries.extend(store.entry(&overflow(count), None).ok());
        }
        if !entries.is_empty() {
            append(&store, entries).await;
        }
        for say in flushed {
            let _ = say.send(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Tries until the database takes them; meanwhile the queue fills, and what does not fit is counted.
async fn append(store: &TrustedStore, entries: Vec<Entry>) {
    let mut away = false;
    loop {
        match store.append_entries(entries.clone()).await {
            Ok(()) => return,
            Err(StoreError::Unavailable(why)) if !away => {
                log::error!("the audit trail cannot be written: {why}");
                away = true;
            }
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => {
                log::error!("{} lines of the audit trail are lost: {error}", entries.len());
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
    fn what_does_not_fit_into_the_queue_is_counted_in_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let rows: Vec<(String, i64)> = actix_web::rt::System::new().block_on(async {
            let store = TrustedStore::for_test(dir.path());
            let (recorder, writing) = Recorder::new(store.clone());
            for _ in 0..MOST_WAITING + 500 {
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
        assert_eq!(lines.len(), MOST_WAITING);
        assert_eq!(overflow, [("overflow".to_owned(), 500)]);
    }
}
