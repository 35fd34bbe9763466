//! Queue for audit entries that no request waits for: refusals. A reader of the trail waits until the refusals
//! before its request are written, so that it sees them at once.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use uuid::Uuid;

use super::backlog::State;
use super::budget::{Budgets, Dropped};
use crate::authz::{AuditEvent, Outcome};
use crate::domain::{NoRandomness, Time};
use crate::store::shared::Shared;
use crate::store::{Entry, Store, StoreError, TrustedStore};

/// Capacity of the queue, many times the burst of one caller's budget. It fills up while the database is not
/// available.
const CAPACITY: usize = 16_384;

/// Number of entries written in one transaction.
const BATCH: usize = 256;

/// Pause after a transaction, unless a reader or a whole batch waits. It bounds a flood of refusals to ten
/// transactions a second.
const PAUSE: Duration = Duration::from_millis(100);

/// Retry delay after a failed write.
const RETRY: Duration = Duration::from_secs(1);

/// Appends the entries of counts.
fn push_counts(state: &mut State, shared: &Shared, counts: Vec<Dropped>) {
    for dropped in counts {
        match count_entry(shared, &dropped) {
            Ok(entry) => state.push(entry),
            Err(error) => log::error!("lost the count of {} refusals: {error}", dropped.count),
        }
    }
}

impl Store {
    /// Waits until the trail has each refusal that this replica made before. Returns at once when none waits.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(in crate::store) async fn flush_trail(&self) -> Result<(), StoreError> {
        let (shared, backlog) = (self.shared(), &self.shared().backlog);
        {
            let mut state = backlog.lock();
            if state.budgets.owe() {
                let due = state.budgets.due(Instant::now());
                push_counts(&mut state, shared, due);
            }
        }
        backlog.flush().await
    }
}

/// Audit queue. It never makes a request wait.
pub struct Recorder {
    store: TrustedStore,
}

impl Recorder {
    /// Creates the queue, and the task that writes its entries. The caller must spawn the task.
    pub(crate) fn new(store: TrustedStore) -> (Self, impl Future<Output = ()>) {
        (Self { store: store.clone() }, write(store))
    }

    /// Appends an event, or counts it when its caller sent too many.
    pub fn note(&self, event: AuditEvent) {
        self.take(&event, None);
    }

    /// Appends an event under this id. Returns false when the event is only counted.
    pub fn note_as(&self, id: Uuid, event: AuditEvent) -> bool {
        if fault!(refusal_not_written) {
            return false;
        }
        self.take(&event, Some(id))
    }

    fn take(&self, event: &AuditEvent, id: Option<Uuid>) -> bool {
        let (shared, backlog) = (self.store.shared(), &self.store.shared().backlog);
        let mut state = backlog.lock();
        let has_room = state.waiting.len() < CAPACITY;
        let admitted = state.budgets.admit(event, has_room, shared.now(), Instant::now());
        // A dropped event costs no entry.
        let entry = admitted.then(|| self.store.entry(event, id).ok()).flatten();
        let taken = entry.is_some();
        match entry {
            Some(entry) => state.push(entry),
            None => drop(backlog.dropped.fetch_add(1, Ordering::Relaxed)),
        }
        drop(state);
        backlog.work.notify_one();
        taken
    }

    /// Returns the number of entries that are not written yet.
    pub fn waiting(&self) -> usize {
        let backlog = &self.store.shared().backlog;
        let queued = backlog.lock().queued;
        usize::try_from(queued.saturating_sub(*backlog.settled.borrow())).unwrap_or(usize::MAX)
    }

    /// Returns the number of events that were only counted, since the start.
    pub fn dropped(&self) -> u64 {
        self.store.shared().backlog.dropped.load(Ordering::Relaxed)
    }

    /// Discards the entries that wait and the budgets of all callers, and waits until no entry is being
    /// written. For a test server, whose tables are then restored.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn discard(&self) -> Result<(), StoreError> {
        let backlog = &self.store.shared().backlog;
        let discarded = {
            let mut state = backlog.lock();
            state.budgets = Budgets::default();
            state.waiting.drain(..).count() as u64
        };
        backlog.settled.send_modify(|settled| *settled += discarded);
        backlog.flush().await
    }

    /// Waits until every earlier event and every count is written.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let (shared, backlog) = (self.store.shared(), &self.store.shared().backlog);
        {
            let mut state = backlog.lock();
            let all = state.budgets.all();
            push_counts(&mut state, shared, all);
        }
        backlog.work.notify_one();
        backlog.flush().await
    }
}

/// Writes the entries of the queue.
async fn write(store: TrustedStore) {
    let (shared, backlog) = (store.shared(), &store.shared().backlog);
    loop {
        backlog.work.notified().await;
        let batch: Vec<Entry> = {
            let mut state = backlog.lock();
            let due = state.budgets.due(Instant::now());
            push_counts(&mut state, shared, due);
            let most = state.waiting.len().min(BATCH);
            state.waiting.drain(..most).collect()
        };
        if !batch.is_empty() {
            let count = batch.len() as u64;
            append(&store, batch).await;
            backlog.settled.send_modify(|settled| *settled += count);
        }
        let (waiting, owes) = {
            let state = backlog.lock();
            (state.waiting.len(), state.budgets.owe())
        };
        if waiting > 0 || owes {
            backlog.work.notify_one();
        }
        if waiting < BATCH {
            let _ = timeout(PAUSE, backlog.urgent.notified()).await;
        }
    }
}

/// Writes entries, with retries until the database takes them. Meanwhile the queue fills up.
async fn append(store: &TrustedStore, entries: Vec<Entry>) {
    let mut failing = false;
    // A commit with an unknown outcome is repeated too: the ids are unique.
    while let Err(error) = store.append_entries(entries.clone()).await {
        if !failing {
            log::error!("cannot write the audit trail: {error}");
            failing = true;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Returns the entry for the refusals of a caller that have none of their own.
fn count_entry(shared: &Shared, dropped: &Dropped) -> Result<Entry, NoRandomness> {
    let event = AuditEvent {
        by: dropped.by.clone(),
        action: "refuse",
        resource: "request",
        record: None,
        // The caller finds the count in its own trail.
        owner: dropped.by.caller().and_then(|caller| caller.user_id()),
        outcome: Outcome::Overflow(dropped.count),
    };
    let now = shared.now();
    Ok(Entry::of(&event, shared.new_uuid(now)?, now).with_inputs(|inputs| {
        (inputs.first_at, inputs.last_at) = (Some(Time(dropped.from)), Some(Time(dropped.to)));
    }))
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;

    use super::*;
    use crate::authz::{Actor, Outcome};
    use crate::domain::{Origin, UserId};
    use crate::on;
    use crate::store::engine::schema::audit;

    fn refusal(address: [u8; 4]) -> AuditEvent {
        let origin = Origin { address: Some(address.into()), ..Origin::default() };
        AuditEvent {
            by: Actor::Anonymous(origin, None),
            action: "log_in",
            resource: "session",
            record: None,
            owner: Some(UserId(Uuid::from_u128(7))),
            outcome: Outcome::WrongPassword,
        }
    }

    async fn rows(store: &Store) -> Vec<(String, i64)> {
        let rows = store.read(|conn| {
            let rows = audit::table.select((audit::outcome, audit::count)).order(audit::id);
            Ok(on!(conn, |c| rows.load(c))?)
        });
        rows.await.unwrap()
    }

    #[test]
    fn a_reader_sees_each_event_before_it() {
        let dir = tempfile::tempdir().unwrap();
        actix_web::rt::System::new().block_on(async {
            let store = TrustedStore::for_test(dir.path());
            let (recorder, writing) = Recorder::new(store.clone());
            actix_web::rt::spawn(writing);
            for count in 1..=20 {
                recorder.note(refusal([192, 0, 2, 1]));
                store.flush_trail().await.unwrap();
                assert_eq!((rows(&store).await.len(), recorder.waiting()), (count, 0));
            }
        });
    }

    #[test]
    fn a_reader_is_not_kept_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        actix_web::rt::System::new().block_on(async {
            let store = TrustedStore::for_test(dir.path());
            // Its entries are never written.
            let (recorder, _) = Recorder::new(store.clone());
            store.flush_trail().await.unwrap();
            recorder.note(refusal([192, 0, 2, 1]));
            assert!(matches!(store.flush_trail().await, Err(StoreError::Unavailable(_))));
            recorder.discard().await.unwrap();
            store.flush_trail().await.unwrap();
        });
    }

    #[test]
    fn a_full_queue_counts_further_events_under_their_callers() {
        let dir = tempfile::tempdir().unwrap();
        let rows = actix_web::rt::System::new().block_on(async {
            let store = TrustedStore::for_test(dir.path());
            let (recorder, writing) = Recorder::new(store.clone());
            let callers = u8::try_from(CAPACITY / 300 + 2).unwrap();
            for caller in 0..callers {
                for _ in 0..300 {
                    recorder.note(refusal([192, 0, 2, caller]));
                }
            }
            actix_web::rt::spawn(writing);
            while recorder.close().await.is_err() {}
            assert_eq!(recorder.dropped(), u64::from(callers) * 300 - CAPACITY as u64);
            rows(&store).await
        });
        let (lines, counts): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(outcome, _)| outcome == "refused");
        assert_eq!((lines.len(), counts.len()), (CAPACITY, 2));
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<i64>(), 56 * 300 - CAPACITY as i64);
    }
}
