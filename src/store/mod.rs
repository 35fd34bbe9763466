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

mod address;
mod announcements;
mod audit;
pub(crate) mod backup;
mod browser;
mod chain;
mod client_list;
mod client_secrets;
mod clients;
mod codes;
mod conn;
mod consents;
mod error;
mod guesses;
mod identities;
mod kept;
mod keys;
mod logins;
mod lookup;
mod migrate;
mod near;
mod once;
mod profiles;
mod recorder;
mod refresh_tokens;
mod revocations;
mod schema;
mod sealer;
mod sessions;
mod snapshot;
mod stage;
mod standing;
mod stored;
mod transfer;
mod types;
mod used_jtis;
mod user_list;
mod users;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::authz::{Event, Sealed, Sight, Vocabulary};
use crate::domain::{Lifetimes, Revocation, Surroundings};
use crate::traces;
use conn::Manager;
use stage::Stage;
use writer::Writer;

pub use announcements::Announcements;
pub use audit::{AuditFilter, Entry, EntryId, Inputs};
pub use browser::SignedIn;
pub(crate) use chain::EXPIRE;
pub use chain::{BEGINNING, ChainKey, Place, Seal};
pub use client_list::ClientPage;
pub use clients::StoredClient;
pub(crate) use codes::{CodeBinding, NewCode, RedeemedBy};
#[doc(hidden)]
pub use conn::Link;
pub use conn::{Connection, Engine};
pub use error::StoreError;
pub use guesses::{Counted, Login};
pub use kept::{Kept, Position, Selected, Selection};
pub use logins::LoginRefused;
pub(crate) use logins::Proved;
pub use lookup::{Lookup, Stored};
pub use migrate::{MigrationState, Migrations};
pub(crate) use migrate::{OWN_MIGRATIONS, migrate, migration_states};
pub(crate) use once::{Earlier, Once, once};
pub use recorder::Recorder;
pub(crate) use refresh_tokens::{RefreshRefused, RefreshedBy};
pub(crate) use sealer::Sealer;
pub(crate) use sessions::Entitled;
pub(crate) use snapshot::hold;
pub use snapshot::{InMemory, Snapshot};
pub(crate) use transfer::{Exported, ImportOutcome, Imported};
pub use types::{Moment, Uid};
pub use user_list::{SortKey, UserFilter, UserPage, UserQuery, UserSort};
pub use users::{NewUser, UserChange};

/// How long a request waits for its turn and its connection before it is answered with 503.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Those that were in each other's way are let go apart, at first by this much.
const APART: Duration = Duration::from_millis(5);

/// After this long a request stops waiting for the database, whatever it is doing.
const DEADLINE: Duration = Duration::from_millis(1_900);

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

/// Who makes changes.
enum Writers {
    /// Of SQLite one at a time; waiting for it is fair, waiting for the lock of the file is not.
    One(Writer),
    /// Of PostgreSQL so many: commits that wait for a standby must not keep readers waiting too.
    Several(Arc<Semaphore>),
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

/// What is done on a thread that may block.
type Work<T> = Box<dyn FnOnce() -> Result<T, StoreError> + Send>;

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
        let writers = match engine {
            Engine::Sqlite(_) => Writers::One(Writer::default()),
            Engine::Postgres(_) => {
                let most = connections.saturating_sub((connections / 4).max(1)).max(1);
                Writers::Several(Arc::new(Semaphore::new(most)))
            }
        };
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
        self.hop(read, tokio::task::spawn_blocking).await
    }

    /// A read of a few rows by their keys: on SQLite without another thread.
    async fn read_by_key<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Engine::Sqlite(_) = self.engine() {
            let near = async { near::read(self.0.number, self.engine(), &work) };
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
        let write = move |store: &Inner, stage: &Stage| {
            let _held = turns;
            if Instant::now() >= patience || !stage.begin_again() {
                return Err(StoreError::Unavailable("others were before it".to_owned()));
            }
            store.as_often_as_it_takes(patience, stage, || {
                let mut changes = Changes::default();
                let done = store.with_connection(patience, |conn| {
                    conn.begin()?;
                    let done = work(conn, &mut changes).and_then(|value| {
                        revocations::persist(conn, &changes)?;
                        announcements::announce(conn, &changes)?;
                        if let Some(deed) = &deed {
                            store.write_down(conn, deed)?;
                        }
                        if !stage.begin_commit() {
                            return Err(StoreError::Unavailable("it was answered already".to_owned()));
                        }
                        conn.commit()?;
                        Ok(value)
                    });
                    if done.is_err() {
                        conn.roll_back();
                    }
                    done
                })?;
                if !changes.revoked.is_empty() {
                    (store.on_revoked)(&changes.revoked);
                }
                Ok(done)
            })
        };
        match &self.0.writers {
            Writers::One(writer) => self.hop(write, |change| writer.run(change)).await,
            Writers::Several(_) => self.hop(write, tokio::task::spawn_blocking).await,
        }
    }

    /// What a trace says of the database.
    fn traced(&self) -> [KeyValue; 1] {
        let system = match self.engine() {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgresql",
        };
        [KeyValue::new("db.system.name", system)]
    }

    /// One hop to a thread that may block, which `begin` takes it to. The work is told when nobody waits for
    /// it any more: a change that was answered with 503 must not be made after all.
    async fn hop<T: Send + 'static, W, D, E>(
        &self,
        work: W,
        begin: impl FnOnce(Work<T>) -> D,
    ) -> Result<T, StoreError>
    where
        W: FnOnce(&Inner, &Stage) -> Result<T, StoreError> + Send + 'static,
        D: Future<Output = Result<Result<T, StoreError>, E>>,
        E: std::fmt::Display,
    {
        let (inner, stage) = (Arc::clone(&self.0), Arc::new(Stage::default()));
        let told = Arc::clone(&stage);
        let hop = tokio::time::timeout(DEADLINE, begin(Box::new(move || work(&inner, &told))));
        match traces::step("database", self.traced(), hop).await {
            Ok(Ok(done)) => done.map_err(StoreError::settled),
            Ok(Err(why)) => Err(StoreError::Internal(format!("the work ended early: {why}"))),
            Err(_) => {
                let late = "it does not answer in time".to_owned();
                Err(if stage.give_up() { StoreError::Unavailable(late) } else { StoreError::Uncertain(late) })
            }
        }
    }
}

impl Inner {
    /// Once, as a rule; again while the database gives it up for a reason that passes, there is time,
    /// and somebody waits for it.
    fn as_often_as_it_takes<T>(
        &self,
        patience: Instant,
        stage: &Stage,
        attempt: impl Fn() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tries = 1;
        loop {
            match attempt() {
                Err(error) if error.is_transient() && Instant::now() < patience && stage.begin_again() => {
                    log::debug!("once more: {error}");
                    std::thread::sleep(APART * tries);
                    tries = (tries + 1).min(10);
                }
                done => return done,
            }
        }
    }

    fn with_connection<T>(
        &self,
        patience: Instant,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let left = patience.saturating_duration_since(Instant::now());
        let away = |error: r2d2::Error| StoreError::Unavailable(error.to_string());
        let mut conn = self.pool.get_timeout(left).map_err(away)?;
        let done = work(&mut conn);
        let postgres = matches!(self.engine, Engine::Postgres(_));
        if postgres && matches!(done, Err(StoreError::Lost(_))) {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        done
    }
}

/// A turn is held by the thread that does the work, not by the request: work that a request no
/// longer waits for still takes its place.
async fn take_turn(turns: &Arc<Semaphore>, patience: Instant) -> Result<OwnedSemaphorePermit, StoreError> {
    match tokio::time::timeout_at(patience.into(), Arc::clone(turns).acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(StoreError::Unavailable("every connection is taken".to_owned())),
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
