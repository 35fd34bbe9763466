//! What a database in memory was at one time, to go back to: every table, also those of an application.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::error::StoreError;

/// Where it is kept: beside the database, in the memory of this process.
const PLACE: &str = "file:/cloakroom-test-snapshot?vfs=memdb";

/// A database in memory is there while a connection to it is: this one does nothing else.
pub struct InMemory {
    _held: Mutex<SqliteConnection>,
}

/// What a database was, for as long as this is there: a connection to the copy, which sees the
/// database itself as `live`.
#[derive(Clone)]
pub struct Snapshot(Arc<Mutex<SqliteConnection>>);

/// Keeps the database in memory that is at this place.
///
/// # Errors
/// When it is no such place.
pub(crate) fn hold(place: &str) -> Result<InMemory, StoreError> {
    Ok(InMemory { _held: Mutex::new(open(place)?) })
}

fn open(place: &str) -> Result<SqliteConnection, StoreError> {
    SqliteConnection::establish(place).map_err(|error| StoreError::Internal(error.to_string()))
}

impl Snapshot {
    /// Remembers what the database at this place is now.
    ///
    /// # Errors
    /// When it is none in memory, or cannot be copied.
    pub(crate) fn of(live: &str) -> Result<Self, StoreError> {
        let mut copy = open(PLACE)?;
        copy.batch_execute(&format!(
            "PRAGMA busy_timeout = 2000; PRAGMA foreign_keys = OFF; ATTACH '{live}' AS live"
        ))?;
        each_table(&mut copy, |name| format!("CREATE TABLE main.{name} AS SELECT * FROM live.{name};"))?;
        Ok(Self(Arc::new(Mutex::new(copy))))
    }

    /// Makes the database what it was, all of it or nothing.
    ///
    /// # Errors
    /// When it cannot be; then it is what it is.
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

/// Runs a statement for each table of the database, but for SQLite's own, in one transaction. It is no
/// matter in which order: foreign keys are not looked at.
fn each_table(copy: &mut SqliteConnection, statement: impl Fn(&str) -> String) -> Result<(), StoreError> {
    let names = "SELECT name FROM live.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<Table> = diesel::sql_query(names).load(copy)?;
    let quoted = |table: &Table| format!("\"{}\"", table.name.replace('"', "\"\""));
    let statements: String = tables.iter().map(|table| statement(&quoted(table))).collect();
    Ok(copy.immediate_transaction(|copy| copy.batch_execute(&statements))?)
}
