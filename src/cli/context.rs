//! What the operator's commands work with.

use std::sync::Arc;

use chrono::TimeDelta;
use clap::ArgMatches;

use super::output::Failure;
use crate::authz::{Operator, Vocabulary};
use crate::config::{Config, Sources};
use crate::domain::ClockAndRandom;
use crate::server::{engine, open_store, token_lifetime};
use crate::store::{Engine, MigrationState, TrustedStore};
use crate::telemetry::logging;
use crate::{App, Loaded};

/// The configuration, and what comes from outside.
pub(super) struct Context {
    pub(super) app: Arc<App>,
    pub(super) settings: Loaded,
    pub(super) clock_and_random: ClockAndRandom,
}

impl Context {
    /// Reads the configuration and starts the log.
    pub(super) fn load(app: &Arc<App>, matches: &ArgMatches) -> Result<Self, Failure> {
        let settings = app.load(&Sources::from_process(app.settings_list(), matches))?;
        logging::init(settings.config.log_format, &settings.config.log_filter);
        Ok(Self { app: Arc::clone(app), settings, clock_and_random: ClockAndRandom::default() })
    }

    pub(super) fn config(&self) -> &Config {
        &self.settings.config
    }

    /// How long a token is accepted after it was signed.
    pub(super) fn token_lifetime(&self) -> TimeDelta {
        token_lifetime(self.config())
    }

    pub(super) fn vocabulary(&self) -> &Vocabulary {
        self.app.vocabulary()
    }

    /// The store, provided that its schema is this program's.
    pub(super) fn store(&self) -> Result<TrustedStore, Failure> {
        if self.migration_states()?.iter().all(|state| state.applied) {
            return Ok(self.open_store());
        }
        let database = self.config().database.describe();
        Err(Failure::new(format!(
            "the schema of {database} is not up to date; run {} migrate",
            self.app.name
        )))
    }

    /// The store, brought up to date first, so that a new machine needs nothing else.
    pub(super) fn migrated_store(&self) -> Result<TrustedStore, Failure> {
        self.app.migrate(&engine(self.config()))?;
        Ok(self.open_store())
    }

    /// Every migration, and whether the database has it. Makes no file where there is none.
    pub(super) fn migration_states(&self) -> Result<Vec<MigrationState>, Failure> {
        let engine = match engine(self.config()) {
            // Opening the file would make it; one in memory lacks the same migrations.
            Engine::Sqlite(path) if !path.exists() => Engine::Sqlite(":memory:".into()),
            engine => engine,
        };
        Ok(self.app.migration_states(&engine)?)
    }

    /// Who gives the commands.
    #[expect(clippy::disallowed_methods, reason = "this is the command line")]
    pub(super) fn operator(&self) -> Operator {
        Operator::at_the_command_line(Arc::new(self.vocabulary().clone()))
    }

    /// The store, whatever its schema. A running server learns from it what is revoked here.
    pub(super) fn open_store(&self) -> TrustedStore {
        open_store(&self.app, self.config(), &self.clock_and_random, Arc::new(|_| {}))
    }
}
