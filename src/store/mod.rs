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

mod clients;
mod conn;
mod error;
mod keys;
mod logins;
mod migrate;
mod profiles;
mod revocations;
mod schema;
mod sessions;
mod types;
mod user_list;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::authz::{Resource, Sealed};
use crate::domain::{Clock, Random, Revocation};
use conn::{Connection, Manager};

pub use clients::StoredClient;
pub use conn::Engine;
pub use error::StoreError;
pub use logins::{Login, LoginRefused, SessionStart};
pub use migrate::{MigrationState, migrate, migration_states};
pub use user_list::{SortKey, UserFilter, UserPage, UserQuery, UserSort};
pub use users::{NewUser, UserChange};

/// How long a request waits for its turn at the database before it is answered with 503.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// After this long a request stops waiting for the database, whatever it is doing.
const DEADLINE: Duration = Duration::from_secs(5);

/// Told of every revocation as soon as it is persisted, before the request that caused it is
/// answered.
pub type OnRevoked = Arc<dyn Fn(&[Revocation]) + Send + Sync>;

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    engine: Engine,
    pool: r2d2::Pool<Manager>,
    generation: Arc<AtomicU64>,
    turns: Semaphore,
    /// SQLite has one writer at a time; waiting here is fair, waiting for its file lock is not.
    writers: Semaphore,
    clock: Clock,
    random: Random,
    token_lifetime: chrono::Duration,
    on_revoked: OnRevoked,
}

/// A record that can be looked up by its id.
pub trait Stored: Resource {
    /// Looks the record up; found or not, it comes back sealed.
    fn find(store: &Store, id: Self::Id) -> impl Future<Output = Result<Sealed<Self>, StoreError>>;
}

/// What a transaction did that others have to be told of.
struct Changes {
    revoked: Vec<Revocation>,
}

impl Store {
    /// A store on `engine` with `connections` connections, opened when they are needed.
    /// `token_lifetime` is how long an access token can live: how long a revocation matters.
    pub fn new(
        engine: Engine,
        connections: usize,
        clock: Clock,
        random: Random,
        token_lifetime: chrono::Duration,
        on_revoked: OnRevoked,
    ) -> Self {
        let generation = Arc::new(AtomicU64::new(0));
        let writers = match engine {
            Engine::Sqlite(_) => 1,
            Engine::Postgres(_) => connections,
        };
        let pool = r2d2::Pool::builder()
            .max_size(u32::try_from(connections).unwrap_or(u32::MAX).max(1))
            .min_idle(Some(0))
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(Outage))
            .build_unchecked(Manager::new(engine.clone(), Arc::clone(&generation)));
        Self(Arc::new(Inner {
            engine,
            pool,
            generation,
            turns: Semaphore::new(connections),
            writers: Semaphore::new(writers),
            clock,
            random,
            token_lifetime,
            on_revoked,
        }))
    }

    /// Which engine this is.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        use diesel::connection::SimpleConnection as _;
        self.read(|conn| Ok(conn::on!(conn, |c| c.batch_execute("SELECT 1"))?)).await
    }

    /// Runs a read on a connection of its own thread. A connection that turns out to be dead is
    /// replaced and the read made once more: reading twice harms nobody.
    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _turn = take_turn(&self.0.turns).await?;
        self.hop(move |store| {
            let first = store.with_connection(|conn| work(conn));
            match first {
                Err(StoreError::Unavailable(_)) => store.with_connection(|conn| work(conn)),
                done => done,
            }
        })
        .await
    }

    /// Runs a change in a transaction; all of it happens or nothing does. What it revokes is in
    /// force on this replica before this returns.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &mut Changes) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _turn = take_turn(&self.0.turns).await?;
        let _writer = take_turn(&self.0.writers).await?;
        self.hop(move |store| {
            let mut changes = Changes { revoked: Vec::new() };
            let done = store.with_connection(|conn| {
                conn.begin()?;
                let result = work(conn, &mut changes);
                let committed = match result {
                    Ok(value) => {
                        revocations::persist(conn, &changes).and_then(|()| conn.commit()).map(|()| value)
                    }
                    Err(error) => Err(error),
                };
                if committed.is_err() {
                    conn.roll_back();
                }
                committed
            })?;
            if !changes.revoked.is_empty() {
                (store.on_revoked)(&changes.revoked);
            }
            Ok(done)
        })
        .await
    }

    /// One hop to a thread that may block. The work goes on when the request is abandoned; the
    /// database's own time-outs end it.
    async fn hop<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.0);
        match tokio::time::timeout(DEADLINE, tokio::task::spawn_blocking(move || work(&inner))).await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => Err(StoreError::Internal(format!("the work ended early: {panic}"))),
            Err(_) => Err(StoreError::Unavailable("it does not answer in time".to_owned())),
        }
    }
}

impl Inner {
    fn with_connection<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut conn = self.pool.get().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let done = work(&mut conn);
        let postgres = matches!(self.engine, Engine::Postgres(_));
        if postgres && matches!(done, Err(StoreError::Unavailable(_))) {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        done
    }
}

async fn take_turn(turns: &Semaphore) -> Result<tokio::sync::SemaphorePermit<'_>, StoreError> {
    match tokio::time::timeout(PATIENCE, turns.acquire()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(StoreError::Unavailable("every connection is taken".to_owned())),
    }
}

/// Says in the log why the pool cannot open a connection.
#[derive(Debug)]
struct Outage;

impl r2d2::HandleError<StoreError> for Outage {
    fn handle_error(&self, error: StoreError) {
        log::warn!("{error}");
    }
}
