//! From a request to a thread that may block, and how long it waits for what it asked for there.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::commit_state::Stage;
use super::connection::{Connection, Engine};
use super::error::StoreError;
use crate::store::{Inner, Store};
use crate::telemetry::traces;

/// How long a request waits for its turn and its connection before it is answered with 503.
pub(in crate::store) const PATIENCE: Duration = Duration::from_millis(1_500);

/// Those that were in each other's way are let go apart, at first by this much.
const APART: Duration = Duration::from_millis(5);

/// After this long a request stops waiting for the database, whatever it is doing.
const DEADLINE: Duration = Duration::from_millis(1_900);

impl Store {
    /// One hop to a thread that may block.
    pub(in crate::store) async fn hop<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &Stage) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (inner, stage) = (Arc::clone(&self.0), Arc::new(Stage::default()));
        let told = Arc::clone(&stage);
        self.answered(&stage, tokio::task::spawn_blocking(move || work(&inner, &told))).await
    }

    /// Waits for what is done elsewhere, which is told when nobody waits for it any more: a change that was
    /// answered with 503 must not be made after all.
    pub(in crate::store) async fn answered<T, E: std::fmt::Display>(
        &self,
        stage: &Stage,
        done: impl Future<Output = Result<Result<T, StoreError>, E>>,
    ) -> Result<T, StoreError> {
        match traces::step("database", self.traced(), tokio::time::timeout(DEADLINE, done)).await {
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
    pub(in crate::store) fn as_often_as_it_takes<T>(
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

    pub(in crate::store) fn with_connection<T>(
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
pub(in crate::store) async fn take_turn(
    turns: &Arc<Semaphore>,
    patience: Instant,
) -> Result<OwnedSemaphorePermit, StoreError> {
    match tokio::time::timeout_at(patience.into(), Arc::clone(turns).acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(StoreError::Unavailable("every connection is taken".to_owned())),
    }
}
