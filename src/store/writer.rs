//! Who makes changes. SQLite has one thread for them, which takes one at a time: they wait here in their order,
//! and the next begins when the one before is on the disk, with nobody to be woken in between.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, mpsc};

use tokio::sync::{Semaphore, oneshot};

use super::conn::Engine;

/// Who makes changes.
pub(super) enum Writers {
    /// Of SQLite one at a time; waiting for it is fair, waiting for the lock of the file is not.
    One(Writer),
    /// Of PostgreSQL so many: commits that wait for a standby must not keep readers waiting too.
    Several(Arc<Semaphore>),
}

impl Writers {
    /// Those of an engine with so many connections.
    pub(super) fn of(engine: &Engine, connections: usize) -> Self {
        match engine {
            Engine::Sqlite(_) => Self::One(Writer::default()),
            Engine::Postgres(_) => {
                let most = connections.saturating_sub((connections / 4).max(1)).max(1);
                Self::Several(Arc::new(Semaphore::new(most)))
            }
        }
    }
}

type Change = Box<dyn FnOnce() + Send>;

/// It begins with the first change, and ends with the store.
#[derive(Default)]
pub(super) struct Writer(OnceLock<mpsc::Sender<Change>>);

impl Writer {
    /// What `change` comes to, when it was its turn; an error where it ended early.
    pub(super) fn run<T: Send + 'static>(
        &self,
        change: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (tell, done) = oneshot::channel();
        let change: Change = Box::new(move || drop(tell.send(change())));
        // Where there is no thread it is dropped, and whoever waits is told so.
        let _ = self.0.get_or_init(begin).send(change);
        done
    }
}

fn begin() -> mpsc::Sender<Change> {
    let (changes, waiting) = mpsc::channel::<Change>();
    let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
        for change in waiting {
            // A panic is that change's alone.
            let _ = catch_unwind(AssertUnwindSafe(change));
        }
    });
    if let Err(error) = thread {
        log::error!("there is no thread that writes: {error}");
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_made_one_after_the_other_and_a_panic_is_its_own_alone() {
        let writer = Writer::default();
        let first = writer.run(|| 1);
        let broken = writer.run(|| panic!("on purpose"));
        let last = writer.run(|| 3);
        assert_eq!(first.blocking_recv(), Ok(1));
        assert!(broken.blocking_recv().is_err());
        assert_eq!(last.blocking_recv(), Ok(3));
    }
}
