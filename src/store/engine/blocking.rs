//! Blocking work on behalf of an asynchronous request: worker threads, permits and timeouts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::retry::CommitState;
use crate::store::{Engine, StoreError};
use crate::telemetry::traces;

/// How long work waits for the database.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Patience {
    /// Deadline for a permit and a connection.
    pub(in crate::store) acquire: Duration,
    /// Deadline for the result, with the time that the permit took, after which the work is cancelled.
    pub(in crate::store) result: Duration,
    /// Timeout of a statement on PostgreSQL. None for that of the connection.
    pub(in crate::store) statement: Option<Duration>,
}

impl Patience {
    /// A request. After these deadlines it is answered with 503.
    pub(in crate::store) const REQUEST: Self =
        Self { acquire: Duration::from_millis(1_500), result: Duration::from_millis(1_900), statement: None };
    /// A background duty.
    pub(in crate::store) const BACKGROUND: Self = Self {
        acquire: Duration::from_secs(30),
        result: Duration::from_secs(60),
        statement: Some(Duration::from_secs(20)),
    };

    /// Returns what is left of it after an attempt of this duration.
    pub(in crate::store) fn after(self, spent: Duration) -> Self {
        let left = |deadline: Duration| deadline.saturating_sub(spent);
        Self { acquire: left(self.acquire), result: left(self.result), ..self }
    }
}

/// Runs `work` on a worker thread that may block, and waits for its result.
///
/// # Errors
/// See [`wait_for`].
pub(in crate::store) async fn run_blocking<T: Send + 'static>(
    engine: &Engine,
    patience: Patience,
    work: impl FnOnce(&CommitState) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let state = Arc::new(CommitState::default());
    let shared = Arc::clone(&state);
    let result = tokio::task::spawn_blocking(move || work(&shared));
    wait_for(engine, &state, patience.result, result).await
}

/// Waits for the result of another thread, at most `timeout`; then cancels the work, which must not
/// commit after its request was answered with 503.
///
/// # Errors
/// The error of the work; [`StoreError::Unavailable`] after the timeout, and [`StoreError::Uncertain`] when
/// the work is committing by then.
pub(in crate::store) async fn wait_for<T, E: std::fmt::Display>(
    engine: &Engine,
    state: &CommitState,
    timeout: Duration,
    result: impl Future<Output = Result<Result<T, StoreError>, E>>,
) -> Result<T, StoreError> {
    match traced(engine, tokio::time::timeout(timeout, result)).await {
        Ok(Ok(result)) => result.map_err(StoreError::settled),
        Ok(Err(why)) => Err(StoreError::Internal(format!("the work ended early: {why}"))),
        Err(_) => {
            let late = "no answer in time".to_owned();
            Err(if state.cancel() { StoreError::Unavailable(late) } else { StoreError::Uncertain(late) })
        }
    }
}

/// Runs a future inside a trace span for the database.
pub(in crate::store) async fn traced<T>(engine: &Engine, work: impl Future<Output = T>) -> T {
    let system = match engine {
        Engine::Sqlite(_) => "sqlite",
        Engine::Postgres(_) => "postgresql",
    };
    traces::step("database", [KeyValue::new("db.system.name", system)], work).await
}

/// Waits for a permit. The worker thread holds it, not the request: work whose request no longer waits still
/// counts against the limit.
///
/// # Errors
/// [`StoreError::Unavailable`] after the deadline.
pub(in crate::store) async fn acquire(
    permits: &Arc<Semaphore>,
    deadline: Instant,
) -> Result<OwnedSemaphorePermit, StoreError> {
    match tokio::time::timeout_at(deadline.into(), Arc::clone(permits).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(StoreError::Unavailable("every connection is in use".to_owned())),
    }
}
