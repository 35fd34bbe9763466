//! Test server and its settings.

use std::net::SocketAddr;
use std::sync::Arc;

use super::seeds::{Seeds, seed};
use crate::app::{App, Loaded};
use crate::authz::Operator;
use crate::config::{Config, Database, Environment, Faults, Sources};
use crate::domain::{Clock, ClockAndRandom, Random};
use crate::hashing::Argon2Cost;
use crate::http::{Code, Problem, Services};
use crate::mail::Mailbox;
use crate::store::hold;
use crate::store::{InMemory, Snapshot, Store, StoreError};

/// SQLite database in the memory of this process, shared by its connections.
const DATABASE: &str = "file:/cloakroom-test?vfs=memdb";

/// Master key. It protects no stored data.
pub(crate) const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Cost of password hashes, below the minimum of a configuration: the documentation has these passwords.
pub(crate) const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// State of a test server.
pub struct TestServer {
    /// The test accounts.
    pub(crate) seeds: Seeds,
    /// The database at the start.
    pub(crate) snapshot: Snapshot,
    /// Looks up the users of test tokens.
    pub(crate) operator: Operator,
    /// The clock of the server.
    pub(crate) clock: Clock,
    /// The mails that it would have sent.
    pub(crate) mailbox: Mailbox,
}

/// Error of the settings of a test server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TestServerError {
    /// Other machines could reach it.
    #[error("a test server must listen on a loopback address, and {0} is not one; give --listen 127.0.0.1:0")]
    Listen(SocketAddr),
    /// A setting has a fault.
    #[error("{0}")]
    Settings(#[from] Faults),
}

/// Returns the settings of a test server. Of those given it uses the listening address, the log, and the
/// application's own.
pub(crate) fn settings(app: &App, given: &Sources) -> Result<Loaded, TestServerError> {
    let kept = ["CLOAKROOM_LISTEN", "CLOAKROOM_LOG_FORMAT", "CLOAKROOM_ACCESS_LOG", "RUST_LOG"];
    let own = |name: &&String| kept.contains(&name.as_str()) || !is_cloakrooms(name);
    let mut sources = Sources { settings: app.settings_list(), ..Sources::default() };
    for from in [&given.dotenv, &given.environment, &given.flags] {
        let some = from.iter().filter(|(name, _)| own(name));
        sources.environment.extend(some.map(|(name, value)| (name.clone(), value.clone())));
    }
    let fixed = [
        ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
        ("CLOAKROOM_WORKERS", "2"),
        // With one connection, no request waits for the lock of another.
        ("CLOAKROOM_DB_POOL", "1"),
        ("CLOAKROOM_RATE_LIMITS", "off"),
        ("CLOAKROOM_METRICS_LISTEN", "off"),
        ("CLOAKROOM_SHUTDOWN_GRACE", "0s"),
    ];
    sources.environment.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // This check comes before the others, so that its error is the one that is shown.
    let listen = sources.environment.get("CLOAKROOM_LISTEN").and_then(|listen| listen.parse().ok());
    if let Some(listen) = listen.filter(|listen: &SocketAddr| !listen.ip().to_canonical().is_loopback()) {
        return Err(TestServerError::Listen(listen));
    }
    let mut loaded = app.load(&sources)?;
    loaded.config.database = Database::Sqlite(DATABASE.into());
    loaded.config.argon2 = CHEAP;
    loaded.config.environment = Environment::Test;
    Ok(loaded)
}

fn is_cloakrooms(name: &str) -> bool {
    name.starts_with("CLOAKROOM_") || name == "DATABASE_URL" || name == "RUST_LOG"
}

/// Returns the clock and the random number generator of a test server.
pub(crate) fn clock_and_random() -> ClockAndRandom {
    ClockAndRandom { clock: Clock::shifted(), random: Random::system() }
}

/// Keeps the database in memory until the returned value is dropped.
pub(crate) fn hold_database() -> Result<InMemory, StoreError> {
    hold(DATABASE)
}

/// Returns true for the configuration of a test server.
pub(crate) fn is_test(config: &Config) -> bool {
    config.environment == Environment::Test
}

/// Creates the test accounts, and takes a snapshot of the database.
pub(crate) async fn start(
    store: &Store,
    hasher: &crate::hashing::Hasher,
    operator: Operator,
    clock: Clock,
    mailbox: Mailbox,
) -> Result<Arc<TestServer>, StoreError> {
    let seeds = seed(store, hasher, &operator, &clock).await?;
    let snapshot = Snapshot::of(DATABASE)?;
    Ok(Arc::new(TestServer { seeds, snapshot, operator, clock, mailbox }))
}

/// Returns the state of the test server.
///
/// # Errors
/// 404 on another server.
pub(super) fn test_server(services: &Services) -> Result<Arc<TestServer>, Problem> {
    services.extensions.get().ok_or_else(|| Problem::new(Code::UnknownPath))
}
