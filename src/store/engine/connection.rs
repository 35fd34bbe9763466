//! Two engines behind one connection: how each is opened, begun and migrated. An engine more is a
//! variant more here and its migrations.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection as _, SimpleConnection as _, TransactionManager as _,
    TransactionManagerStatus,
};
use diesel::{PgConnection, SqliteConnection};
use secrecy::{ExposeSecret as _, SecretString};

use super::error::StoreError;
use crate::store::records::address::PostgresAddress;

/// How long a statement or a lock may take before the database itself gives up. Less than the
/// deadline of a request, so that nothing goes on after it was answered with 503.
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// What a long reader let the log before SQLite's database grow beyond is given back, in bytes.
const LARGEST_LOG: u32 = 64 * 1024 * 1024;

/// Where the data is.
#[derive(Clone)]
pub enum Engine {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL URL, which may hold a password.
    Postgres(SecretString),
}

/// An open connection to either engine; [`on!`](crate::on) works with whichever it is.
#[doc(hidden)]
pub enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A pooled connection to either engine. The store hands it out against a proof, and
/// [`on!`](crate::on) runs queries on it.
pub struct Connection {
    link: Link,
    /// Whether the server behind it is still the one it was opened to.
    generation: u64,
    broken: bool,
    /// Whether each transaction may be another server connection's.
    is_pooled: bool,
    /// Whether it is in a transaction in which nothing is written.
    is_reading: bool,
}

/// Runs diesel queries on whichever engine a [`Connection`] leads to, written once.
///
/// With a name for the backend, `on!(conn, DB, |c| …)`, the block can box a query.
///
/// ```
/// use cloakroom::{on, store::{Connection, StoreError}};
/// use diesel::prelude::*;
///
/// diesel::table! { pegs (id) { id -> BigInt, taken -> Bool } }
///
/// fn free_pegs(conn: &mut Connection) -> Result<i64, StoreError> {
///     Ok(on!(conn, |c| pegs::table.filter(pegs::taken.eq(false)).count().get_result(c))?)
/// }
/// ```
#[macro_export]
macro_rules! on {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $crate::store::Connection::link($conn) {
            $crate::store::Link::Sqlite($c) => $body,
            $crate::store::Link::Postgres($c) => $body,
        }
    };
    ($conn:expr, $db:ident, |$c:ident| $body:expr) => {
        match $crate::store::Connection::link($conn) {
            $crate::store::Link::Sqlite($c) => {
                type $db = $crate::__private::diesel::sqlite::Sqlite;
                $body
            }
            $crate::store::Link::Postgres($c) => {
                type $db = $crate::__private::diesel::pg::Pg;
                $body
            }
        }
    };
}

impl Engine {
    /// A connection that only reads and waits for nothing; of SQLite alone, and if it can be had.
    pub(in crate::store) fn near(&self) -> Option<Connection> {
        let Engine::Sqlite(path) = self else { return None };
        let mut conn = SqliteConnection::establish(&path.to_string_lossy()).ok()?;
        let settings = "PRAGMA busy_timeout = 0; PRAGMA query_only = ON; PRAGMA trusted_schema = OFF";
        conn.batch_execute(settings).ok()?;
        let link = Link::Sqlite(conn);
        Some(Connection { link, generation: 0, broken: false, is_pooled: false, is_reading: true })
    }

    /// Whether a pooler is in between that hands out a server connection for each transaction.
    pub(in crate::store) fn is_pooled(&self) -> bool {
        matches!(self, Engine::Postgres(url) if PostgresAddress::of(url.expose_secret()).is_pooled)
    }

    /// Opens one connection and readies it.
    pub(in crate::store) fn open(&self) -> Result<Link, StoreError> {
        let away = |error: diesel::ConnectionError| StoreError::Unavailable(error.to_string());
        match self {
            Engine::Sqlite(path) => {
                make_private(path);
                let mut conn = SqliteConnection::establish(&path.to_string_lossy()).map_err(away)?;
                conn.batch_execute(&format!(
                    "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                     PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = {};",
                    STATEMENT_TIMEOUT.as_millis(),
                    LARGEST_LOG
                ))?;
                Ok(Link::Sqlite(conn))
            }
            Engine::Postgres(url) => {
                let PostgresAddress { url, is_pooled } = PostgresAddress::of(url.expose_secret());
                let mut conn = PgConnection::establish(&url).map_err(away)?;
                if is_pooled {
                    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
                } else {
                    conn.batch_execute(&time_outs("SET"))?;
                }
                Ok(Link::Postgres(conn))
            }
        }
    }
}

/// For a session, or a transaction (`SET LOCAL`).
fn time_outs(set: &str) -> String {
    let millis = STATEMENT_TIMEOUT.as_millis();
    format!(
        "{set} statement_timeout = {millis}; {set} lock_timeout = {millis}; \
         {set} idle_in_transaction_session_timeout = '10s'"
    )
}

/// How a transaction begins behind a pooler: with what the session would otherwise know.
fn pooled(begin: &str) -> String {
    format!("{begin}; {}", time_outs("SET LOCAL"))
}

/// A new database file is its owner's alone, and so are the files that SQLite keeps beside it.
fn make_private(path: &Path) {
    if path == Path::new(":memory:") || path.starts_with("file:") {
        return;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // That it is there already is the usual case; what else may be wrong SQLite says better.
    drop(options.open(path));
}

impl Connection {
    #[doc(hidden)]
    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Takes the write lock at once where there is one lock: a transaction that reads first and
    /// then finds the lock taken could only fail.
    pub(in crate::store) fn begin(&mut self) -> Result<(), StoreError> {
        self.broken = true;
        match &mut self.link {
            Link::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?,
            Link::Postgres(c) if self.is_pooled => {
                AnsiTransactionManager::begin_transaction_sql(c, &pooled("BEGIN"))?;
            }
            Link::Postgres(c) => AnsiTransactionManager::begin_transaction(c)?,
        }
        Ok(())
    }

    /// Reads. Behind a pooler a statement is prepared and run in one transaction, or else on two
    /// connections.
    pub(in crate::store) fn reading<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.is_pooled { self.read_only(work) } else { work(self) }
    }

    /// Runs `work` where the engine itself lets nothing be written.
    pub(in crate::store) fn read_only<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.is_reading {
            return work(self);
        }
        self.broken = true;
        let begin = if self.is_pooled { pooled("BEGIN READ ONLY") } else { "BEGIN READ ONLY".to_owned() };
        match &mut self.link {
            Link::Sqlite(c) => c.batch_execute("PRAGMA query_only = ON")?,
            Link::Postgres(c) => AnsiTransactionManager::begin_transaction_sql(c, &begin)?,
        }
        self.is_reading = true;
        let done = work(self);
        self.is_reading = false;
        match &mut self.link {
            Link::Sqlite(c) => c.batch_execute("PRAGMA query_only = OFF")?,
            Link::Postgres(c) => AnsiTransactionManager::rollback_transaction(c)?,
        }
        self.broken = false;
        done.map_err(|error| match error {
            // Elsewhere it says that the server is a standby; here, that the query is a mistake.
            StoreError::Lost(why) if why.contains("read-only transaction") => StoreError::Internal(why),
            error => error,
        })
    }

    /// Keeps more of the database in memory from now on, so that a page is written once for many rows.
    pub(in crate::store) fn expect_many_writes(&mut self) -> Result<(), StoreError> {
        match &mut self.link {
            Link::Sqlite(c) => Ok(c.batch_execute("PRAGMA cache_size = -65536")?),
            Link::Postgres(_) => Ok(()),
        }
    }

    /// Runs `work` as a part of a transaction that can be undone without the rest; an error beside its own is
    /// that of the transaction.
    pub(in crate::store) fn part<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Result<T, StoreError>, StoreError> {
        on!(self, |c| AnsiTransactionManager::begin_transaction(c))?;
        let done = work(self);
        match done {
            Ok(_) => on!(self, |c| AnsiTransactionManager::commit_transaction(c))?,
            Err(_) => on!(self, |c| AnsiTransactionManager::rollback_transaction(c))?,
        }
        Ok(done)
    }

    /// Makes what was done since [`Connection::begin`] last.
    pub(in crate::store) fn commit(&mut self) -> Result<(), StoreError> {
        on!(self, |c| AnsiTransactionManager::commit_transaction(c)).map_err(StoreError::of_commit)?;
        self.broken = false;
        Ok(())
    }

    /// Undoes it. A connection that cannot even do that is not used again.
    pub(in crate::store) fn roll_back(&mut self) {
        self.broken = on!(self, |c| AnsiTransactionManager::rollback_transaction(c)).is_err();
        if let Link::Sqlite(c) = &mut self.link
            && self.broken
        {
            self.broken = !is_rolled_back(c);
        }
    }
}

/// Whether there is no transaction any more. SQLite undoes one by itself when it cannot write, and the
/// connection is as good as before: on a full disk there might be no other.
fn is_rolled_back(conn: &mut SqliteConnection) -> bool {
    *AnsiTransactionManager::transaction_manager_status_mut(conn) = TransactionManagerStatus::default();
    match conn.batch_execute("ROLLBACK") {
        Ok(()) => true,
        Err(error) => error.to_string().contains("no transaction is active"),
    }
}

/// Makes connections for the pool.
pub(in crate::store) struct Manager {
    engine: Engine,
    generation: Arc<AtomicU64>,
}

impl Manager {
    pub(in crate::store) fn new(engine: Engine, generation: Arc<AtomicU64>) -> Self {
        Self { engine, generation }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Connection;
    type Error = StoreError;

    fn connect(&self) -> Result<Connection, StoreError> {
        let generation = self.generation.load(Ordering::Acquire);
        let (link, is_pooled) = (self.engine.open()?, self.engine.is_pooled());
        Ok(Connection { link, generation, broken: false, is_pooled, is_reading: false })
    }

    /// Costs no round trip: when one connection is found dead, the generation moves on and all
    /// the others of its age are replaced as they are checked out.
    fn is_valid(&self, conn: &mut Connection) -> Result<(), StoreError> {
        if conn.generation == self.generation.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(StoreError::Unavailable("the connection is of before an outage".to_owned()))
    }

    /// Still in a transaction (a panic ended it) or found dead.
    fn has_broken(&self, conn: &mut Connection) -> bool {
        conn.broken || conn.generation != self.generation.load(Ordering::Acquire)
    }
}
