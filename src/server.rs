//! From an application and its settings to a listening server, and its graceful stop.

mod listening;
mod start_error;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::TimeDelta;

use self::listening::{listen, metrics_listener};
pub use self::start_error::StartError;
use crate::app::{App, Loaded};
use crate::authz::{Operator, Vocabulary};
use crate::config::{Config, Database, Registration};
use crate::domain::{Lifetimes, Surroundings};
use crate::follow::{Follower, Pace, open_keys};
use crate::hashing::{Hasher, InvalidCost};
use crate::http::{
    ActionTable, AnswerSeal, CursorKey, Exhausted, FormGuard, Paths, Services, Suspects, metrics_server,
};
use crate::master_key::load_master_key;
use crate::metrics::Metrics;
use crate::oauth::docs_client;
use crate::stop::{Signals, Stopping};
use crate::store::{ChainKey, Engine, OnRevoked, Recorder, Sealer, Store};
use crate::test_server::{self, TestServer};
use crate::tls::Certificate;
use crate::token::{
    Expected, Issuer, KeySafe, KeyUse, Keys, MasterKey, Revocations, UsedProofs, Verifier, follow,
};
use crate::traces::Traces;

/// How often the audit trail is sealed.
const SEALING: Duration = Duration::from_secs(1);

/// How long the end of the server waits for the last lines of the audit trail.
const LAST_LINES: Duration = Duration::from_secs(3);

/// A server that listens.
pub struct Server {
    /// Where.
    pub address: SocketAddr,
    /// Its public URL.
    pub issuer: String,
    running: actix_web::dev::Server,
    metrics: Option<(SocketAddr, actix_web::dev::Server)>,
    signals: Signals,
    grace: Duration,
    services: Arc<Services>,
}

impl Server {
    /// Migrates the database, makes what is missing (the master key, the first signing key) and
    /// begins to listen.
    pub(crate) async fn start(
        app: &App,
        settings: &Loaded,
        surroundings: Surroundings,
    ) -> Result<Self, StartError> {
        let faults = app.faults();
        if !faults.is_empty() {
            return Err(StartError::Faulty(faults));
        }
        let config = &settings.config;
        app.migrate(&engine(config))?;
        let listener =
            TcpListener::bind(config.listen).map_err(|error| StartError::Listen(config.listen, error))?;
        let address = listener.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;
        let services = Arc::new(services(app, settings, address, surroundings).await?);
        let issuer = services.issuer_url.clone();
        let workers = usize::from(config.workers);
        let tls = config.tls_files().map(Certificate::read).transpose()?;
        let tls_config = tls.as_ref().map(Certificate::server_config).transpose()?;
        if let Some(certificate) = tls {
            actix_web::rt::spawn(certificate.follow());
        }
        let running =
            listen(listener, tls_config, workers, config.cors_origins.clone(), Arc::clone(&services))
                .map_err(|error| StartError::Listen(address, error))?;
        let metrics = match metrics_listener(config)? {
            Some((address, listener)) => {
                let server = metrics_server(listener, Arc::clone(&services));
                Some((address, server.map_err(|error| StartError::Listen(address, error))?))
            }
            None => None,
        };
        let signals = Signals::take().map_err(StartError::Signals)?;
        Ok(Self { address, issuer, running, metrics, signals, grace: config.shutdown_grace, services })
    }

    /// Where its metrics are read.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(address, _)| *address)
    }

    /// What a server made for tests is besides.
    pub(crate) fn test(&self) -> Option<&TestServer> {
        self.services.test.as_deref()
    }

    /// A handle that stops it from elsewhere.
    pub fn handle(&self) -> actix_web::dev::ServerHandle {
        self.running.handle()
    }

    /// Serves until it is told to stop: by SIGTERM in order, with a grace in which it is not ready and
    /// still answers, by SIGINT or SIGQUIT at once.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(self) -> std::io::Result<()> {
        let (handle, services, grace) = (self.running.handle(), Arc::clone(&self.services), self.grace);
        let signals = self.signals;
        actix_web::rt::spawn(async move { signals.obey(handle, &services.stopping, grace).await });
        let metrics = self.metrics.map(|(_, server)| {
            let handle = server.handle();
            actix_web::rt::spawn(server);
            handle
        });
        let ended = self.running.await;
        if let Some(metrics) = metrics {
            metrics.stop(false).await;
        }
        self.services.traces.end().await;
        let written = self.services.recorder.flush();
        if tokio::time::timeout(LAST_LINES, written).await.is_err() {
            log::error!("the last lines of the audit trail could not be written");
        }
        ended
    }
}

/// Where the configuration says that the data is.
pub(crate) fn engine(config: &Config) -> Engine {
    match &config.database {
        Database::Sqlite(path) => Engine::Sqlite(path.clone()),
        Database::Postgres(url) => Engine::Postgres(url.clone()),
    }
}

/// The store alone, for the command line.
pub(crate) fn open_store(
    app: &App,
    config: &Config,
    surroundings: &Surroundings,
    on_revoked: OnRevoked,
) -> Store {
    let forever = TimeDelta::days(36_500);
    let long = |duration: Duration| TimeDelta::from_std(duration).unwrap_or(forever);
    let lifetimes = Lifetimes {
        access_token: token_lifetime(config),
        refresh_token: long(config.refresh_token_ttl),
        session: long(config.session_ttl),
    };
    Store::new(
        engine(config),
        usize::from(config.db_pool),
        surroundings.clone(),
        Arc::new(app.vocabulary.clone()),
        lifetimes,
        on_revoked,
    )
}

/// How long a token is accepted after it was signed.
pub(crate) fn token_lifetime(config: &Config) -> TimeDelta {
    TimeDelta::from_std(config.access_token_ttl + config.leeway).unwrap_or(TimeDelta::days(1))
}

/// What makes keys and opens them.
pub(crate) fn key_safe(config: &Config, master: MasterKey, surroundings: &Surroundings) -> KeySafe {
    let usage = KeyUse {
        algorithm: config.signing_algorithm,
        hs256_secret: config.hs256_secret.clone(),
        lifetime: token_lifetime(config),
        leeway: TimeDelta::from_std(config.leeway).unwrap_or_default(),
    };
    KeySafe::new(usage, master, surroundings.clone())
}

/// The keys of a server with this configuration, to make tokens as it would and to read them.
///
/// # Errors
/// When the database is away, or the master key is not that of its keys.
pub(crate) async fn stored_keys(
    store: &Store,
    config: &Config,
    surroundings: &Surroundings,
) -> Result<Keys, StartError> {
    let stored = store.signing_keys().await?;
    let master = load_master_key(config, &surroundings.random, true)?;
    Ok(Keys::open(key_safe(config, master, surroundings), stored)?)
}

/// The lane in which passwords are hashed.
///
/// # Errors
/// When the cost is one that argon2id does not take.
pub(crate) fn hasher(config: &Config, surroundings: &Surroundings) -> Result<Hasher, InvalidCost> {
    let (lanes, queue) = (usize::from(config.hash_lanes), usize::from(config.hash_queue));
    Hasher::new(config.argon2, lanes, queue, surroundings.random.clone())
}

async fn services(
    app: &App,
    settings: &Loaded,
    address: SocketAddr,
    surroundings: Surroundings,
) -> Result<Services, StartError> {
    let config = &settings.config;
    let vocabulary = Arc::new(app.vocabulary.clone());
    let Surroundings { clock, random } = surroundings.clone();
    let revocations = Arc::new(Revocations::default());
    let told = Arc::clone(&revocations);
    let store = open_store(app, config, &surroundings, Arc::new(move |revoked| told.apply(revoked)));
    let sealed_already = !store.signing_keys().await?.is_empty() || store.has_seals().await?;
    let master = load_master_key(config, &random, sealed_already)?;
    let (issuer_url, audience) = (config.issuer_at(address), config.audience_at(address));
    let cursors = CursorKey::new(&master.derive("cursor"));
    let forms = FormGuard::new(&master.derive("form"), &issuer_url);
    let answers = AnswerSeal::new(&master);
    let chain = ChainKey::new(&master.derive("audit"));
    let keys = match config.authorization_server {
        true => Some(Arc::new(open_keys(&store, key_safe(config, master, &surroundings)).await?)),
        false => None,
    };
    let (issuer, leeway) = (issuer_url.clone(), config.leeway);
    if config.trusts(&issuer) {
        return Err(StartError::TrustsItself(issuer));
    }
    let verifier = Verifier::new(
        Expected { issuer, audience: audience.clone(), leeway },
        keys.clone(),
        Arc::clone(&revocations),
        clock.clone(),
        Arc::clone(&vocabulary),
    )
    .trusting(&config.trusted_issuers);
    for issuer in verifier.foreign_issuers() {
        actix_web::rt::spawn(follow(Arc::clone(issuer)));
    }
    let (followed, rotation) = (keys.clone(), config.key_rotation);
    let follower =
        Follower { store: store.clone(), revocations, keys: followed, rotation, clock: clock.clone() };
    follower.start(store.announcements()?, Pace::default()).await?;
    let (recorder, writing) = Recorder::new(store.clone());
    actix_web::rt::spawn(writing);
    let (sealed, retention) = (store.clone(), config.audit_retention);
    let sealer = Sealer { store: sealed, key: chain, clock: clock.clone(), retention, pause: SEALING };
    actix_web::rt::spawn(sealer.run());
    let endpoints = app.routes_served(config);
    let hasher = hasher(config, &surroundings)?;
    let operator = operator(&vocabulary);
    let docs = config.docs && config.authorization_server;
    let docs = docs.then(|| docs_client::metadata(&issuer_url, &vocabulary)).transpose()?;
    docs_client::keep(&store, &operator, docs, clock.now()).await?;
    let test = match test_server::is_meant(config) {
        true => Some(test_server::begin(&store, &hasher, &operator, clock.clone()).await?),
        false => None,
    };
    let engine = match store.engine() {
        Engine::Sqlite(_) => "sqlite",
        Engine::Postgres(_) => "postgres",
    };
    Ok(Services {
        test,
        traces: match &config.otlp_endpoint {
            Some(collector) => Traces::to(collector, app.name)?,
            None => Traces::default(),
        },
        metrics: Metrics::new(engine)?,
        stopping: Stopping::default(),
        verifier,
        issuer: Arc::new(Issuer::new(
            &issuer_url,
            &audience,
            config.access_token_ttl,
            keys.clone(),
            clock.clone(),
            random.clone(),
        )),
        resources: [vec![audience.clone()], config.resources.clone()].concat(),
        hasher,
        store,
        clock,
        random,
        answers,
        forms,
        issuer_url,
        audience,
        issues_tokens: config.authorization_server,
        environment: config.environment,
        registration_open: config.registration == Registration::Open,
        limits: config.rate_limits,
        exhausted: Exhausted::default(),
        suspects: Suspects::default(),
        used_proofs: UsedProofs::default(),
        leeway: TimeDelta::from_std(config.leeway).unwrap_or_default(),
        trusted_proxies: config.trusted_proxies.clone(),
        cursors,
        keys,
        vocabulary,
        recorder,
        name: app.name,
        matrix: OnceLock::new(),
        openapi: OnceLock::new(),
        actions: ActionTable::of(&endpoints),
        paths: Paths::of(&endpoints).map_err(|fault| StartError::Faulty(vec![fault]))?,
        endpoints,
        settings: Arc::clone(&settings.own),
    })
}

/// Who registers what the server itself needs, and sows the seeds of one made for tests.
#[expect(clippy::disallowed_methods, reason = "it is whoever started the server")]
fn operator(vocabulary: &Arc<Vocabulary>) -> Operator {
    Operator::at_the_command_line(Arc::clone(vocabulary))
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::*;
    use crate::config::Sources;
    use crate::http::{NoContent, Problem, Public, endpoint};

    async fn fails(_: Public) -> Result<NoContent, Problem> {
        panic!("on purpose, with a secret in its message")
    }

    async fn works(_: Public) -> Result<NoContent, Problem> {
        Ok(NoContent)
    }

    fn two() -> App {
        let fails = endpoint(Method::GET, "/fails", "Fail", fails);
        App::default().endpoints(vec![fails, endpoint(Method::GET, "/works", "Work", works)])
    }

    fn get(url: &str) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(url).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    #[test]
    fn a_handler_that_panics_is_a_500_that_says_nothing_and_the_worker_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut sources = Sources::default();
        let database = format!("sqlite://{}", dir.path().join("panic.db").display());
        for (name, value) in [
            ("DATABASE_URL", &*database),
            ("CLOAKROOM_LISTEN", "127.0.0.1:0"),
            ("CLOAKROOM_WORKERS", "1"),
            ("CLOAKROOM_METRICS_LISTEN", "off"),
        ] {
            sources.environment.insert(name.to_owned(), value.to_owned());
        }
        let (app, surroundings) = (two(), Surroundings::default());
        let settings = app.load(&sources).unwrap();
        actix_web::rt::System::new().block_on(async {
            let server = app.start(&settings, surroundings).await.unwrap();
            let (url, handle) = (server.issuer.clone(), server.handle());
            let running = actix_web::rt::spawn(server.run());
            let asked = actix_web::web::block(move || {
                for _ in 0..3 {
                    let (status, body) = get(&format!("{url}/fails"));
                    assert_eq!(status, 500);
                    assert!(body.contains("\"code\":\"internal\"") && !body.contains("secret"), "{body}");
                    assert_eq!(get(&format!("{url}/works")).0, 204);
                }
            });
            asked.await.unwrap();
            handle.stop(false).await;
            running.await.unwrap().unwrap();
        });
    }
}
