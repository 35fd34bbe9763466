//! Connections to the two database engines. A third engine needs a variant here, and its migrations.

use std::path::PathBuf;
use std::time::Duration;

use diesel::connection::{
    AnsiTransactionManager, Connection as _, SimpleConnection as _, TransactionManager as _,
    TransactionManagerStatus,
};
use diesel::{RunQueryDsl as _, SqliteConnection};
use secrecy::{ExposeSecret as _, SecretString};

use super::postgres::{Limit, Pipeline, PostgresConnection, PostgresUrl, READ_ONLY, Replay};
use super::sqlite_file;
use crate::store::StoreError;

/// Timeout of a statement and of a lock, enforced by the database. Shorter than the deadline of a request, so
/// that no statement continues after the request was answered with 503.
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Time after the timeout of a statement in which the server must answer. After it the connection is lost: the
/// host hangs, and enforces no timeout.
const GRACE: Duration = Duration::from_millis(500);

/// Size limit of SQLite's write-ahead log after a checkpoint, in bytes. A long read can make the log larger.
const MAX_LOG: u32 = 64 * 1024 * 1024;

/// Database engine and location.
#[derive(Clone)]
pub enum Engine {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL URL, which may contain a password.
    Postgres(SecretString),
}

/// An open connection to either engine, for [`on!`](crate::on).
#[doc(hidden)]
pub enum Link {
    Sqlite(SqliteConnection),
    Postgres(PostgresConnection),
}

/// A pooled connection to either engine. The store passes it to a closure against a proof, and
/// [`on!`](crate::on) runs queries on it.
pub struct Connection {
    link: Link,
    /// Generation of the pool when it was opened. An outage begins a new generation.
    generation: u64,
    /// Set while a transaction is open.
    broken: bool,
    /// Set when a connection pooler may use another server connection for each transaction.
    is_pooled: bool,
    /// Set inside a read-only transaction.
    is_reading: bool,
}

/// Runs diesel queries, written once, on the engine of a [`Connection`].
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
    /// Returns its name, for people and metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// Opens a read-only connection that waits for no lock. Returns none for PostgreSQL, and when it cannot
    /// open.
    pub(in crate::store) fn inline_reader(&self) -> Option<Connection> {
        let Engine::Sqlite(path) = self else { return None };
        let mut conn = SqliteConnection::establish(&path.to_string_lossy()).ok()?;
        let settings = "PRAGMA busy_timeout = 0; PRAGMA query_only = ON; PRAGMA trusted_schema = OFF";
        conn.batch_execute(settings).ok()?;
        let link = Link::Sqlite(conn);
        Some(Connection { link, generation: 0, broken: false, is_pooled: false, is_reading: true })
    }

    /// Opens a pipelined connection to PostgreSQL, with a connection on which its answers are replayed.
    pub(super) async fn open_pipeline(&self) -> Result<(Pipeline, Connection), StoreError> {
        let Engine::Postgres(url) = self else {
            return Err(StoreError::Internal("only PostgreSQL has pipelined connections".to_owned()));
        };
        let url = parse_url(url)?;
        let (settings, begin) = match url.is_pooled {
            true => (String::new(), Some(pooled("BEGIN READ ONLY"))),
            false => (timeouts("SET"), None),
        };
        let pipeline = Pipeline::open(&url, &settings, begin).await.map_err(StoreError::Unavailable)?;
        let link = Link::Postgres(PostgresConnection::replaying(&url));
        Ok((pipeline, Connection { link, generation: 0, broken: false, is_pooled: false, is_reading: true }))
    }

    /// Returns true when a connection pooler assigns a server connection to each transaction.
    pub(in crate::store) fn is_pooled(&self) -> bool {
        match self {
            Engine::Sqlite(_) => false,
            Engine::Postgres(url) => parse_url(url).is_ok_and(|url| url.is_pooled),
        }
    }

    /// Adds to an error of a database file its name and its permissions, if they are the reason.
    pub(super) fn with_reason(&self, error: StoreError) -> StoreError {
        match self {
            Engine::Sqlite(path) => sqlite_file::with_reason(path, error),
            Engine::Postgres(_) => error,
        }
    }

    /// Opens and configures one connection. With `secure_delete` SQLite overwrites what is deleted, so that neither the
    /// file nor a copy of it keeps an erased person.
    pub(in crate::store) fn open(&self) -> Result<Link, StoreError> {
        self.open_with_lock_timeout(STATEMENT_TIMEOUT)
    }

    /// Opens and configures one connection, which waits so long for a lock of SQLite. The opening itself waits too: a
    /// new file gets its journal mode, while another process may migrate it.
    pub(super) fn open_with_lock_timeout(&self, lock_timeout: Duration) -> Result<Link, StoreError> {
        match self {
            Engine::Sqlite(path) => {
                let mut conn = sqlite_file::open(path)?;
                conn.batch_execute(&format!(
                    "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                     PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON; \
                     PRAGMA journal_size_limit = {};",
                    lock_timeout.as_millis(),
                    MAX_LOG
                ))
                .map_err(|error| sqlite_file::with_reason(path, error.into()))?;
                Ok(Link::Sqlite(conn))
            }
            Engine::Postgres(url) => {
                let url = parse_url(url)?;
                let mut conn = PostgresConnection::open(&url)
                    .map_err(|error| StoreError::Unavailable(error.to_string()))?;
                conn.set_limit(Limit::Cancel(STATEMENT_TIMEOUT + GRACE));
                if !url.is_pooled {
                    conn.batch_execute(&timeouts("SET"))?;
                }
                Ok(Link::Postgres(conn))
            }
        }
    }
}

/// Parses the URL of a PostgreSQL server.
pub(in crate::store) fn parse_url(url: &SecretString) -> Result<PostgresUrl, StoreError> {
    PostgresUrl::parse(url.expose_secret())
        .map_err(|why| StoreError::Internal(format!("the URL of the database: {why}")))
}

/// Checks the URL of a PostgreSQL server.
///
/// # Errors
/// The name of the part that is wrong or not supported.
pub(crate) fn check_postgres_url(url: &str) -> Result<(), String> {
    PostgresUrl::parse(url).map(drop)
}

/// Returns the statements that set the timeouts: for a session (`SET`) or a transaction (`SET LOCAL`).
fn timeouts(set: &str) -> String {
    let millis = STATEMENT_TIMEOUT.as_millis();
    format!(
        "{set} statement_timeout = {millis}; {set} lock_timeout = {millis}; \
         {set} idle_in_transaction_session_timeout = '10s'"
    )
}

/// Returns the statements that begin a transaction behind a pooler, where no session keeps the timeouts.
fn pooled(begin: &str) -> String {
    format!("{begin}; {}", timeouts("SET LOCAL"))
}

impl Connection {
    /// Opens a connection for the pool, in its present generation.
    pub(in crate::store) fn open(engine: &Engine, generation: u64) -> Result<Self, StoreError> {
        let (link, is_pooled) = (engine.open()?, engine.is_pooled());
        Ok(Self { link, generation, broken: false, is_pooled, is_reading: false })
    }

    pub(in crate::store) fn generation(&self) -> u64 {
        self.generation
    }

    pub(in crate::store) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Exchanges the answers that queries get, on a connection from [`Engine::open_pipeline`].
    pub(super) fn swap_answers(&mut self, answers: &mut Replay) {
        if let Link::Postgres(c) = &mut self.link {
            c.swap_answers(answers);
        }
    }

    #[doc(hidden)]
    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Begins a transaction. On SQLite it takes the write lock at once: a transaction that reads first and
    /// finds the lock taken later can only fail.
    pub(in crate::store) fn begin(&mut self) -> Result<(), StoreError> {
        self.broken = true;
        self.limit(Limit::Cancel);
        match &mut self.link {
            Link::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?,
            Link::Postgres(c) if self.is_pooled => {
                AnsiTransactionManager::begin_transaction_sql(c, &pooled("BEGIN"))?;
            }
            Link::Postgres(c) => AnsiTransactionManager::begin_transaction(c)?,
        }
        Ok(())
    }

    /// Runs reads. Behind a pooler they need a transaction: otherwise a statement may be prepared on one
    /// server connection and run on another.
    pub(in crate::store) fn reading<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.is_pooled { self.read_only(work) } else { work(self) }
    }

    /// Runs `work` read-only: the engine itself rejects writes.
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
        let result = work(self);
        self.is_reading = false;
        match &mut self.link {
            Link::Sqlite(c) => c.batch_execute("PRAGMA query_only = OFF")?,
            Link::Postgres(c) => AnsiTransactionManager::rollback_transaction(c)?,
        }
        self.broken = false;
        result.map_err(|error| match error {
            // Outside of a read-only transaction this error means that the server is a standby.
            StoreError::Lost(why) if why.starts_with(READ_ONLY) => StoreError::Internal(why),
            error => error,
        })
    }

    /// Enlarges the page cache of this connection, so that a page is written once for many rows.
    pub(in crate::store) fn expect_many_writes(&mut self) -> Result<(), StoreError> {
        match &mut self.link {
            Link::Sqlite(c) => Ok(c.batch_execute("PRAGMA cache_size = -65536")?),
            Link::Postgres(_) => Ok(()),
        }
    }

    /// Writes SQLite's log into the database and empties it. Returns false when a reader or writer is in the way for
    /// longer than a moment: writers wait meanwhile.
    pub(in crate::store) fn empty_log(&mut self) -> Result<bool, StoreError> {
        #[derive(diesel::QueryableByName)]
        struct Checkpoint {
            #[diesel(sql_type = diesel::sql_types::Integer)]
            busy: i32,
        }
        let Link::Sqlite(c) = &mut self.link else { return Ok(true) };
        c.batch_execute("PRAGMA busy_timeout = 50")?;
        let done = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result::<Checkpoint>(c);
        c.batch_execute(&format!("PRAGMA busy_timeout = {}", STATEMENT_TIMEOUT.as_millis()))?;
        Ok(done?.busy == 0)
    }

    /// Rewrites the file of an SQLite database. The unused parts of its pages have copies of rows that SQLite moved
    /// before they were overwritten: `secure_delete` does not reach these. Writers wait meanwhile.
    pub(in crate::store) fn rewrite_file(&mut self) -> Result<(), StoreError> {
        match &mut self.link {
            Link::Sqlite(c) => Ok(c.batch_execute("VACUUM")?),
            Link::Postgres(_) => Ok(()),
        }
    }

    /// Sets the timeout of statements until the transaction ends (PostgreSQL).
    pub(in crate::store) fn set_statement_timeout(&mut self, timeout: Duration) -> Result<(), StoreError> {
        match &mut self.link {
            Link::Sqlite(_) => Ok(()),
            Link::Postgres(c) => {
                c.batch_execute(&format!("SET LOCAL statement_timeout = {}", timeout.as_millis()))?;
                c.set_limit(Limit::Cancel(timeout + GRACE));
                Ok(())
            }
        }
    }

    /// Runs `work` under a savepoint, and rolls back to it when `work` fails.
    ///
    /// # Errors
    /// The outer error is that of the transaction, the inner one that of `work`.
    pub(in crate::store) fn savepoint<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Result<T, StoreError>, StoreError> {
        on!(self, |c| AnsiTransactionManager::begin_transaction(c))?;
        let result = work(self);
        match result {
            Ok(_) => on!(self, |c| AnsiTransactionManager::commit_transaction(c))?,
            Err(_) => on!(self, |c| AnsiTransactionManager::rollback_transaction(c))?,
        }
        Ok(result)
    }

    /// Limits the time of the further statements (PostgreSQL).
    fn limit(&self, limit: fn(Duration) -> Limit) {
        if let Link::Postgres(c) = &self.link {
            c.set_limit(limit(STATEMENT_TIMEOUT + GRACE));
        }
    }

    /// Commits the transaction that [`Connection::begin`] began.
    pub(in crate::store) fn commit(&mut self) -> Result<(), StoreError> {
        if let Link::Postgres(c) = &mut self.link
            && c.is_aborted()
        {
            return Err(StoreError::Internal("a statement failed in the transaction".to_owned()));
        }
        self.limit(Limit::Probe);
        on!(self, |c| AnsiTransactionManager::commit_transaction(c)).map_err(StoreError::of_commit)?;
        self.limit(Limit::Cancel);
        self.broken = false;
        Ok(())
    }

    /// Rolls the transaction back. A connection that cannot roll back is not used again.
    pub(in crate::store) fn roll_back(&mut self) {
        self.limit(Limit::Cancel);
        self.broken = on!(self, |c| AnsiTransactionManager::rollback_transaction(c)).is_err();
        if let Link::Sqlite(c) = &mut self.link
            && self.broken
        {
            self.broken = !is_rolled_back(c);
        }
    }
}

/// Returns true when no transaction is open any more. SQLite rolls one back by itself when it cannot write.
/// The connection stays usable: on a full disk a new one might not open.
fn is_rolled_back(conn: &mut SqliteConnection) -> bool {
    *AnsiTransactionManager::transaction_manager_status_mut(conn) = TransactionManagerStatus::default();
    match conn.batch_execute("ROLLBACK") {
        Ok(()) => true,
        Err(error) => error.to_string().contains("no transaction is active"),
    }
}
