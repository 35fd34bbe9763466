//! What the operator's commands work with.

use std::sync::Arc;

use clap::ArgMatches;

use super::output::Failure;
use crate::app::{self, Surroundings};
use crate::authz::Operator;
use crate::config::{Config, SettingsList, Sources};
use crate::logging;
use crate::store::{Engine, MigrationState, Store, migrate, migration_states};

/// The configuration, and what comes from outside.
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) surroundings: Surroundings,
}

impl Context {
    /// Reads the configuration and starts the log.
    pub(super) fn load(settings: SettingsList, matches: &ArgMatches) -> Result<Self, Failure> {
        let config = Config::load(&Sources::from_process(settings, matches))?;
        logging::init(config.log_format, &config.log_filter);
        Ok(Self { config, surroundings: Surroundings::default() })
    }

    /// The store, provided that its schema is this program's.
    pub(super) fn store(&self) -> Result<Store, Failure> {
        if self.migration_states()?.iter().all(|state| state.applied) {
            return Ok(self.open_store());
        }
        let database = self.config.database.describe();
        Err(Failure::new(format!("the schema of {database} is not up to date; run cloakroom migrate")))
    }

    /// The store, brought up to date first, so that a new machine needs nothing else.
    pub(super) fn migrated_store(&self) -> Result<Store, Failure> {
        migrate(&app::engine(&self.config))?;
        Ok(self.open_store())
    }

    /// Every migration, and whether the database has it. Makes no file where there is none.
    pub(super) fn migration_states(&self) -> Result<Vec<MigrationState>, Failure> {
        let engine = match app::engine(&self.config) {
            // Opening the file would make it; one in memory lacks the same migrations.
            Engine::Sqlite(path) if !path.exists() => Engine::Sqlite(":memory:".into()),
            engine => engine,
        };
        Ok(migration_states(&engine)?)
    }

    /// A running server learns from the database what is revoked here.
    fn open_store(&self) -> Store {
        app::open_store(&self.config, &self.surroundings, Arc::new(|_| {}))
    }
}

/// Who gives the commands.
#[expect(clippy::disallowed_methods, reason = "this is the command line")]
pub(super) fn operator() -> Operator {
    Operator::at_the_command_line()
}
