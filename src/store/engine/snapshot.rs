//! Snapshots of an in-memory database, of every table, for tests that reset a server.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;

use crate::store::StoreError;

/// Location of the copy, in the memory of this process.
const LOCATION: &str = "file:/cloakroom-test-snapshot?vfs=memdb";

/// Keeps an in-memory database alive: it exists as long as a connection to it is open.
pub struct InMemory {
    _held: Mutex<SqliteConnection>,
}

/// A snapshot of a database: a connection to the copy, with the database itself attached as `live`.
#[derive(Clone)]
pub struct Snapshot(Arc<Mutex<SqliteConnection>>);

/// Keeps the in-memory database at this location alive.
///
/// # Errors
/// When the location is not one in memory.
pub(crate) fn hold(location: &str) -> Result<InMemory, StoreError> {
    Ok(InMemory { _held: Mutex::new(open(location)?) })
}

fn open(location: &str) -> Result<SqliteConnection, StoreError> {
    SqliteConnection::establish(location).map_err(|error| StoreError::Internal(error.to_string()))
}

impl Snapshot {
    /// Copies the database at this location.
    ///
    /// # Errors
    /// When it is not in memory, or cannot be copied.
    pub(crate) fn of(live: &str) -> Result<Self, StoreError> {
        let mut copy = open(LOCATION)?;
        copy.batch_execute(&format!(
            "PRAGMA busy_timeout = 2000; PRAGMA foreign_keys = OFF; ATTACH '{live}' AS live"
        ))?;
        take(&mut copy)?;
        Ok(Self(Arc::new(Mutex::new(copy))))
    }

    /// Replaces the copy by one of the database as it is now.
    ///
    /// # Errors
    /// When it cannot be copied; then the earlier copy stays.
    pub(crate) async fn renew(&self) -> Result<(), StoreError> {
        self.run(take).await
    }

    /// Restores the database from the copy, in one transaction.
    ///
    /// # Errors
    /// When the database cannot be restored; then it is unchanged.
    pub(crate) async fn restore(&self) -> Result<(), StoreError> {
        self.run(|copy| {
            each_table(copy, |copy, name| {
                Prepared(format!("DELETE FROM live.{name}")).execute(copy)?;
                Prepared(format!("INSERT INTO live.{name} SELECT * FROM main.{name}")).execute(copy)?;
                Ok(())
            })
        })
        .await
    }

    async fn run(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let copy = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            work(&mut copy.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.map_err(|panic| StoreError::Internal(panic.to_string()))?
    }
}

fn take(copy: &mut SqliteConnection) -> Result<(), StoreError> {
    each_table(copy, |copy, name| {
        copy.batch_execute(&format!(
            "DROP TABLE IF EXISTS main.{name}; CREATE TABLE main.{name} AS SELECT * FROM live.{name};"
        ))
    })
}

/// Statement that stays prepared. Preparation would be most of a restore.
struct Prepared(String);

impl QueryFragment<Sqlite> for Prepared {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(&self.0);
        Ok(())
    }
}

impl QueryId for Prepared {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<SqliteConnection> for Prepared {}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Runs `work` for each table of the database, except SQLite's own, in one transaction. The order does not matter,
/// because foreign keys are off.
fn each_table(
    copy: &mut SqliteConnection,
    work: impl Fn(&mut SqliteConnection, &str) -> QueryResult<()>,
) -> Result<(), StoreError> {
    let names = "SELECT name FROM live.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    Ok(copy.immediate_transaction(|copy| {
        let tables: Vec<Table> = diesel::sql_query(names).load(copy)?;
        let quoted = |table: &Table| format!("\"{}\"", table.name.replace('"', "\"\""));
        tables.iter().try_for_each(|table| work(copy, &quoted(table)))
    })?)
}
