//! The store's handle: reads and transactions.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{oneshot, watch};

use super::changes::Changes;
use super::engine::blocking::{Patience, acquire, run_blocking, traced, wait_for};
use super::engine::retry::retry;
use super::engine::transaction::{Queued as _, Transaction};
use super::engine::writer::Writers;
use super::engine::{inline_read, pipelined_read};
use super::renewed::{Authorization, Renewed, look_again};
use super::shared::Shared;
use super::{Connection, Engine, PoolUse, StoreError, TrustedStore};
use crate::authz::{AuditEvent, Proof};
use crate::telemetry::metrics::DatabaseMetrics;

/// The store. Each function takes a proof that the caller may do it, or returns the record sealed. Cheap to
/// clone.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

impl Store {
    pub(in crate::store) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    pub(in crate::store) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Returns the database engine.
    pub fn engine(&self) -> &Engine {
        self.0.pool.engine()
    }

    /// Returns how many connections are idle and in use.
    pub fn pool(&self) -> PoolUse {
        self.0.pool.usage()
    }

    /// Measures the work on the database from now on.
    pub(crate) fn measure(&self, metrics: DatabaseMetrics) {
        self.0.pool.measure(metrics);
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        use diesel::connection::SimpleConnection as _;
        self.read(|conn| Ok(crate::on!(conn, |c| c.batch_execute("SELECT 1"))?)).await
    }

    /// Runs a read on a worker thread, and runs it again when its connection is lost.
    pub(in crate::store) async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_within(Patience::REQUEST, work).await
    }

    async fn read_within<T: Send + 'static>(
        &self,
        patience: Patience,
        work: impl Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let deadline = began + patience.acquire;
        let permit = acquire(&self.0.permits, deadline).await;
        let permit = permit.inspect_err(|error| self.0.pool.count_error(error))?;
        self.0.pool.measure_wait(began);
        let pool = self.0.pool.clone();
        run_blocking(self.engine(), patience.after(began.elapsed()), move |state| {
            let _permit = permit;
            retry(deadline, state, || pool.with_connection(deadline, |conn| conn.reading(&work)))
        })
        .await
    }

    /// Runs a read of a few rows by key. On SQLite it runs on this thread; see [`inline_read`]. On PostgreSQL the
    /// reads of this thread share a connection; see [`pipelined_read`]. `work` must only read, and may run several
    /// times.
    pub(in crate::store) async fn read_by_key<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (shared, began) = (&self.0, Instant::now());
        let value = match self.engine() {
            Engine::Sqlite(_) if shared.is_disk_stalled() => None,
            engine @ Engine::Sqlite(_) => {
                let read = async {
                    let _mark = shared.inline_reads.begin();
                    inline_read::read(shared.id, engine, &work)
                };
                traced(engine, read).await
            }
            Engine::Postgres(_) => pipelined_read::read(shared.id, &shared.pool, &work).await,
        };
        match value {
            Some(value) => Ok(value),
            None => self.read_within(Patience::REQUEST.after(began.elapsed()), work).await,
        }
    }

    /// Runs `work` in one transaction with its audit event and its revocations, after it renewed the proof. The
    /// revocations are in force on this replica before this function returns. `work` runs again after a
    /// transient error before the commit.
    pub(in crate::store) async fn write<P: Proof, T: Send + 'static>(
        &self,
        by: Authorization<P>,
        work: impl Fn(&mut Renewed<'_, P>, &mut Changes) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let event = by.event.clone().filter(|_| !fault!(change_not_written));
        transact(&self.0, Patience::REQUEST, event, move |conn, changes| by.renew(conn, changes, &work)).await
    }

    /// Renews a proof outside of a change: for a stream, a stored answer, and a change that changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Revoked`].
    pub(crate) async fn renew(&self, by: &impl Proof) -> Result<(), StoreError> {
        let caller = by.caller().cloned();
        self.read_by_key(move |conn| look_again(conn, caller.as_ref())).await
    }
}

impl TrustedStore {
    /// Returns a receiver that is told of each change of this replica that a job may react to, and of each queued mail.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.shared().changed.subscribe()
    }

    /// Empties the write-ahead log of SQLite. Returns false when it is in use.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn empty_log(&self) -> Result<bool, StoreError> {
        self.read(|conn| conn.empty_log()).await
    }

    /// Rewrites the file of an SQLite database, so that it has no copy of a deleted or changed row.
    ///
    /// # Errors
    /// When the database is not available, or the disk is full.
    pub(crate) async fn rewrite_file(&self) -> Result<(), StoreError> {
        self.read(|conn| conn.rewrite_file()).await
    }

    /// Runs `work` in one transaction as [`Store::write`] does, without a proof.
    pub(in crate::store) async fn write<T: Send + 'static>(
        &self,
        event: Option<AuditEvent>,
        work: impl Fn(&mut Connection, &mut Changes) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        transact(self.shared(), Patience::REQUEST, event, work).await
    }

    /// Runs `work` of a background duty in one transaction, like [`TrustedStore::write`]. No request waits for it,
    /// so it may wait longer for its turn. It must be short all the same: on SQLite the requests queue behind it.
    pub(in crate::store) async fn write_in_background<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Connection, &mut Changes) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        transact(self.shared(), Patience::BACKGROUND, None, work).await
    }
}

async fn transact<T: Send + 'static>(
    shared: &Arc<Shared>,
    patience: Patience,
    event: Option<AuditEvent>,
    work: impl Fn(&mut Connection, &mut Changes) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let began = Instant::now();
    let deadline = began + patience.acquire;
    let permits = match &shared.writers {
        Writers::Thread(_) => None,
        Writers::Permits(writers) => {
            // In this order, so that writers waiting for each other hold no connection from readers.
            let permits = async {
                let writer = acquire(writers, deadline).await?;
                Ok((writer, acquire(&shared.permits, deadline).await?))
            };
            let permits = permits.await.inspect_err(|error| shared.pool.count_error(error))?;
            shared.pool.measure_wait(began);
            Some(permits)
        }
    };
    let store = Arc::clone(shared);
    let work = move |conn: &mut Connection| {
        if let Some(timeout) = patience.statement {
            conn.set_statement_timeout(timeout)?;
        }
        let mut changes = Changes::default();
        let value = work(conn, &mut changes)?;
        changes.persist(conn)?;
        if let Some(event) = &event {
            store.append_event(conn, event)?;
        }
        Ok((value, changes))
    };
    let (sender, result) = oneshot::channel();
    let store = Arc::clone(shared);
    let report = move |result: Result<(T, Changes), StoreError>| {
        let result = result.map(|(value, changes)| {
            let has_message = changes.mail || !store.vocabulary.subscriptions().is_empty();
            let revoked = changes.into_revoked();
            if !revoked.is_empty() {
                (store.on_revoked)(&revoked);
            }
            if has_message {
                store.changed.send_replace(());
            }
            value
        });
        // The request may have stopped waiting. The transaction is committed all the same.
        drop(sender.send(result));
    };
    let (transaction, state) = Transaction::new(shared.pool.clone(), deadline, work, report);
    match &shared.writers {
        Writers::Thread(writer) => writer.enqueue(transaction),
        Writers::Permits(_) => drop(tokio::task::spawn_blocking(move || {
            let _permits = permits;
            Box::new(transaction).run_alone();
        })),
    }
    wait_for(shared.pool.engine(), &state, patience.after(began.elapsed()).result, result).await
}
