//! A change: what is done in a transaction, alone or among others, and who waits for what becomes of it.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::commit_state::Stage;
use super::connection::Connection;
use super::error::StoreError;
use crate::authz::Event;
use crate::store::records::{announcements, revocations};
use crate::store::{Changes, Inner};

/// A change, with the line that the audit trail has of it. Its work may be done again.
pub(in crate::store) struct Change<T, W> {
    store: Arc<Inner>,
    stage: Arc<Stage>,
    patience: Instant,
    deed: Option<Event>,
    work: W,
    made: Option<Result<Made<T>, StoreError>>,
    tell: oneshot::Sender<Result<T, StoreError>>,
}

/// What was done, and is not on the disk yet.
struct Made<T> {
    value: T,
    changes: Changes,
}

/// A change of whatever kind. Whoever waits for one that is dropped is told that it ended early.
pub(in crate::store) trait Turn: Send {
    /// Whose it is, and until when it is worth beginning.
    fn of(&self) -> (Arc<Inner>, Instant);

    /// Makes it among others in a transaction. An error is that of the transaction: what is wrong with the
    /// change alone is undone alone, and kept for [`Turn::settle`].
    fn make(&mut self, conn: &mut Connection) -> Result<(), StoreError>;

    /// Tells what was made, now that the transaction is on the disk.
    fn settle(self: Box<Self>);

    /// Makes it in a transaction of its own, and tells.
    fn alone(self: Box<Self>);

    /// Tells that nobody knows whether the transaction will be found on the disk.
    fn leave_open(self: Box<Self>, why: &str);
}

impl<T, W> Change<T, W>
where
    W: Fn(&mut Connection, &mut Changes) -> Result<T, StoreError>,
{
    /// A change, how far it has come, and what it comes to.
    pub(in crate::store) fn new(
        store: Arc<Inner>,
        patience: Instant,
        deed: Option<Event>,
        work: W,
    ) -> (Self, Arc<Stage>, oneshot::Receiver<Result<T, StoreError>>) {
        let (tell, done) = oneshot::channel();
        let stage = Arc::new(Stage::default());
        (Self { store, stage: Arc::clone(&stage), patience, deed, work, made: None, tell }, stage, done)
    }

    /// What is done between the beginning of a transaction and its commit.
    fn attempt(&self, conn: &mut Connection) -> Result<Made<T>, StoreError> {
        let mut changes = Changes::default();
        let value = (self.work)(conn, &mut changes)?;
        revocations::persist(conn, &changes)?;
        announcements::announce(conn, &changes)?;
        if let Some(deed) = &self.deed {
            self.store.write_down(conn, deed)?;
        }
        if !self.stage.begin_commit() {
            return Err(StoreError::Unavailable("it was answered already".to_owned()));
        }
        Ok(Made { value, changes })
    }

    fn in_time(&self) -> Result<(), StoreError> {
        let late = || StoreError::Unavailable("others were before it".to_owned());
        if Instant::now() < self.patience { Ok(()) } else { Err(late()) }
    }

    /// Again where the database undid it, or the connection broke before the commit.
    fn attempts(&self) -> Result<Made<T>, StoreError> {
        self.in_time()?;
        self.store.as_often_as_it_takes(self.patience, &self.stage, || {
            self.store.with_connection(self.patience, |conn| {
                conn.begin()?;
                let done = self.attempt(conn).and_then(|made| conn.commit().map(|()| made));
                if done.is_err() {
                    conn.roll_back();
                }
                done
            })
        })
    }

    /// What it revokes is in force on this replica before anybody is told.
    fn tell(self, done: Result<Made<T>, StoreError>) {
        let done = done.map(|Made { value, changes }| {
            if !changes.revoked.is_empty() {
                (self.store.on_revoked)(&changes.revoked);
            }
            value
        });
        // Nobody waits for it any more: it is done all the same.
        drop(self.tell.send(done));
    }
}

impl<T, W> Turn for Change<T, W>
where
    T: Send,
    W: Fn(&mut Connection, &mut Changes) -> Result<T, StoreError> + Send,
{
    fn of(&self) -> (Arc<Inner>, Instant) {
        (Arc::clone(&self.store), self.patience)
    }

    fn make(&mut self, conn: &mut Connection) -> Result<(), StoreError> {
        self.made = Some(match self.in_time() {
            Ok(()) => conn.part(|conn| self.attempt(conn))?,
            Err(late) => Err(late),
        });
        Ok(())
    }

    fn settle(mut self: Box<Self>) {
        match self.made.take() {
            Some(Err(error)) if error.is_transient() => self.alone(),
            Some(done) => self.tell(done),
            None => self.alone(),
        }
    }

    fn alone(self: Box<Self>) {
        let done = if self.stage.begin_again() {
            self.attempts()
        } else {
            Err(StoreError::Unavailable("it was answered already".to_owned()))
        };
        self.tell(done);
    }

    fn leave_open(self: Box<Self>, why: &str) {
        let why = why.to_owned();
        let open = match &self.made {
            // What it was refused for may not be on the disk either.
            Some(Err(_)) => StoreError::Unavailable(why),
            _ => StoreError::Uncertain(why),
        };
        self.tell(Err(open));
    }
}
