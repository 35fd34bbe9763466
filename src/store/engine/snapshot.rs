//! Snapshots of an in-memory database, of every table, for tests that reset a server.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::prelude::*;
use diesel::sql_types::Text;

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
        each_table(&mut copy, |name| format!("CREATE TABLE main.{name} AS SELECT * FROM live.{name};"))?;
        Ok(Self(Arc::new(Mutex::new(copy))))
    }

    /// Restores the database from the copy, in one transaction.
    ///
    /// # Errors
    /// When the database cannot be restored; then it is unchanged.
    pub(crate) async fn restore(&self) -> Result<(), StoreError> {
        let copy = Arc::clone(&self.0);
        let restored = tokio::task::spawn_blocking(move || {
            let mut copy = copy.lock().unwrap_or_else(PoisonError::into_inner);
            each_table(&mut copy, |name| {
                format!("DELETE FROM live.{name}; INSERT INTO live.{name} SELECT * FROM main.{name};")
            })
        });
        restored.await.map_err(|panic| StoreError::Internal(panic.to_string()))?
    }
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Runs a statement for each table of the database, except SQLite's own, in one transaction. The order does
/// not matter, because foreign keys are off.
fn each_table(copy: &mut SqliteConnection, statement: impl Fn(&str) -> String) -> Result<(), StoreError> {
    let names = "SELECT name FROM live.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<Table> = diesel::sql_query(names).load(copy)?;
    let quoted = |table: &Table| format!("\"{}\"", table.name.replace('"', "\"\""));
    let statements: String = tables.iter().map(|table| statement(&quoted(table))).collect();
    Ok(copy.immediate_transaction(|copy| copy.batch_execute(&statements))?)
}
