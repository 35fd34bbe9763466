//! Context of the operator's commands.

use std::path::absolute;
use std::sync::Arc;

use chrono::TimeDelta;
use clap::ArgMatches;

use super::output::Failure;
use crate::accounts::Accounts;
use crate::app::{App, Loaded};
use crate::authz::{Operator, Vocabulary};
use crate::config::{Config, Sources};
use crate::domain::{ClockAndRandom, Rotating};
use crate::mail::Mailer;
use crate::server::master_key::open_master_keys;
use crate::server::{engine, hasher, open_store, stored_keys, token_lifetime};
use crate::store::{Engine, MigrationState, TrustedStore};
use crate::telemetry::logging;
use crate::token::{Keys, MasterKey};

/// Application, its settings, the clock and the random number generator.
pub(super) struct Context {
    pub(super) app: Arc<App>,
    pub(super) settings: Loaded,
    pub(super) clock_and_random: ClockAndRandom,
}

/// Starts the log as the configuration says.
pub(super) fn start_log(config: &Config) {
    logging::init(config.log_format, &config.log_filter, config.access_log);
}

impl Context {
    /// Reads the configuration and starts the log.
    pub(super) fn load(app: &Arc<App>, matches: &ArgMatches) -> Result<Self, Failure> {
        let settings = app.load(&Sources::from_process(app.settings_list(), matches))?;
        start_log(&settings.config);
        Ok(Self { app: Arc::clone(app), settings, clock_and_random: ClockAndRandom::default() })
    }

    pub(super) fn config(&self) -> &Config {
        &self.settings.config
    }

    /// Returns how long a token is accepted after it was signed.
    pub(super) fn token_lifetime(&self) -> TimeDelta {
        token_lifetime(self.config())
    }

    pub(super) fn vocabulary(&self) -> &Vocabulary {
        self.app.vocabulary()
    }

    /// Opens the store.
    ///
    /// # Errors
    /// When there is no database, or its schema is not up to date.
    pub(super) fn store(&self) -> Result<TrustedStore, Failure> {
        self.database_exists()?;
        if self.migration_states()?.iter().all(|state| state.applied) {
            return Ok(self.open_store());
        }
        let database = self.config().database.describe();
        Err(Failure::new(format!(
            "the schema of {database} is not up to date; run {} migrate",
            self.app.name
        )))
    }

    /// Migrates the database and opens the store.
    ///
    /// # Errors
    /// When there is no database, or it cannot be migrated.
    pub(super) fn migrated_store(&self) -> Result<TrustedStore, Failure> {
        self.database_exists()?;
        self.app.migrate(&engine(self.config()))?;
        Ok(self.open_store())
    }

    /// Refuses a database file that does not exist. In a wrong working directory a command would otherwise
    /// write to a new database and report success.
    fn database_exists(&self) -> Result<(), Failure> {
        match engine(self.config()) {
            Engine::Sqlite(path) if !path.exists() => Err(Failure::new(format!(
                "there is no database {}; run this in the working directory of the server, or set DATABASE_URL; \
                 {} migrate creates a new database",
                absolute(&path).unwrap_or(path).display(),
                self.app.name
            ))),
            _ => Ok(()),
        }
    }

    /// Returns all migrations with their states. Creates no database file.
    pub(super) fn migration_states(&self) -> Result<Vec<MigrationState>, Failure> {
        let engine = match engine(self.config()) {
            // Opening a missing file would create it. A database in memory lacks the same migrations.
            Engine::Sqlite(path) if !path.exists() => Engine::Sqlite(":memory:".into()),
            engine => engine,
        };
        Ok(self.app.migration_states(&engine)?)
    }

    /// Returns the signing keys of a server with this configuration.
    pub(super) async fn signing_keys(&self, store: &TrustedStore) -> Result<Keys, Failure> {
        Ok(stored_keys(store, self.config(), &self.clock_and_random).await?)
    }

    /// Returns the master keys, of which one sealed the database, and gives the store its keys.
    pub(super) async fn master_keys(&self, store: &TrustedStore) -> Result<Rotating<MasterKey>, Failure> {
        Ok(open_master_keys(store, self.config(), &self.clock_and_random).await?)
    }

    /// Returns the operator.
    #[expect(clippy::disallowed_methods, reason = "this is the command line")]
    pub(super) fn operator(&self) -> Operator {
        Operator::at_the_command_line(Arc::new(self.vocabulary().clone()))
    }

    /// Returns the life of accounts, for links.
    pub(super) async fn accounts(&self, store: &TrustedStore) -> Result<Accounts, Failure> {
        let config = self.config();
        let master = self.master_keys(store).await?;
        let mailer = Mailer::new(&master, self.clock_and_random.clone());
        let (hasher, issuer) = (hasher(config, &self.clock_and_random)?, config.issuer_at(config.listen));
        Ok(Accounts::new(config, store.clone(), mailer, hasher, self.clock_and_random.clone(), issuer))
    }

    /// Opens the store without a check of its schema. A running server learns of revocations made here.
    pub(super) fn open_store(&self) -> TrustedStore {
        open_store(&self.app, self.config(), &self.clock_and_random, Arc::new(|_| {}))
    }
}
