//! The connection pool.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::store::{Connection, Engine, StoreError};
use crate::telemetry::metrics::DatabaseMetrics;

/// A connection pool for one database. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Pool {
    engine: Engine,
    connections: r2d2::Pool<Manager>,
    generation: Arc<AtomicU64>,
    metrics: Arc<OnceLock<DatabaseMetrics>>,
}

/// Numbers of a pool's connections, for the metrics.
pub struct PoolUse {
    /// Open and not in use.
    pub idle: usize,
    /// In use.
    pub used: usize,
    /// The upper bound.
    pub most: usize,
}

impl Pool {
    /// Creates a pool of at most `size` connections, which open when they are needed.
    pub(in crate::store) fn new(engine: Engine, size: usize, timeout: Duration) -> Self {
        let generation = Arc::new(AtomicU64::new(0));
        let manager = Manager { engine: engine.clone(), generation: Arc::clone(&generation) };
        let connections = r2d2::Pool::builder()
            .max_size(u32::try_from(size).unwrap_or(u32::MAX).max(1))
            .min_idle(Some(0))
            .connection_timeout(timeout)
            .error_handler(Box::new(LogErrors))
            .build_unchecked(manager);
        Self { engine, connections, generation, metrics: Arc::default() }
    }

    /// Measures all work from now on.
    pub(in crate::store) fn measure(&self, metrics: DatabaseMetrics) {
        // A second call would bring the metrics of the same server.
        drop(self.metrics.set(metrics));
    }

    /// Measures how long work waited for its place in the pool.
    pub(in crate::store) fn measure_wait(&self, since: Instant) {
        if let Some(metrics) = self.metrics.get() {
            metrics.wait.observe(since.elapsed().as_secs_f64());
        }
    }

    /// Measures work on a connection.
    pub(in crate::store) fn measure_work(&self, since: Instant) {
        if let Some(metrics) = self.metrics.get() {
            metrics.work.observe(since.elapsed().as_secs_f64());
        }
    }

    /// Counts an error by its class, if it is one of the database.
    pub(in crate::store) fn count_error(&self, error: &StoreError) {
        if let Some((metrics, class)) = self.metrics.get().zip(error.class()) {
            metrics.errors.with_label_values(&[class]).inc();
        }
    }

    pub(in crate::store) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the present generation. An outage begins a new one.
    pub(in crate::store) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Returns how many connections are idle and in use.
    pub(in crate::store) fn usage(&self) -> PoolUse {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let r2d2::State { connections, idle_connections, .. } = self.connections.state();
        PoolUse {
            idle: count(idle_connections),
            used: count(connections.saturating_sub(idle_connections)),
            most: count(self.connections.max_size()),
        }
    }

    /// Runs `work` on a connection of the pool. Blocks the thread until `deadline` at most for the
    /// connection.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection is available in time; otherwise the error of `work`.
    pub(in crate::store) fn with_connection<T>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let unavailable = |error: r2d2::Error| StoreError::Unavailable(error.to_string());
        let mut conn = self.connections.get_timeout(left).map_err(unavailable).inspect_err(|error| {
            self.count_error(error);
        })?;
        let began = Instant::now();
        let result = work(&mut conn);
        self.measure_work(began);
        if let Err(error) = &result {
            self.count_error(error);
        }
        let is_postgres = matches!(self.engine, Engine::Postgres(_));
        if is_postgres && matches!(result, Err(StoreError::Lost(_))) {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        result
    }
}

/// Connection factory of the pool.
struct Manager {
    engine: Engine,
    generation: Arc<AtomicU64>,
}

impl r2d2::ManageConnection for Manager {
    type Connection = Connection;
    type Error = StoreError;

    fn connect(&self) -> Result<Connection, StoreError> {
        Connection::open(&self.engine, self.generation.load(Ordering::Acquire))
    }

    /// Compares generations instead of making a round trip. A lost connection starts a new generation, and
    /// the pool then replaces each older connection when it is checked out.
    fn is_valid(&self, conn: &mut Connection) -> Result<(), StoreError> {
        if conn.generation() == self.generation.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(StoreError::Unavailable("the connection is older than the last outage".to_owned()))
    }

    /// Returns true for a connection that a panic left in a transaction, or that is older than an outage.
    fn has_broken(&self, conn: &mut Connection) -> bool {
        conn.is_broken() || conn.generation() != self.generation.load(Ordering::Acquire)
    }
}

/// Logs why the pool cannot open a connection.
#[derive(Debug)]
struct LogErrors;

impl r2d2::HandleError<StoreError> for LogErrors {
    fn handle_error(&self, error: StoreError) {
        log::warn!("cannot connect to the database: {error}");
    }
}
