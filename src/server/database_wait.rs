//! Start while PostgreSQL is not available yet: at boot the server and the database start together.

use std::time::{Duration, Instant};

use super::engine;
use crate::app::App;
use crate::config::Config;
use crate::store::{Engine, StoreError};

/// Pause before the second attempt. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl App {
    /// Migrates the database, and returns the names of the applied migrations. Tries again while PostgreSQL
    /// is not available, for as long as the configuration says. An SQLite file is there or it is not.
    ///
    /// # Errors
    /// When the database is still not available, or a migration fails; then nothing is applied.
    pub(crate) async fn migrate_when_available(&self, config: &Config) -> Result<Vec<String>, StoreError> {
        let engine = engine(config);
        let deadline = Instant::now() + config.database_wait;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match (self.migrate(&engine), &engine) {
                (Err(StoreError::Unavailable(why) | StoreError::Lost(why)), Engine::Postgres(_))
                    if !left.is_zero() =>
                {
                    let (why, seconds) = (why.trim(), left.as_secs_f32().ceil());
                    log::warn!("waiting for the database, for {seconds} s more: {why}");
                }
                (done, _) => {
                    let done = done?;
                    self.warn_of_newer_schema(&engine)?;
                    return Ok(done);
                }
            }
            actix_web::rt::time::sleep(pause.min(left)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Warns when a newer version of the program has migrated the database. It is no error: during a rolling update the
    /// earlier version must be able to restart, and a migration only adds.
    fn warn_of_newer_schema(&self, engine: &Engine) -> Result<(), StoreError> {
        let unknown = self.unknown_migrations(engine)?;
        if !unknown.is_empty() {
            log::warn!(
                "the schema of the database is newer than this program, which does not know the migrations {}; start the \
                 newer version unless a rolling update is under way",
                unknown.join(", ")
            );
        }
        Ok(())
    }
}
