//! The one thread that changes SQLite, which takes one change at a time: they wait here in their order, and the
//! next begins when the one before is on the disk, with nobody to be woken in between.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::sync::oneshot;

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
