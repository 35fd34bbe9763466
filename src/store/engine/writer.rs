//! Who makes changes. SQLite has one thread for them: they wait here in their order, with nobody to be woken
//! in between, and those that wait together reach the disk together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, mpsc};

use tokio::sync::Semaphore;

use super::connection::Engine;
use super::error::StoreError;
use super::transaction::Turn;

/// So many changes are in one transaction. None of them is answered before the last of them is made.
const TOGETHER: usize = 32;

/// Who makes changes.
pub(in crate::store) enum Writers {
    /// Of SQLite one alone; waiting for it is fair, waiting for the lock of the file is not.
    One(Writer),
    /// Of PostgreSQL so many: commits that wait for a standby must not keep readers waiting too.
    Several(Arc<Semaphore>),
}

impl Writers {
    /// Those of an engine with so many connections.
    pub(in crate::store) fn of(engine: &Engine, connections: usize) -> Self {
        match engine {
            Engine::Sqlite(_) => Self::One(Writer::default()),
            Engine::Postgres(_) => {
                let most = connections.saturating_sub((connections / 4).max(1)).max(1);
                Self::Several(Arc::new(Semaphore::new(most)))
            }
        }
    }
}

/// It begins with the first change, and ends with the store.
#[derive(Default)]
pub(in crate::store) struct Writer(OnceLock<mpsc::Sender<Box<dyn Turn>>>);

impl Writer {
    /// Makes a change when it is its turn.
    pub(in crate::store) fn run(&self, change: impl Turn + 'static) {
        // Where there is no thread it is dropped, and whoever waits is told so.
        drop(self.0.get_or_init(begin).send(Box::new(change)));
    }
}

fn begin() -> mpsc::Sender<Box<dyn Turn>> {
    let (changes, waiting) = mpsc::channel::<Box<dyn Turn>>();
    let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
        for first in &waiting {
            let others = waiting.try_iter().take(TOGETHER - 1);
            make(std::iter::once(first).chain(others).collect());
        }
    });
    if let Err(error) = thread {
        log::error!("there is no thread that writes: {error}");
    }
    changes
}

/// How the transaction of several changes ended.
enum Ended {
    OnDisk,
    Undone,
    /// And why nobody knows which of the two.
    Unknown(String),
}

fn make(mut changes: Vec<Box<dyn Turn>>) {
    let ended = if changes.len() > 1 {
        // A panic undoes all of it.
        catch_unwind(AssertUnwindSafe(|| together(&mut changes))).unwrap_or(Ended::Undone)
    } else {
        Ended::Undone
    };
    for change in changes {
        let settle = || match &ended {
            Ended::OnDisk => change.settle(),
            Ended::Undone => change.alone(),
            Ended::Unknown(why) => change.leave_open(why),
        };
        // A panic is that change's alone.
        drop(catch_unwind(AssertUnwindSafe(settle)));
    }
}

/// All in one transaction.
fn together(changes: &mut [Box<dyn Turn>]) -> Ended {
    let Some((store, patience)) = changes.first().map(|first| first.of()) else { return Ended::Undone };
    let done = store.with_connection(patience, |conn| {
        conn.begin()?;
        let made = changes.iter_mut().try_for_each(|change| change.make(conn)).and_then(|()| conn.commit());
        if made.is_err() {
            conn.roll_back();
        }
        made
    });
    match done {
        Ok(()) => Ended::OnDisk,
        Err(StoreError::Uncertain(why)) => Ended::Unknown(why),
        Err(why) => {
            log::debug!("changes are made one by one, since together they were not: {why}");
            Ended::Undone
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::{Duration, Instant};

    use actix_web::rt::{System, spawn};
    use diesel::prelude::*;

    use super::*;
    use crate::on;
    use crate::store::engine::connection::Connection;
    use crate::store::engine::transaction::Change;
    use crate::store::{Changes, Store};

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

    /// What becomes of changes that wait together, and which marks there are then.
    fn waiting_together(
        changes: impl FnOnce(&Engine) -> Vec<Work>,
    ) -> (Vec<Result<i64, StoreError>>, Vec<i32>) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of_a_test(dir.path());
        let changes = changes(store.engine());
        System::new().block_on(async {
            let begin = |work: Work| {
                let store = store.clone();
                spawn(async move { store.write(None, work).await })
            };
            // While the first is made, the others come to wait.
            let (tell, is_made) = mpsc::sync_channel(0);
            let first = begin(Box::new(move |conn, _| {
                run(conn, "CREATE TABLE marks (mark INTEGER NOT NULL PRIMARY KEY)")?;
                tell.send(()).and_then(|()| tell.send(())).unwrap();
                Ok(0)
            }));
            tokio::task::yield_now().await;
            is_made.recv().unwrap();
            let begun: Vec<_> = changes.into_iter().map(begin).collect();
            tokio::task::yield_now().await;
            is_made.recv().unwrap();
            let mut done = Vec::new();
            for change in begun {
                done.push(change.await.unwrap());
            }
            assert_eq!(first.await.unwrap().ok(), Some(0));
            let marks = store
                .read(|conn| Ok(on!(conn, |c| marks::table.select(marks::mark).order(marks::mark).load(c))?));
            (done, marks.await.unwrap())
        })
    }

    #[test]
    fn those_that_wait_together_are_made_together_and_what_is_wrong_with_one_is_undone_alone() {
        let (done, marks) = waiting_together(|engine| {
            let elsewhere = engine.clone();
            vec![
                Box::new(|conn, _| mark(conn, 1)),
                Box::new(|conn, _| mark(conn, 2).and(Err(StoreError::Changed))),
                Box::new(|conn, _| mark(conn, 1)),
                Box::new(move |conn, _| {
                    // Those before it are seen here, and not on the disk yet.
                    assert_eq!((mark(conn, 3)?, count(&mut elsewhere.near().unwrap())?), (2, 0));
                    Ok(7)
                }),
            ]
        });
        let [Ok(1), Err(StoreError::Changed), Err(StoreError::Taken), Ok(7)] = &done[..] else {
            panic!("{done:?}")
        };
        assert_eq!(marks, [1, 3]);
    }

    #[test]
    fn where_one_takes_all_down_the_others_are_made_without_it() {
        let breaks: [fn() -> Work; 2] = [
            || Box::new(|_, _| panic!("on purpose")),
            // As the engine does by itself when the disk is full.
            || Box::new(|conn, _| run(conn, "ROLLBACK").and(Err(StoreError::LastAdmin))),
        ];
        for broken in breaks {
            let (done, marks) = waiting_together(|_| {
                vec![Box::new(|conn, _| mark(conn, 1)), broken(), Box::new(|conn, _| mark(conn, 3))]
            });
            let [Ok(1), Err(StoreError::Internal(_) | StoreError::LastAdmin), Ok(2)] = &done[..] else {
                panic!("{done:?}")
            };
            assert_eq!(marks, [1, 3]);
        }
    }

    #[test]
    fn where_nobody_knows_what_is_on_the_disk_only_what_was_refused_is_known_not_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::of_a_test(dir.path());
        let soon = Instant::now() + Duration::from_secs(60);
        let change = |work: Work| {
            let (mut change, _, done) = Change::new(Arc::clone(&store.0), soon, None, work);
            let made = store.0.with_connection(soon, |conn| {
                conn.begin()?;
                change.make(conn)?;
                conn.commit()
            });
            made.unwrap();
            Box::new(change).leave_open("the disk is gone");
            done.blocking_recv().unwrap()
        };
        assert!(matches!(change(Box::new(|_, _| Ok(1))), Err(StoreError::Uncertain(_))));
        let refused = change(Box::new(|_, _| Err(StoreError::Taken)));
        assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    }
}
