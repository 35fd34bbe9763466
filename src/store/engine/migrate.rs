//! Migrations. All pending migrations run in one transaction under a lock: replicas may start together, and
//! an interrupted migration leaves nothing behind.

use diesel::connection::SimpleConnection as _;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::postgres::{Limit, PostgresConnection};
use super::sqlite_file;
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
    let applied = match engine.open()? {
        // Another process's migration may take longer than the timeout of a request.
        Link::Sqlite(mut c) => match c.batch_execute("PRAGMA busy_timeout = 60000") {
            Ok(()) => c.immediate_transaction(|c| apply(c, migrations, |all| &all.sqlite)),
            Err(error) => Err(error.into()),
        },
        Link::Postgres(mut c) => c.transaction(|c| {
            // A migration, also another replica's, may take longer than the timeout of a request.
            c.set_limit(Limit::None);
            check_encoding(c)?;
            c.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")?;
            c.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"))?;
            apply(c, migrations, |all| &all.postgres)
        }),
    };
    applied.map_err(|Failed(failure)| failed(engine, &failure))
}

fn failed(engine: &Engine, failure: &Failure) -> StoreError {
    let error = StoreError::Internal(format!("migration: {failure}"));
    match engine {
        Engine::Sqlite(path) => sqlite_file::with_reason(path, error),
        Engine::Postgres(_) => error,
    }
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

fn apply<DB, C>(conn: &mut C, migrations: All<'_>, of: Of) -> Result<Vec<String>, Failed>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let mut applied = Vec::new();
    for migration in pending(conn, migrations, of).map_err(Failed)? {
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
