//! State of a test server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::Faults;
use super::seed_error::SeedError;
use super::seed_file::SeedFile;
use super::seeds::{SeedRecord, Seeder, Seeds};
use crate::app::TestSettings;
use crate::authz::{Operator, Vocabulary};
use crate::config::{Config, Environment};
use crate::domain::{Clock, ClockAndRandom, ClockState, Random};
use crate::hashing::Hasher;
use crate::http::{Code, Endpoint, Problem, Services};
use crate::mail::Mailbox;
use crate::store::hold;
use crate::store::{InMemory, Snapshot, StoreError, TrustedStore};

/// SQLite database in the memory of this process, shared by its connections.
pub(super) const DATABASE: &str = "file:/cloakroom-test?vfs=memdb";

/// State of a test server.
pub struct TestServer {
    seeds: Mutex<Seeds>,
    /// The database at the baseline.
    pub(super) snapshot: Snapshot,
    /// The clock at the baseline.
    clock_state: Mutex<ClockState>,
    /// Looks up the users of test tokens.
    pub(super) operator: Operator,
    /// The clock of the server.
    pub(super) clock: Clock,
    /// The mails that it would have sent.
    pub(super) mailbox: Mailbox,
    /// The faults of its next answers.
    pub(crate) faults: Arc<Faults>,
    /// The settings that it takes, with their values.
    pub(super) settings: BTreeMap<&'static str, String>,
    /// Methods and paths of the routes, without its additional ones.
    routes: Vec<String>,
}

impl TestServer {
    /// Returns the test accounts and records.
    pub(crate) fn seeds(&self) -> Seeds {
        lock(&self.seeds).clone()
    }

    /// Adds records of the seed file.
    pub(crate) fn add_records(&self, records: Vec<SeedRecord>) {
        lock(&self.seeds).records.extend(records);
    }

    /// Keeps the clock as a part of the baseline.
    pub(super) fn keep_clock(&self) {
        *lock(&self.clock_state) = self.clock.state();
    }

    /// Sets the clock as it was at the baseline.
    pub(super) fn restore_clock(&self) {
        self.clock.adjust(*lock(&self.clock_state));
    }

    /// Returns the route with the nearest name. None when there is a route of this name.
    pub(super) fn nearest_route(&self, name: &str) -> Option<&str> {
        if self.routes.iter().any(|route| route == name) {
            return None;
        }
        let distance = |route: &&String| strsim::damerau_levenshtein(route, name);
        Some(self.routes.iter().min_by_key(distance).map_or("", String::as_str))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the clock and the random number generator of a test server.
pub(crate) fn clock_and_random() -> ClockAndRandom {
    ClockAndRandom { clock: Clock::adjustable(), random: Random::system() }
}

/// Keeps the database in memory until the returned value is dropped.
pub(crate) fn hold_database() -> Result<InMemory, StoreError> {
    hold(DATABASE)
}

/// Returns true for the configuration of a test server.
pub(crate) fn is_test(config: &Config) -> bool {
    config.environment == Environment::Test
}

/// Parts of a server that becomes a test server.
pub(crate) struct Start<'a> {
    pub(crate) store: &'a TrustedStore,
    pub(crate) hasher: &'a Hasher,
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) operator: Operator,
    pub(crate) clock_and_random: &'a ClockAndRandom,
    pub(crate) mailbox: Mailbox,
    pub(crate) endpoints: &'a [Endpoint],
    pub(crate) settings: TestSettings,
}

/// Creates the test accounts, and takes a snapshot of the database.
///
/// # Errors
/// When the seed file breaks a rule, or the accounts cannot be stored.
pub(crate) async fn start(parts: Start<'_>) -> Result<Arc<TestServer>, SeedError> {
    let Start { store, hasher, vocabulary, operator, clock_and_random, mailbox, endpoints, settings } = parts;
    let file = match &settings.seed {
        Some(seed) => SeedFile::read(seed, vocabulary, hasher)?,
        None => SeedFile::default(),
    };
    let seeder = Seeder { store, hasher, operator: &operator, clock_and_random };
    let seeds = Mutex::new(seeder.seed(file).await?);
    let snapshot = Snapshot::of(DATABASE)?;
    let clock = clock_and_random.clock.clone();
    Ok(Arc::new(TestServer {
        seeds,
        snapshot,
        clock_state: Mutex::new(clock.state()),
        operator,
        clock,
        mailbox,
        faults: Arc::default(),
        settings: settings.taken,
        routes: endpoints.iter().map(|endpoint| endpoint.name()).collect(),
    }))
}

/// Returns the state of the test server.
///
/// # Errors
/// 404 on another server.
pub(super) fn test_server(services: &Services) -> Result<Arc<TestServer>, Problem> {
    services.extensions.get().ok_or_else(|| Problem::new(Code::UnknownPath))
}
