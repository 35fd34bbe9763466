//! Running server.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use super::jobs::Jobs;
use super::listening::{listen, metrics_listener};
use super::services::services;
use super::shutdown::Signals;
use super::tls::Certificate;
use crate::app::{App, Loaded};
use crate::config::{Config, Environment, Machine, Retention};
use crate::domain::ClockAndRandom;
use crate::http::{Services, metrics_server};
use crate::qa::test_server::TestServer;

/// Listening server.
pub struct Server {
    /// The address on which it listens.
    pub address: SocketAddr,
    /// Its public URL.
    pub issuer: String,
    running: actix_web::dev::Server,
    metrics: Option<(SocketAddr, actix_web::dev::Server)>,
    signals: Signals,
    grace: Duration,
    services: Arc<Services>,
    jobs: Jobs,
}

impl App {
    /// Migrates the database, creates what is missing (the master key, the first signing key) and starts to
    /// listen.
    ///
    /// # Errors
    /// Anything that keeps the server from starting: see [`StartError`].
    pub async fn start(
        &self,
        settings: &Loaded,
        clock_and_random: ClockAndRandom,
    ) -> Result<Server, StartError> {
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(StartError::Faulty(faults));
        }
        let config = &settings.config;
        log_sizes(config, Machine::of_process());
        warn_of_growth(config);
        self.migrate_when_available(config).await?;
        let listener =
            TcpListener::bind(config.listen).map_err(|error| StartError::Listen(config.listen, error))?;
        let address = listener.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;
        let (services, endpoints, own_jobs) = services(self, settings, address, clock_and_random).await?;
        let services = Arc::new(services);
        let issuer = services.issuer_url.clone();
        let certificate = config.tls_files().map(Certificate::read).transpose()?;
        let tls = certificate.as_ref().map(Certificate::server_config).transpose()?;
        if let Some(certificate) = certificate {
            actix_web::rt::spawn(certificate.reload(services.metrics.certificate_expires.clone()));
        }
        let running = listen(listener, tls, config, &services, endpoints)
            .map_err(|error| StartError::Listen(address, error))?;
        let metrics = match metrics_listener(config)? {
            Some((address, listener)) => {
                let server = metrics_server(listener, Arc::clone(&services));
                Some((address, server.map_err(|error| StartError::MetricsListen(address, error))?))
            }
            None => None,
        };
        let jobs = Jobs::start(self, &own_jobs, settings, &services);
        let signals = Signals::take().map_err(StartError::Signals)?;
        Ok(Server {
            address,
            issuer,
            running,
            metrics,
            signals,
            grace: config.shutdown_grace,
            services,
            jobs,
        })
    }
}

/// Logs the sizes of the server, and what the machine has for them.
fn log_sizes(config: &Config, machine: Machine) {
    let Config { hash_lanes, workers, db_pool, argon2, .. } = config;
    let memory = machine.memory;
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    log::info!(
        hash_lanes, workers, db_pool, hash_cost:% = argon2, cores = machine.cores,
        memory = memory.map_or_else(|| "unknown".to_owned(), |memory| mib(memory.bytes)),
        memory_limited_by = memory.map_or_else(|| "nothing".to_owned(), |memory| memory.limited_by.to_string());
        "sizes of the server, and what they follow from where a setting is auto"
    );
    let hashes = u64::from(*hash_lanes) * u64::from(argon2.memory_kib) * 1024;
    if memory.is_some_and(|memory| hashes > memory.bytes / 2) {
        log::warn!(
            "password hashes can take {}, which is more than half of the memory; lower CLOAKROOM_HASH_LANES",
            mib(hashes)
        );
    }
}

/// Warns when the operator has not decided how long audit entries stay.
fn warn_of_growth(config: &Config) {
    if config.audit_retention == Retention::Undecided && !config.has_loopback_issuer() {
        log::warn!(
            "the audit trail grows without a bound; set CLOAKROOM_AUDIT_RETENTION to a time such as 400d, or to forever"
        );
    }
}

impl Server {
    /// Returns the address of its metrics, if it serves any.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(address, _)| *address)
    }

    /// Returns the state of a test server.
    pub(crate) fn test(&self) -> Option<Arc<TestServer>> {
        self.services.extensions.get()
    }

    /// Returns a handle that stops it from another task.
    pub fn handle(&self) -> actix_web::dev::ServerHandle {
        self.running.handle()
    }

    /// Serves until it is told to stop. SIGTERM stops it gracefully: during a grace period it is not ready
    /// and still answers. SIGINT and SIGQUIT stop it at once.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(self) -> std::io::Result<()> {
        let (handle, services, grace) = (self.running.handle(), Arc::clone(&self.services), self.grace);
        let signals = match services.environment {
            // A request can be hung on purpose.
            Environment::Test => self.signals.at_once(),
            Environment::Production | Environment::Staging => self.signals,
        };
        actix_web::rt::spawn(async move { signals.stop(handle, &services.shutdown, grace).await });
        let metrics = self.metrics.map(|(_, server)| {
            let handle = server.handle();
            actix_web::rt::spawn(server);
            handle
        });
        let ended = self.running.await;
        self.jobs.stop().await;
        if let Some(metrics) = metrics {
            metrics.stop(false).await;
        }
        self.services.traces.end().await;
        if let Err(error) = self.services.recorder.close().await {
            log::error!("the last entries of the audit trail are lost: {error}");
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::*;
    use crate::config::Sources;
    use crate::http::kit::endpoint::endpoint;
    use crate::http::{NoContent, Problem, Public};

    async fn fails(_: Public) -> Result<NoContent, Problem> {
        panic!("on purpose, with a secret in its message")
    }

    async fn works(_: Public) -> Result<NoContent, Problem> {
        Ok(NoContent)
    }

    fn app_with_a_panic() -> App {
        let fails = endpoint(Method::GET, "/fails", "Fail", fails);
        App::default().endpoints(vec![fails, endpoint(Method::GET, "/works", "Work", works)])
    }

    fn get(url: &str) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(url).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    #[test]
    fn a_handler_panic_becomes_a_500_and_the_worker_lives_on() {
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
        let (app, clock_and_random) = (app_with_a_panic(), ClockAndRandom::default());
        let settings = app.load(&sources).unwrap();
        actix_web::rt::System::new().block_on(async {
            let server = app.start(&settings, clock_and_random).await.unwrap();
            let (url, handle) = (server.issuer.clone(), server.handle());
            let running = actix_web::rt::spawn(server.run());
            let requests = actix_web::web::block(move || {
                for _ in 0..3 {
                    let (status, body) = get(&format!("{url}/fails"));
                    assert_eq!(status, 500);
                    assert!(body.contains("\"code\":\"internal\"") && !body.contains("secret"), "{body}");
                    assert_eq!(get(&format!("{url}/works")).0, 204);
                }
            });
            requests.await.unwrap();
            handle.stop(false).await;
            running.await.unwrap().unwrap();
        });
    }
}
