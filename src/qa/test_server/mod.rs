//! A server made for tests, `serve --test`: in memory, with users of every kind, a clock that can be
//! moved, and a way back to where it began. None of it is in a server that was started otherwise: it
//! has neither these routes nor what they work with .

mod routes;
mod seeds;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::authz::Operator;
use crate::config::Faults;
use crate::config::{Config, Database, Environment, Sources};
use crate::domain::{Clock, ClockAndRandom, Random};
use crate::hashing::Argon2Cost;
use crate::store::{InMemory, Snapshot, Store, StoreError, hold};
use crate::{App, Loaded};

pub(crate) use routes::endpoints;
pub(crate) use seeds::{Seeds, sow};

/// A database that is in the memory of this process and nowhere else; its connections share it.
const DATABASE: &str = "file:/cloakroom-test?vfs=memdb";

/// Nothing is kept that it would protect.
pub(crate) const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Below the floor that a configuration must keep: these passwords stand in the documentation.
pub(crate) const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// What a test server is besides a server.
pub struct TestServer {
    /// Who is there from the beginning.
    pub(crate) seeds: Seeds,
    /// What the database was when it began.
    pub(crate) snapshot: Snapshot,
    /// The clock of the whole server.
    pub(crate) clock: Clock,
}

/// Why there is no test server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoTestServer {
    /// Somebody else could reach it.
    #[error(
        "a test server listens on this machine alone, and {0} is not loopback; give --listen 127.0.0.1:0"
    )]
    Listen(SocketAddr),
    /// A setting is at fault.
    #[error("{0}")]
    Settings(#[from] Faults),
}

/// The settings of a test server: all are its own, but for where it listens, what it logs and those of
/// the application.
pub(crate) fn settings(app: &App, given: &Sources) -> Result<Loaded, NoTestServer> {
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
        // One connection: nobody waits for another's lock.
        ("CLOAKROOM_DB_POOL", "1"),
        ("CLOAKROOM_RATE_LIMITS", "off"),
        ("CLOAKROOM_METRICS_LISTEN", "off"),
        ("CLOAKROOM_SHUTDOWN_GRACE", "0s"),
    ];
    sources.environment.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // Before the settings are held against each other, so that it is said for what it is.
    let listen = sources.environment.get("CLOAKROOM_LISTEN").and_then(|listen| listen.parse().ok());
    if let Some(listen) = listen.filter(|listen: &SocketAddr| !listen.ip().to_canonical().is_loopback()) {
        return Err(NoTestServer::Listen(listen));
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

/// The time and the randomness of a test server.
pub(crate) fn clock_and_random() -> ClockAndRandom {
    ClockAndRandom { clock: Clock::shifted(), random: Random::system() }
}

/// Keeps the database, for as long as this is held.
pub(crate) fn hold_database() -> Result<InMemory, StoreError> {
    hold(DATABASE)
}

/// Whether this is the configuration of one.
pub(crate) fn is_meant(config: &Config) -> bool {
    config.environment == Environment::Test
}

/// Sows the seeds and remembers what there is then.
pub(crate) async fn begin(
    store: &Store,
    hasher: &crate::hashing::Hasher,
    operator: &Operator,
    clock: Clock,
) -> Result<Arc<TestServer>, StoreError> {
    let seeds = sow(store, hasher, operator, &clock).await?;
    let snapshot = Snapshot::of(DATABASE)?;
    Ok(Arc::new(TestServer { seeds, snapshot, clock }))
}
