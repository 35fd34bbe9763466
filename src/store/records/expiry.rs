//! Deletion of expired rows, in batches of a bounded number of rows. Each batch is a transaction of its own, so
//! that requests write between two of them.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use super::dialect::Dialect;
use crate::domain::{LIMIT_WINDOW, Time};
use crate::on;
use crate::store::{Connection, Link, Moment, StoreError, TrustedStore};

/// Number of rows of a table that one transaction deletes.
const BATCH: usize = 500;

/// First of the advisory locks that let one replica at a time delete from a table. An arbitrary number of our
/// own; the position of the table in [`EXPIRING`] is added.
const LOCKS: i64 = 0x636c_6f61_6b65_7870;

diesel::define_sql_function! {
    /// Tries to take an advisory lock until the transaction ends. Returns false when another session holds
    /// it.
    fn pg_try_advisory_xact_lock(lock: BigInt) -> Bool;
}

/// Table whose rows expire. The texts become part of SQL statements.
pub(crate) struct Expiring {
    /// Name of the table.
    pub(crate) table: &'static str,
    /// Columns by which SQLite finds a row: `rowid`, or the primary key of a table without it.
    key: &'static str,
    /// Column with the time of expiry. An index begins with it.
    expiry: &'static str,
    /// How long a row is kept after that time.
    kept: TimeDelta,
    /// Rows that hang on those of a batch. They are deleted first: a cascade has no bound.
    dependents: &'static [Dependent],
}

/// Rows that are deleted with those of another table, to whose column `id` they refer.
struct Dependent {
    table: &'static str,
    /// Column with the foreign key.
    parent: &'static str,
}

const fn table(name: &'static str, expiry: &'static str) -> Expiring {
    Expiring { table: name, key: "rowid", expiry, kept: TimeDelta::zero(), dependents: &[] }
}

/// All tables whose rows expire. The audit trail is not among them, because its chain is shortened from its
/// beginning (`TrustedStore::expire_entries`), and neither are the signing keys (`TrustedStore::prune_keys`).
pub(crate) static EXPIRING: [Expiring; 12] = [
    table("refresh_tokens", "expires_at"),
    // An expired code is kept for a day, so that its reuse is detected.
    Expiring { kept: TimeDelta::hours(24), ..table("authorization_codes", "expires_at") },
    Expiring {
        dependents: &[Dependent { table: "refresh_tokens", parent: "session_id" }],
        ..table("sessions", "expires_at")
    },
    table("revocations", "until"),
    table("used_jtis", "expires_at"),
    table("idempotency_keys", "expires_at"),
    table("client_secrets", "expires_at"),
    // A counter has no expiry of its own: its window begins and ends.
    Expiring { kept: LIMIT_WINDOW, ..table("guesses", "began_at") },
    Expiring {
        key: "issuer, subject",
        kept: super::identities::DELETION_RETENTION,
        ..table("departed_identities", "departed_at")
    },
    // The mails of a day are counted.
    Expiring { kept: TimeDelta::hours(24), ..table("account_tokens", "expires_at") },
    table("pending_registrations", "expires_at"),
    // A change whose reaction was given up is kept, so that an operator can run it again.
    Expiring { kept: TimeDelta::days(30), ..table("outbox", "given_up_at") },
];

impl Expiring {
    /// Returns the statement that reads the oldest time of expiry.
    fn oldest(&self) -> String {
        let Self { table, expiry, .. } = self;
        format!("SELECT min({expiry}) AS oldest FROM {table} WHERE {expiry} <= $1")
    }

    /// Returns the query of a column of the next batch.
    fn batch(&self, column: &str) -> String {
        let Self { table, expiry, .. } = self;
        format!("SELECT {column} FROM {table} WHERE {expiry} <= $1 ORDER BY {expiry} LIMIT {BATCH}")
    }

    /// Returns the statement that deletes the next batch.
    fn deletion(&self, engine: Dialect) -> String {
        let Self { table, key, expiry, .. } = self;
        let row = engine.row(key);
        let batch = engine.is_one_of(row, &self.batch(row));
        // A counter may begin anew between the query and the deletion: the condition is checked again.
        format!("DELETE FROM {table} WHERE {batch} AND {expiry} <= $1")
    }
}

impl Dependent {
    /// Returns the statement that deletes the rows that hang on a batch, at most [`BATCH`] of them.
    fn deletion(&self, parents: &Expiring, engine: Dialect) -> String {
        let Self { table, parent } = self;
        let row = engine.row("rowid");
        let hang_on_batch = engine.is_one_of(parent, &parents.batch("id"));
        let rows = format!("SELECT {row} FROM {table} WHERE {hang_on_batch} LIMIT {BATCH}");
        format!("DELETE FROM {table} WHERE {}", engine.is_one_of(row, &rows))
    }
}

#[derive(QueryableByName)]
struct Oldest {
    #[diesel(sql_type = Nullable<Moment>)]
    oldest: Option<Time>,
}

impl TrustedStore {
    /// Returns for how long the oldest row of a table should have been deleted. Returns none when no row has
    /// expired.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn oldest_expired(
        &self,
        of: &'static Expiring,
    ) -> Result<Option<TimeDelta>, StoreError> {
        let end = self.shared().now() - of.kept;
        self.read(move |conn| {
            let query = diesel::sql_query(of.oldest()).bind::<Moment, _>(Time(end));
            let Oldest { oldest } = on!(conn, |c| query.get_result(c))?;
            Ok(oldest.map(|oldest| end - oldest.0))
        })
        .await
    }

    /// Deletes a batch of expired rows of a table. Returns true when more may be left for this replica to
    /// delete.
    ///
    /// # Errors
    /// When the database is not available; then the batch is as it was.
    pub(crate) async fn delete_expired(&self, of: &'static Expiring) -> Result<bool, StoreError> {
        let end = self.shared().now() - of.kept;
        self.write_in_background(move |conn, _| {
            if !try_lock(conn, of)? {
                return Ok(false);
            }
            let run = |conn: &mut Connection, statement: String| {
                let statement = diesel::sql_query(statement).bind::<Moment, _>(Time(end));
                Ok::<usize, StoreError>(on!(conn, |c| statement.execute(c))?)
            };
            let engine = Dialect::of(conn);
            for dependent in of.dependents {
                if run(conn, dependent.deletion(of, engine))? == BATCH {
                    return Ok(true);
                }
            }
            Ok(run(conn, of.deletion(engine))? == BATCH)
        })
        .await
    }
}

/// Takes the lock of a table until the transaction ends. PostgreSQL ends the transaction of a replica that hangs
/// (`idle_in_transaction_session_timeout`). SQLite has one writer anyway.
fn try_lock(conn: &mut Connection, of: &'static Expiring) -> Result<bool, StoreError> {
    let position = EXPIRING.iter().position(|known| std::ptr::eq(known, of)).unwrap_or_default();
    match conn.link() {
        Link::Sqlite(_) => Ok(true),
        Link::Postgres(c) => {
            let lock = LOCKS + i64::try_from(position).unwrap_or_default();
            Ok(diesel::select(pg_try_advisory_xact_lock(lock)).get_result(c)?)
        }
    }
}
