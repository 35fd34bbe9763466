//! Migrations. All pending migrations run in one transaction under a lock: replicas may start together, and
//! an interrupted migration leaves nothing behind.
//!
//! An index on a large table of PostgreSQL is the exception: `CREATE INDEX CONCURRENTLY` does not block writers, and cannot
//! run in a transaction. Its migration says `run_in_transaction = false` in `metadata.toml`. When it is interrupted, an
//! invalid index stays, which the next start drops before it builds the index again. So the index has the name of its
//! migration.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::postgres::{Limit, PostgresConnection};
use crate::store::{Engine, Link, StoreError};

/// Migrations embedded in the program. Both engines have the same names.
///
/// ```
/// use cloakroom::store::Migrations;
/// use diesel_migrations::embed_migrations;
///
/// static MIGRATIONS: Migrations = Migrations {
///     sqlite: embed_migrations!("migrations/sqlite"),
///     postgres: embed_migrations!("migrations/postgres"),
/// };
/// ```
pub struct Migrations {
    /// For SQLite.
    pub sqlite: EmbeddedMigrations,
    /// For PostgreSQL.
    pub postgres: EmbeddedMigrations,
}

/// Migrations of cloakroom.
pub(crate) static OWN_MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("migrations/sqlite"),
    postgres: embed_migrations!("migrations/postgres"),
};

/// All migrations of an application: cloakroom's, and its own.
type All<'a> = &'a [&'static Migrations];

impl Migrations {
    /// Returns an error text for each migration that one engine has and the other lacks.
    pub(crate) fn faults(&'static self) -> Vec<String> {
        let sqlite = names::<diesel::sqlite::Sqlite>([&self.sqlite]);
        let postgres = names::<diesel::pg::Pg>([&self.postgres]);
        let missing = |here: &[String], there: &[String], engine: &str| -> Vec<String> {
            let lacking = here.iter().filter(|name| !there.contains(name));
            lacking.map(|name| format!("the migration {name} is missing for {engine}")).collect()
        };
        [missing(&sqlite, &postgres, "PostgreSQL"), missing(&postgres, &sqlite, "SQLite")].concat()
    }

    /// Returns the versions: the part of each name before the first `_`.
    pub(crate) fn versions(&'static self) -> Vec<String> {
        let names = names::<diesel::sqlite::Sqlite>([&self.sqlite]);
        names.iter().map(|name| name.split('_').next().unwrap_or_default().to_owned()).collect()
    }
}

fn names<DB: diesel::backend::Backend>(
    migrations: impl IntoIterator<Item = &'static EmbeddedMigrations>,
) -> Vec<String> {
    let all =
        migrations.into_iter().filter_map(|some| MigrationSource::<DB>::migrations(some).ok()).flatten();
    let mut names: Vec<String> = all.map(|migration| migration.name().to_string()).collect();
    names.sort();
    names
}

/// Advisory lock of a migrating replica. An arbitrary number of our own.
const LOCK: i64 = 0x636c_6f61_6b72_6f6f;

/// Advisory lock of the replica that builds indexes. It is not [`LOCK`], for which an earlier version waits in a
/// transaction: the index would wait for that.
const INDEX_LOCK: i64 = LOCK + 1;

/// Pause between two attempts to take [`INDEX_LOCK`].
const OTHER_INDEX: Duration = Duration::from_millis(200);

/// Time to wait for the migration of another process on SQLite. It may take longer than the timeout of a request.
const OTHER_MIGRATION: Duration = Duration::from_secs(60);

/// A migration and its state in the database.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MigrationState {
    /// Name, which begins with its time.
    pub name: String,
    /// True when it is applied.
    pub applied: bool,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Applies the pending migrations, and returns their names.
///
/// # Errors
/// When the database is not available, or a statement fails; then nothing is applied.
pub(crate) fn migrate(
    engine: &Engine,
    migrations: &[&'static Migrations],
) -> Result<Vec<String>, StoreError> {
    on_own_thread(|| migrate_here(engine, migrations))
}

/// Runs `work` on a thread of its own. A connection to PostgreSQL cannot be used on the thread of an async runtime.
fn on_own_thread<T: Send>(work: impl FnOnce() -> Result<T, StoreError> + Send) -> Result<T, StoreError> {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn migrate_here(engine: &Engine, migrations: All<'_>) -> Result<Vec<String>, StoreError> {
    let applied = match engine.open_with_lock_timeout(OTHER_MIGRATION)? {
        Link::Sqlite(mut c) => c.immediate_transaction(|c| {
            let applied = apply(c, migrations, |all| &all.sqlite, Pass::All)?;
            // SQLite opens a file without the permission to write, and notices it at the first write.
            c.batch_execute("DELETE FROM __diesel_schema_migrations WHERE FALSE")?;
            Ok(applied)
        }),
        Link::Postgres(mut c) => c
            .transaction(|c| {
                // A migration, also another replica's, may take longer than the timeout of a request.
                c.set_limit(Limit::None);
                check_encoding(c)?;
                c.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")?;
                c.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"))?;
                let applied = apply(c, migrations, |all| &all.postgres, Pass::InTransaction)?;
                Ok((applied, is_any_left(c, migrations)?))
            })
            .and_then(|(applied, is_any_left)| match is_any_left {
                true => Ok([applied, apply_concurrently(&mut c, migrations)?].concat()),
                false => Ok(applied),
            }),
    };
    applied.map_err(|Failed(failure)| failed(engine, &failure))
}

fn is_any_left(conn: &mut PostgresConnection, migrations: All<'_>) -> Result<bool, Failed> {
    Ok(!pending(conn, migrations, |all| &all.postgres).map_err(Failed)?.is_empty())
}

/// Applies the migrations that build an index without blocking writers. One replica at a time does it.
fn apply_concurrently(conn: &mut PostgresConnection, migrations: All<'_>) -> Result<Vec<String>, Failed> {
    conn.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")?;
    // A session that waited for the lock would hold a snapshot, and the index would wait for that session.
    while !try_lock(conn)? {
        std::thread::sleep(OTHER_INDEX);
    }
    for migration in pending(conn, migrations, |all| &all.postgres).map_err(Failed)? {
        if !migration.metadata().run_in_transaction() {
            // An interrupted build leaves an invalid index behind. It has the name of its migration.
            let name = migration.name().to_string();
            let index = name.split_once('_').map_or(name.as_str(), |(_, index)| index);
            conn.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"))?;
        }
    }
    apply(conn, migrations, |all| &all.postgres, Pass::Concurrent)
}

fn try_lock(conn: &mut PostgresConnection) -> Result<bool, Failed> {
    #[derive(QueryableByName)]
    struct Lock {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        taken: bool,
    }
    let lock = diesel::sql_query(format!("SELECT pg_try_advisory_lock({INDEX_LOCK}) AS taken"));
    Ok(lock.get_result::<Lock>(conn)?.taken)
}

fn failed(engine: &Engine, failure: &Failure) -> StoreError {
    engine.with_reason(StoreError::Internal(format!("migration: {failure}")))
}

/// Refuses a PostgreSQL database in another encoding than UTF-8: it could not store every name.
fn check_encoding(conn: &mut PostgresConnection) -> Result<(), Failed> {
    #[derive(QueryableByName)]
    struct Encoding {
        #[diesel(sql_type = diesel::sql_types::Text)]
        server_encoding: String,
    }
    let Encoding { server_encoding } =
        diesel::sql_query("SELECT current_setting('server_encoding') AS server_encoding").get_result(conn)?;
    match server_encoding.as_str() {
        "UTF8" => Ok(()),
        other => Err(Failed(
            format!(
                "the database has the encoding {other}; create it with ENCODING 'UTF8' TEMPLATE template0"
            )
            .into(),
        )),
    }
}

/// Returns the versions of the migrations in the database that this program does not know. A newer version applied them.
///
/// # Errors
/// When the database is not available.
pub(crate) fn unknown_migrations(
    engine: &Engine,
    migrations: &[&'static Migrations],
) -> Result<Vec<String>, StoreError> {
    #[derive(QueryableByName)]
    struct Applied {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
    }
    let known: Vec<String> = migrations.iter().flat_map(|some| some.versions()).collect();
    let applied: Vec<Applied> = on_own_thread(|| {
        let query = diesel::sql_query("SELECT version FROM __diesel_schema_migrations ORDER BY version");
        Ok(match engine.open()? {
            Link::Sqlite(mut c) => query.load(&mut c)?,
            Link::Postgres(mut c) => query.load(&mut c)?,
        })
    })?;
    Ok(applied.into_iter().map(|row| row.version).filter(|version| !known.contains(version)).collect())
}

/// Returns the state of each migration of this program.
///
/// # Errors
/// When the database is not available.
pub(crate) fn migration_states(
    engine: &Engine,
    migrations: &[&'static Migrations],
) -> Result<Vec<MigrationState>, StoreError> {
    on_own_thread(|| migration_states_here(engine, migrations))
}

fn migration_states_here(engine: &Engine, migrations: All<'_>) -> Result<Vec<MigrationState>, StoreError> {
    // Diesel creates its table of migrations for the query. The open transaction is never committed, so it
    // vanishes.
    let states = match engine.open()? {
        Link::Sqlite(mut c) => c
            .batch_execute("BEGIN")
            .map_err(Into::into)
            .and_then(|()| states(&mut c, migrations, |all| &all.sqlite)),
        Link::Postgres(mut c) => c
            .batch_execute("BEGIN")
            .map_err(Into::into)
            .and_then(|()| states(&mut c, migrations, |all| &all.postgres)),
    };
    states.map_err(|failure| failed(engine, &failure))
}

/// Selects the migrations for one engine.
type Of = fn(&'static Migrations) -> &'static EmbeddedMigrations;

struct Failed(Failure);

impl From<diesel::result::Error> for Failed {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.into())
    }
}

/// Part of the pending migrations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    All,
    InTransaction,
    Concurrent,
}

fn apply<DB, C>(conn: &mut C, migrations: All<'_>, of: Of, pass: Pass) -> Result<Vec<String>, Failed>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let mut applied = Vec::new();
    for migration in pending(conn, migrations, of).map_err(Failed)? {
        let in_transaction = migration.metadata().run_in_transaction();
        if pass != Pass::All && in_transaction != (pass == Pass::InTransaction) {
            continue;
        }
        conn.run_migration(&migration).map_err(Failed)?;
        applied.push(migration.name().to_string());
    }
    Ok(applied)
}

/// Returns the migrations that the database lacks, in order.
fn pending<DB, C>(conn: &mut C, migrations: All<'_>, of: Of) -> Result<Vec<Box<dyn Migration<DB>>>, Failure>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let applied = conn.applied_migrations()?;
    let mut pending: Vec<Box<dyn Migration<DB>>> = Vec::new();
    for some in migrations {
        pending.extend(of(some).migrations()?);
    }
    pending.retain(|migration| !applied.contains(&migration.name().version()));
    pending.sort_by_key(|migration| migration.name().to_string());
    Ok(pending)
}

fn states<DB, C>(conn: &mut C, migrations: All<'_>, of: Of) -> Result<Vec<MigrationState>, Failure>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let pending = pending(conn, migrations, of)?;
    let states: Vec<MigrationState> = names::<DB>(migrations.iter().map(|some| of(some)))
        .into_iter()
        .map(|name| MigrationState {
            applied: pending.iter().all(|other| other.name().to_string() != name),
            name,
        })
        .collect();
    Ok(states)
}
