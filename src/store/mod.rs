//! Where records are kept. A function that reads one returns it [`Sealed`];
//! one that changes one takes the proof that the caller may ([`Allowed`](crate::authz::Allowed)).
//! The schema and the connections are private to this module.
//!
//! A proof for another action does not do:
//! ```compile_fail,E0308
//! use cloakroom::{authz::{Allowed, action::Read}, domain::User, store::Store};
//! async fn remove(store: Store, user: Allowed<User, Read>) { let _ = store.delete_user(user).await; }
//! ```
//! ```
//! use cloakroom::{authz::{Allowed, action::Delete}, domain::User, store::Store};
//! async fn remove(store: Store, user: Allowed<User, Delete>) { let _ = store.delete_user(user).await; }
//! ```
//!
//! The schema cannot be reached, so no query can be made elsewhere:
//! ```compile_fail,E0603
//! use cloakroom::store::schema::users;
//! ```
//! ```
//! use cloakroom::store::Store;
//! ```

pub(crate) mod audit;
pub(crate) mod engine;
pub(crate) mod extension;
pub(crate) mod records;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use opentelemetry::KeyValue;
use tokio::sync::Semaphore;

use crate::authz::{Event, Sealed, Sight, Vocabulary};
use crate::domain::{Lifetimes, Revocation, Surroundings};
use crate::telemetry::traces;
use engine::blocking::{PATIENCE, take_turn};
use engine::commit_state::Stage;
use engine::connection::Manager;
use engine::transaction::{Change, Turn as _};
use engine::writer::Writers;

pub(crate) use audit::chain::EXPIRE;
pub use audit::chain::Place;
pub use audit::entries::{AuditFilter, Entry, EntryId, Inputs};
pub use audit::queue::Recorder;
pub use audit::seal::{BEGINNING, ChainKey, Seal};
pub(crate) use audit::sealer::Sealer;
#[doc(hidden)]
pub use engine::connection::Link;
pub use engine::connection::{Connection, Engine};
pub use engine::error::StoreError;
#[doc(hidden)]
pub use engine::limit::page;
pub use engine::migrate::{MigrationState, Migrations};
pub(crate) use engine::migrate::{OWN_MIGRATIONS, migrate, migration_states};
pub(crate) use engine::snapshot::hold;
pub use engine::snapshot::{InMemory, Snapshot};
pub use engine::sql_types::{Moment, Uid};
pub use extension::lookup::{Lookup, Stored};
pub use extension::repository::{Kept, Position, Selected, Selection};
pub use records::announcements::Announcements;
pub use records::browser_sessions::SignedIn;
pub use records::client_list::ClientPage;
pub use records::clients::StoredClient;
pub(crate) use records::codes::{CodeBinding, NewCode, RedeemedBy};
pub(crate) use records::idempotency::{Earlier, Once, once};
pub(crate) use records::import_export::{Exported, ImportOutcome, Imported};
pub use records::logins::LoginRefused;
pub(crate) use records::logins::Proved;
pub use records::rate_limits::{Counted, Login};
pub(crate) use records::refresh_tokens::{RefreshRefused, RefreshedBy};
pub(crate) use records::sessions::Entitled;
pub use records::user_search::{SortKey, UserFilter, UserPage, UserQuery, UserSort};
pub use records::users::{NewUser, UserChange};

/// Told of every revocation as soon as it is persisted, before the request that caused it is
/// answered.
pub type OnRevoked = Arc<dyn Fn(&[Revocation]) + Send + Sync>;

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    /// By which this store is known to be another one.
    number: u64,
    engine: Engine,
    pool: r2d2::Pool<Manager>,
    generation: Arc<AtomicU64>,
    turns: Arc<Semaphore>,
    writers: Writers,
    surroundings: Surroundings,
    vocabulary: Arc<Vocabulary>,
    lifetimes: Lifetimes,
    on_revoked: OnRevoked,
}

/// How the connections are used.
pub struct PoolUse {
    /// Open and not in use.
    pub idle: usize,
    /// In use.
    pub used: usize,
    /// The most that are opened.
    pub most: usize,
}

/// What a transaction did that others have to be told of.
#[derive(Default)]
struct Changes {
    revoked: Vec<Revocation>,
    /// Whether the set of signing keys is another.
    keys: bool,
}

impl Store {
    /// A store on `engine` with `connections` connections, opened when they are needed.
    pub fn new(
        engine: Engine,
        connections: usize,
        surroundings: Surroundings,
        vocabulary: Arc<Vocabulary>,
        lifetimes: Lifetimes,
        on_revoked: OnRevoked,
    ) -> Self {
        let generation = Arc::new(AtomicU64::new(0));
        let writers = Writers::of(&engine, connections);
        let pool = r2d2::Pool::builder()
            .max_size(u32::try_from(connections).unwrap_or(u32::MAX).max(1))
            .min_idle(Some(0))
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(Outage))
            .build_unchecked(Manager::new(engine.clone(), Arc::clone(&generation)));
        static STORES: AtomicU64 = AtomicU64::new(0);
        Self(Arc::new(Inner {
            number: STORES.fetch_add(1, Ordering::Relaxed),
            engine,
            pool,
            generation,
            turns: Arc::new(Semaphore::new(connections)),
            writers,
            surroundings,
            vocabulary,
            lifetimes,
            on_revoked,
        }))
    }

    /// A migrated one on SQLite, in a directory of a test's own.
    #[cfg(test)]
    fn of_a_test(directory: &std::path::Path) -> Self {
        let engine = Engine::Sqlite(directory.join("cloakroom.db"));
        crate::App::default().migrate(&engine).expect("a new database");
        let minute = chrono::TimeDelta::minutes(1);
        let lifetimes = Lifetimes { access_token: minute, refresh_token: minute, session: minute };
        Self::new(engine, 4, Surroundings::default(), Arc::default(), lifetimes, Arc::new(|_| {}))
    }

    /// Which engine this is.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// How its connections are used.
    pub fn pool(&self) -> PoolUse {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let r2d2::State { connections, idle_connections, .. } = self.0.pool.state();
        PoolUse {
            idle: count(idle_connections),
            used: count(connections.saturating_sub(idle_connections)),
            most: count(self.0.pool.max_size()),
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        use diesel::connection::SimpleConnection as _;
        self.read(|conn| Ok(crate::on!(conn, |c| c.batch_execute("SELECT 1"))?)).await
    }

    /// Looks up one record for a decision.
    pub(crate) async fn find<R: Stored>(&self, id: R::Id, sight: Sight) -> Result<Sealed<R>, StoreError> {
        R::find(Lookup(self), id, sight).await
    }

    /// Runs a read on a connection of its own thread. A connection that turns out to be dead is
    /// replaced and the read made once more: reading twice harms nobody.
    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let patience = Instant::now() + PATIENCE;
        let turn = take_turn(&self.0.turns, patience).await?;
        let read = move |store: &Inner, stage: &Stage| {
            let _held = turn;
            store.as_often_as_it_takes(patience, stage, || {
                store.with_connection(patience, |conn| conn.reading(&work))
            })
        };
        self.hop(read).await
    }

    /// A read of a few rows by their keys: on SQLite without another thread.
    async fn read_by_key<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Engine::Sqlite(_) = self.engine() {
            let near = async { engine::inline_read::read(self.0.number, self.engine(), &work) };
            if let Some(done) = traces::step("database", self.traced(), near).await {
                return Ok(done);
            }
        }
        self.read(work).await
    }

    /// Runs a change in a transaction, with the line that the audit trail has of it; all of it
    /// happens or nothing does. What it revokes is in force on this replica before this returns.
    /// `work` is done again where the database undid it, or the connection broke before the commit.
    async fn write<T: Send + 'static>(
        &self,
        deed: Option<Event>,
        work: impl Fn(&mut Connection, &mut Changes) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let patience = Instant::now() + PATIENCE;
        let turns = match &self.0.writers {
            Writers::One(_) => None,
            Writers::Several(writers) => {
                // In this order: writers that wait for each other must not keep readers waiting too.
                let writer = take_turn(writers, patience).await?;
                Some((writer, take_turn(&self.0.turns, patience).await?))
            }
        };
        let (change, stage, done) = Change::new(Arc::clone(&self.0), patience, deed, work);
        match &self.0.writers {
            Writers::One(writer) => writer.run(change),
            Writers::Several(_) => drop(tokio::task::spawn_blocking(move || {
                let _held = turns;
                Box::new(change).alone();
            })),
        }
        self.answered(&stage, done).await
    }

    /// What a trace says of the database.
    fn traced(&self) -> [KeyValue; 1] {
        let system = match self.engine() {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgresql",
        };
        [KeyValue::new("db.system.name", system)]
    }
}

/// What a cursor that is ours holds is well-formed; where it is not, the kind of record changed.
#[doc(hidden)]
pub fn position_part<T, E>(part: Result<T, E>) -> Result<T, StoreError> {
    part.map_err(|_| StoreError::Internal("a cursor of another version of the application".to_owned()))
}

/// Says in the log why the pool cannot open a connection.
#[derive(Debug)]
struct Outage;

impl r2d2::HandleError<StoreError> for Outage {
    fn handle_error(&self, error: StoreError) {
        log::warn!("{error}");
    }
}
