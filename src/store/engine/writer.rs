//! Writers. SQLite has one writer thread with a queue, and commits the transactions that wait there as a
//! group; PostgreSQL has a limit on concurrent transactions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, mpsc};

use tokio::sync::Semaphore;

use super::stall::Underway;
use super::transaction::Queued;
use crate::store::{Engine, StoreError};

/// Upper bound of a group commit. No transaction of a group is reported before the whole group commits.
const MAX_GROUP: usize = 32;

/// How an engine runs transactions that write.
pub(in crate::store) enum Writers {
    /// SQLite: one thread. Its queue is fair; waiting for the lock of the file is not.
    Thread(Writer),
    /// PostgreSQL: permits, fewer than connections. Commits that wait for a standby must not block readers
    /// too.
    Permits(Arc<Semaphore>),
}

impl Writers {
    /// Creates the writers for an engine with a pool of `connections`.
    pub(in crate::store) fn new(engine: &Engine, connections: usize) -> Self {
        match engine {
            Engine::Sqlite(_) => Self::Thread(Writer::default()),
            Engine::Postgres(_) => {
                let permits = connections.saturating_sub((connections / 4).max(1)).max(1);
                Self::Permits(Arc::new(Semaphore::new(permits)))
            }
        }
    }

    /// Returns true when the writer thread waits for a disk that hangs.
    pub(in crate::store) fn is_stalled(&self) -> bool {
        matches!(self, Self::Thread(writer) if writer.underway.is_stalled())
    }
}

/// The writer thread. It starts with the first transaction and ends with the store.
#[derive(Default)]
pub(in crate::store) struct Writer {
    queue: OnceLock<mpsc::Sender<Box<dyn Queued>>>,
    underway: Arc<Underway>,
}

impl Writer {
    /// Appends a transaction to the queue.
    pub(in crate::store) fn enqueue(&self, transaction: impl Queued + 'static) {
        // Without a thread the transaction is dropped here, and its request gets an error.
        drop(self.queue.get_or_init(|| start_thread(Arc::clone(&self.underway))).send(Box::new(transaction)));
    }
}

fn start_thread(underway: Arc<Underway>) -> mpsc::Sender<Box<dyn Queued>> {
    let (sender, queue) = mpsc::channel::<Box<dyn Queued>>();
    let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
        for first in &queue {
            let _mark = underway.begin();
            let others = queue.try_iter().take(MAX_GROUP - 1);
            run(std::iter::once(first).chain(others).collect());
        }
    });
    if let Err(error) = thread {
        log::error!("cannot start the writer thread: {error}");
    }
    sender
}

/// Outcome of a group's transaction.
enum Outcome {
    Committed,
    RolledBack,
    /// The commit failed, and may have reached the disk; with the reason.
    Uncertain(String),
}

/// Runs transactions as a group, and each of them alone where the group rolled back.
fn run(mut group: Vec<Box<dyn Queued>>) {
    let outcome = if group.len() > 1 {
        // A panic rolls back the whole group.
        catch_unwind(AssertUnwindSafe(|| run_group(&mut group))).unwrap_or(Outcome::RolledBack)
    } else {
        Outcome::RolledBack
    };
    for transaction in group {
        let finish = || match &outcome {
            Outcome::Committed => transaction.finish(),
            Outcome::RolledBack => transaction.run_alone(),
            Outcome::Uncertain(why) => transaction.finish_uncertain(why),
        };
        // A panic ends this transaction only.
        drop(catch_unwind(AssertUnwindSafe(finish)));
    }
}

fn run_group(group: &mut [Box<dyn Queued>]) -> Outcome {
    let Some((pool, deadline)) = group.first().map(|first| first.pool()) else { return Outcome::RolledBack };
    let result = pool.with_connection(deadline, |conn| {
        conn.begin()?;
        let result = group.iter_mut().try_for_each(|one| one.run_in_group(conn)).and_then(|()| conn.commit());
        if result.is_err() {
            conn.roll_back();
        }
        result
    });
    match result {
        Ok(()) => Outcome::Committed,
        Err(StoreError::Uncertain(why)) => Outcome::Uncertain(why),
        Err(why) => {
            log::debug!("a group of transactions rolled back, each now runs alone: {why}");
            Outcome::RolledBack
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use actix_web::rt::{System, spawn};
    use diesel::prelude::*;

    use super::*;
    use crate::on;
    use crate::store::changes::Changes;
    use crate::store::engine::connection::Connection;
    use crate::store::engine::transaction::Transaction;
    use crate::store::trusted::TrustedStore;

    diesel::table! { marks (mark) { mark -> Integer } }

    type Work = Box<dyn Fn(&mut Connection, &mut Changes) -> Result<i64, StoreError> + Send>;

    fn mark(conn: &mut Connection, number: i32) -> Result<i64, StoreError> {
        on!(conn, |c| diesel::insert_into(marks::table).values(marks::mark.eq(number)).execute(c))?;
        count(conn)
    }

    fn count(conn: &mut Connection) -> Result<i64, StoreError> {
        Ok(on!(conn, |c| marks::table.count().get_result(c))?)
    }

    fn run(conn: &mut Connection, statement: &str) -> Result<(), StoreError> {
        Ok(on!(conn, |c| diesel::sql_query(statement).execute(c)).map(drop)?)
    }

    /// Runs transactions that wait in the queue together. Returns their results, and the rows afterwards.
    fn run_together(changes: impl FnOnce(&Engine) -> Vec<Work>) -> (Vec<Result<i64, StoreError>>, Vec<i32>) {
        let dir = tempfile::tempdir().unwrap();
        let store = TrustedStore::for_test(dir.path());
        let changes = changes(store.engine());
        System::new().block_on(async {
            let begin = |work: Work| {
                let store = store.clone();
                spawn(async move { store.write(None, work).await })
            };
            // The others join the queue while the first runs.
            let (step, steps) = mpsc::sync_channel(0);
            let first = begin(Box::new(move |conn, _| {
                run(conn, "CREATE TABLE marks (mark INTEGER NOT NULL PRIMARY KEY)")?;
                step.send(()).and_then(|()| step.send(())).unwrap();
                Ok(0)
            }));
            tokio::task::yield_now().await;
            steps.recv().unwrap();
            let begun: Vec<_> = changes.into_iter().map(begin).collect();
            tokio::task::yield_now().await;
            steps.recv().unwrap();
            let mut results = Vec::new();
            for change in begun {
                results.push(change.await.unwrap());
            }
            assert_eq!(first.await.unwrap().ok(), Some(0));
            let marks = store
                .read(|conn| Ok(on!(conn, |c| marks::table.select(marks::mark).order(marks::mark).load(c))?));
            (results, marks.await.unwrap())
        })
    }

    #[test]
    fn a_failed_member_of_a_group_rolls_back_alone() {
        let (results, marks) = run_together(|engine| {
            let elsewhere = engine.clone();
            vec![
                Box::new(|conn, _| mark(conn, 1)),
                Box::new(|conn, _| mark(conn, 2).and(Err(StoreError::Changed))),
                Box::new(|conn, _| mark(conn, 1)),
                Box::new(move |conn, _| {
                    // The group sees its earlier members; other connections do not.
                    assert_eq!((mark(conn, 3)?, count(&mut elsewhere.inline_reader().unwrap())?), (2, 0));
                    Ok(7)
                }),
            ]
        });
        let [Ok(1), Err(StoreError::Changed), Err(StoreError::Taken), Ok(7)] = &results[..] else {
            panic!("{results:?}")
        };
        assert_eq!(marks, [1, 3]);
    }

    #[test]
    fn a_panic_in_a_group_leaves_the_other_members() {
        let faults: [fn() -> Work; 2] = [
            || Box::new(|_, _| panic!("on purpose")),
            // SQLite does this by itself when the disk is full.
            || Box::new(|conn, _| run(conn, "ROLLBACK").and(Err(StoreError::LastAdmin))),
        ];
        for fault in faults {
            let (results, marks) = run_together(|_| {
                vec![Box::new(|conn, _| mark(conn, 1)), fault(), Box::new(|conn, _| mark(conn, 3))]
            });
            let [Ok(1), Err(StoreError::Internal(_) | StoreError::LastAdmin), Ok(2)] = &results[..] else {
                panic!("{results:?}")
            };
            assert_eq!(marks, [1, 3]);
        }
    }

    #[test]
    fn an_uncertain_commit_is_not_reported_as_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = TrustedStore::for_test(dir.path());
        let soon = Instant::now() + Duration::from_secs(60);
        let change = |result: fn() -> Result<i64, StoreError>| {
            let (report, reported) = mpsc::channel();
            let report = move |result| report.send(result).unwrap();
            let (mut change, _) =
                Transaction::new(store.shared().pool.clone(), soon, move |_| result(), report);
            let made = store.shared().pool.with_connection(soon, |conn| {
                conn.begin()?;
                change.run_in_group(conn)?;
                conn.commit()
            });
            made.unwrap();
            Box::new(change).finish_uncertain("the disk is gone");
            reported.recv().unwrap()
        };
        assert!(matches!(change(|| Ok(1)), Err(StoreError::Uncertain(_))));
        let refused = change(|| Err(StoreError::Taken));
        assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    }
}
