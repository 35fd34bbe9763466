//! The schema, brought up to date. All that is pending is applied in one transaction under a lock:
//! replicas may start together, and a migration that is killed has not happened.

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::migration::{Migration, MigrationSource as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::conn::{Engine, Link};
use super::error::StoreError;

static SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
static POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The advisory lock that every migrating replica takes; an arbitrary number of our own.
const LOCK: i64 = 0x636c_6f61_6b72_6f6f;

/// A migration and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MigrationState {
    /// Its name, which begins with its time.
    pub name: String,
    /// Whether it is applied.
    pub applied: bool,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Applies what is pending and names it.
///
/// # Errors
/// When the database is away, or a statement fails; then nothing was applied.
pub fn migrate(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let applied = match engine.open()? {
        Link::Sqlite(mut c) => c.immediate_transaction(|c| apply(c, &SQLITE)),
        Link::Postgres(mut c) => c.transaction(|c| {
            // Waiting for another replica's migration may take longer than a request may.
            c.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")?;
            c.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"))?;
            apply(c, &POSTGRES)
        }),
    };
    applied.map_err(|Failed(failure)| StoreError::Internal(format!("migration: {failure}")))
}

/// Every migration of this binary, and whether the database has it.
///
/// # Errors
/// When the database is away.
pub fn migration_states(engine: &Engine) -> Result<Vec<MigrationState>, StoreError> {
    // Asking makes the table that is asked; it goes again with the connection's open transaction.
    let states = match engine.open()? {
        Link::Sqlite(mut c) => {
            c.batch_execute("BEGIN").map_err(Into::into).and_then(|()| states(&mut c, &SQLITE))
        }
        Link::Postgres(mut c) => {
            c.batch_execute("BEGIN").map_err(Into::into).and_then(|()| states(&mut c, &POSTGRES))
        }
    };
    states.map_err(|failure| StoreError::Internal(format!("migration: {failure}")))
}

struct Failed(Failure);

impl From<diesel::result::Error> for Failed {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.into())
    }
}

fn apply<DB, C>(conn: &mut C, migrations: &EmbeddedMigrations) -> Result<Vec<String>, Failed>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: diesel::migration::MigrationSource<DB>,
{
    let mut applied = Vec::new();
    for migration in pending(conn, migrations).map_err(Failed)? {
        conn.run_migration(&migration).map_err(Failed)?;
        applied.push(migration.name().to_string());
    }
    Ok(applied)
}

/// The migrations that the database does not have, in their order.
fn pending<DB, C>(
    conn: &mut C,
    migrations: &EmbeddedMigrations,
) -> Result<Vec<Box<dyn Migration<DB>>>, Failure>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: diesel::migration::MigrationSource<DB>,
{
    let applied = conn.applied_migrations()?;
    let mut pending: Vec<Box<dyn Migration<DB>>> = migrations.migrations()?;
    pending.retain(|migration| !applied.contains(&migration.name().version()));
    pending.sort_by_key(|migration| migration.name().to_string());
    Ok(pending)
}

fn states<DB, C>(conn: &mut C, migrations: &EmbeddedMigrations) -> Result<Vec<MigrationState>, Failure>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: diesel::migration::MigrationSource<DB>,
{
    let pending = pending(conn, migrations)?;
    let mut states: Vec<MigrationState> = migrations
        .migrations()?
        .iter()
        .map(|migration| migration.name().to_string())
        .map(|name| MigrationState {
            applied: pending.iter().all(|other| other.name().to_string() != name),
            name,
        })
        .collect();
    states.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(states)
}
