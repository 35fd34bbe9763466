//! What a database in memory was at one time, to go back to: every table, also those of an application.

use std::sync::Mutex;

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::conn::{Connection, Link};
use super::error::StoreError;
use super::{Changes, Store};

/// Where it is kept: beside the database, in the memory of this process.
const PLACE: &str = "file:/cloakroom-test-snapshot?vfs=memdb";

/// A database in memory is there while a connection to it is: this one does nothing else.
pub struct InMemory(#[expect(dead_code, reason = "it is there to be there")] Mutex<SqliteConnection>);

/// What a database was, for as long as this is there.
pub struct Snapshot(#[expect(dead_code, reason = "it is there to be there")] InMemory);

/// Keeps the database in memory that is at this place.
///
/// # Errors
/// When it is no such place.
pub(crate) fn hold(place: &str) -> Result<InMemory, StoreError> {
    let held = SqliteConnection::establish(place);
    held.map(Mutex::new).map(InMemory).map_err(|error| StoreError::Internal(error.to_string()))
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

impl Store {
    /// Remembers what the database is now.
    ///
    /// # Errors
    /// When it is none in memory, or cannot be copied.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let held = hold(PLACE)?;
        self.read(|conn| {
            let c = sqlite(conn)?;
            c.batch_execute(&format!("ATTACH '{PLACE}' AS seeds"))?;
            let copied = tables(c).and_then(|tables| {
                let copy = |name: &String| format!("DROP TABLE IF EXISTS seeds.{name}; CREATE TABLE seeds.{name} AS SELECT * FROM main.{name};");
                let statements: String = tables.iter().map(copy).collect();
                Ok(c.batch_execute(&statements)?)
            });
            c.batch_execute("DETACH seeds")?;
            copied
        })
        .await?;
        Ok(Snapshot(held))
    }

    /// Makes the database what it was.
    ///
    /// # Errors
    /// When it cannot be; then it is what it is.
    pub(crate) async fn restore(&self, _: &Snapshot) -> Result<(), StoreError> {
        // Neither can be done in a transaction.
        self.read(|conn| {
            Ok(sqlite(conn)?
                .batch_execute(&format!("PRAGMA foreign_keys = OFF; ATTACH '{PLACE}' AS seeds"))?)
        })
        .await?;
        let restored = self.write(None, |conn, _: &mut Changes| {
            let c = sqlite(conn)?;
            let again = |name: &String| {
                format!("DELETE FROM main.{name}; INSERT INTO main.{name} SELECT * FROM seeds.{name};")
            };
            let statements: String = tables(c)?.iter().map(again).collect();
            Ok(c.batch_execute(&statements)?)
        });
        let restored = restored.await;
        self.read(|conn| Ok(sqlite(conn)?.batch_execute("DETACH seeds; PRAGMA foreign_keys = ON")?)).await?;
        restored
    }
}

fn sqlite(conn: &mut Connection) -> Result<&mut SqliteConnection, StoreError> {
    match conn.link() {
        Link::Sqlite(c) => Ok(c),
        Link::Postgres(_) => Err(StoreError::Internal("only what is in memory can go back".to_owned())),
    }
}

/// Every table, by its name in quotes, but for SQLite's own.
fn tables(c: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let names = "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<Table> = diesel::sql_query(names).load(c)?;
    Ok(tables.into_iter().map(|table| format!("\"{}\"", table.name.replace('"', "\"\""))).collect())
}
