//! Services of a server, and its background tasks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::duties::{Duty, DutyReport};
use super::expiry::{delete_covered, delete_expired, evict_counters};
use super::master_key::load_master_key;
use super::replication::{Intervals, Replication};
use super::signing_keys::{KeyRotation, load_or_create_keys};
use super::{
    MailParts, StartError, hasher, key_store, mail_job, mail_sender, open_signer_keys, open_store, transport,
};
use crate::accounts::Accounts;
use crate::app::jobs::DeclaredJob;
use crate::app::{App, Loaded};
use crate::authz::{Operator, Vocabulary};
use crate::config::{Config, Registration};
use crate::domain::{Clock, ClockAndRandom};
use crate::http::kit::{
    ActionTable, AnswerSeal, Extensions, ForgeryThrottle, RateLimits, RouteTable, ShutdownFlag,
    TrustedProxies,
};
use crate::http::pages::render_problem;
use crate::http::{CursorKey, Endpoint, FormGuard, Services};
use crate::mail::{Mailbox, Mailer, Transport};
use crate::oauth::docs_client;
use crate::oauth::metadata::issuer_path;
use crate::qa::test_server;
use crate::store::{ChainKey, Engine, Recorder, Sealer, TrustedStore};
use crate::telemetry::metrics::{DutyMetrics, Metrics};
use crate::telemetry::traces::Traces;
use crate::token::{Expected, Issuer, Keys, MasterKey, Revocations, UsedProofs, Verifier, refresh_keys, tls};

/// Pause between two seals of the audit trail.
const SEAL_PAUSE: Duration = Duration::from_secs(1);

/// Pause between two removals of expired rows, and of audit entries.
const EXPIRY_PAUSE: Duration = Duration::from_secs(10);

/// Pause between two looks whether the signing keys are due for rotation.
const ROTATION_PAUSE: Duration = Duration::from_secs(30);

/// Makes the services for requests, and starts the background tasks.
pub(super) async fn services(
    app: &App,
    settings: &Loaded,
    address: SocketAddr,
    clock_and_random: ClockAndRandom,
) -> Result<(Services, Vec<Endpoint>, Vec<DeclaredJob>), StartError> {
    let config = &settings.config;
    let vocabulary = Arc::new(app.vocabulary.clone());
    let (issuer_url, audience) = (config.issuer_at(address), config.audience_at(address));
    if config.trusts(&issuer_url) {
        return Err(StartError::TrustsItself(issuer_url));
    }
    let revocations = Arc::new(Revocations::default());
    let revoked_here = Arc::clone(&revocations);
    let store =
        open_store(app, config, &clock_and_random, Arc::new(move |revoked| revoked_here.apply(revoked)));
    let master = master_key(&store, config, &clock_and_random).await?;
    let cursors = CursorKey::new(&master.derive("cursor"));
    let forms = FormGuard::new(&master.derive("form"), &issuer_url);
    let answers = AnswerSeal::new(&master);
    let chain = ChainKey::new(&master.derive("audit"));
    let mailer = Mailer::new(&master, clock_and_random.clone());
    let hasher = open_signer_keys(hasher(config, &clock_and_random)?, master.clone());
    let keys = match config.authorization_server {
        true => {
            Some(Arc::new(load_or_create_keys(&store, key_store(config, master, &clock_and_random)).await?))
        }
        false => None,
    };
    let accounts = Accounts {
        store: store.clone(),
        mailer: mailer.clone(),
        hasher: hasher.clone(),
        clock_and_random: clock_and_random.clone(),
        links: Arc::new(config.links.clone().unwrap_or_default()),
        issuer: issuer_url.clone(),
        sends_mail: config.sends_mail(),
        registration_open: config.registration.is_open(),
        proves_addresses: config.registration == Registration::Verified,
    };
    let ClockAndRandom { clock, random } = clock_and_random.clone();
    let expected = Expected { issuer: issuer_url.clone(), audience: audience.clone(), leeway: config.leeway };
    let verifier = Verifier::new(
        expected,
        keys.clone(),
        Arc::clone(&revocations),
        clock.clone(),
        Arc::clone(&vocabulary),
    )
    .with_trusted_issuers(&config.trusted_issuers);
    for issuer in verifier.external_issuers() {
        actix_web::rt::spawn(refresh_keys(Arc::clone(issuer)));
    }
    let metrics = Metrics::new(match store.engine() {
        Engine::Sqlite(_) => "sqlite",
        Engine::Postgres(_) => "postgres",
    })?;
    let replication =
        Replication { store: store.clone(), revocations, keys: keys.clone(), clock: clock.clone() };
    let report = DutyReport::new("replication", metrics.duties.clone(), clock.clone());
    replication.start(store.notifications()?, Intervals::default(), report).await?;
    for duty in duties(&store, chain, keys.as_ref(), config, &clock, &metrics.duties) {
        duty.start(&store, &metrics.duties, &clock);
    }
    let (recorder, writing) = Recorder::new(store.clone());
    actix_web::rt::spawn(writing);
    let operator = operator(&vocabulary);
    register_docs(&store, config, &issuer_url, &vocabulary, &operator, &clock).await?;
    let extensions = Extensions::default();
    extensions.insert_any(Arc::clone(&settings.own));
    let mut endpoints = app.routes_served(config);
    let mailbox = Mailbox::default();
    if test_server::is_test(config) {
        let test = test_server::start(&store, &hasher, operator, clock.clone(), mailbox.clone());
        extensions.insert(test.await?);
        endpoints.extend(test_server::endpoints());
    }
    let to_memory = test_server::is_test(config).then_some(Transport::Memory(mailbox));
    let transport = to_memory.map_or_else(|| transport(config), |memory| Ok(Some(memory)))?;
    let own_jobs = transport.filter(|_| config.sends_mail()).map(|transport| {
        let (store, metrics) = (store.clone(), metrics.mails.clone());
        let parts = MailParts { store, mailer, metrics, clock: clock.clone(), issuer: issuer_url.clone() };
        mail_sender(app, config, transport, parts).map(mail_job)
    });
    let own_jobs: Vec<DeclaredJob> = own_jobs.transpose()?.into_iter().collect();
    let routes: Vec<_> = endpoints.iter().map(|endpoint| endpoint.route().clone()).collect();
    let lifetime = config.access_token_ttl;
    let issuer = Issuer::new(&issuer_url, &audience, lifetime, keys.clone(), clock.clone(), random.clone());
    let services = Services {
        traces: match &config.otlp_endpoint {
            Some(collector) => Traces::to(collector, app.name, tls())?,
            None => Traces::default(),
        },
        metrics,
        shutdown: ShutdownFlag::default(),
        rate_limits: RateLimits::new(config.rate_limits, store.clone(), clock.clone()),
        verifier,
        issuer: Arc::new(issuer),
        resources: [vec![audience.clone()], config.resources.clone()].concat(),
        hasher,
        accounts,
        store: (*store).clone(),
        trusted: store,
        clock,
        random,
        answers,
        forms,
        issuer_url: issuer_url.clone(),
        audience,
        issues_tokens: config.authorization_server,
        environment: config.environment,
        registration_open: config.registration.is_open(),
        forgeries: ForgeryThrottle::default(),
        step_up: config.step_up,
        used_proofs: UsedProofs::default(),
        leeway: TimeDelta::from_std(config.leeway).unwrap_or_default(),
        proxies: Arc::new(TrustedProxies::new(config.trusted_proxies.clone(), config.forwarding_header)),
        cursors,
        keys,
        vocabulary,
        recorder,
        name: app.name,
        error_page: render_problem,
        actions: ActionTable::of(&routes),
        routes: RouteTable::new(routes, issuer_path(&issuer_url))
            .map_err(|fault| StartError::Faulty(vec![fault]))?,
        extensions,
    };
    Ok((services, endpoints, own_jobs))
}

/// Returns the master key. A new one is made only if nothing in the database is sealed with another.
async fn master_key(
    store: &TrustedStore,
    config: &Config,
    clock_and_random: &ClockAndRandom,
) -> Result<MasterKey, StartError> {
    let sealed_already = !store.signing_keys().await?.is_empty() || store.has_seals().await?;
    Ok(load_master_key(config, &clock_and_random.random, sealed_already)?)
}

/// Returns the background duties. None of them waits for another.
fn duties(
    store: &TrustedStore,
    chain: ChainKey,
    keys: Option<&Arc<Keys>>,
    config: &Config,
    clock: &Clock,
    metrics: &DutyMetrics,
) -> Vec<Duty> {
    let sealer = Sealer { store: store.clone(), key: chain, clock: clock.clone() };
    let (expiring, ended, counters, metrics) = (store.clone(), store.clone(), store.clone(), metrics.clone());
    let mut duties = vec![
        Duty::new("expiry", EXPIRY_PAUSE, move || delete_expired(expiring.clone(), metrics.clone())),
        Duty::new("ended-sessions", EXPIRY_PAUSE, move || delete_covered(ended.clone())),
        Duty::new("failure-counters", EXPIRY_PAUSE, move || evict_counters(counters.clone())),
    ];
    if let Some(retention) = config.audit_retention {
        let sealer = sealer.clone();
        duties.push(Duty::new("audit-retention", EXPIRY_PAUSE, move || sealer.clone().expire(retention)));
    }
    duties.push(Duty::new("audit-sealing", SEAL_PAUSE, move || sealer.clone().seal()));
    if let Some(keys) = keys.map(Arc::clone) {
        let (every, store, clock) = (config.key_rotation, store.clone(), clock.clone());
        let rotation = KeyRotation { store, keys, every, clock };
        duties.push(Duty::new("key-rotation", ROTATION_PAUSE, move || rotation.clone().run()));
    }
    duties
}

/// Registers the OAuth client of the page `/docs`, or removes it when that page is off.
async fn register_docs(
    store: &TrustedStore,
    config: &Config,
    issuer_url: &str,
    vocabulary: &Arc<Vocabulary>,
    operator: &Operator,
    clock: &Clock,
) -> Result<(), StartError> {
    let docs = config.docs && config.authorization_server;
    let docs = docs.then(|| docs_client::metadata(issuer_url, vocabulary)).transpose()?;
    Ok(docs_client::synchronise(store, operator, docs, clock.now()).await?)
}

/// Returns the operator: registers the server's own client, and creates the seeds of a test server.
#[expect(clippy::disallowed_methods, reason = "the operator starts the server")]
fn operator(vocabulary: &Arc<Vocabulary>) -> Operator {
    Operator::at_the_command_line(Arc::clone(vocabulary))
}
