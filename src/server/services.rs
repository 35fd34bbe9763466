//! Services of a server, and its background tasks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::TryFutureExt as _;
use prometheus::IntGauge;

use super::duties::{Duty, DutyReport};
use super::expiry::{delete_covered, delete_expired, evict_counters};
use super::master_key::open_master_keys;
use super::replication::{Intervals, Replication};
use super::resealing::{RESEALING, Resealer, follow_master_key, resealing_job};
use super::signing_keys::{KeyRotation, load_or_create_keys};
use super::{
    MailParts, StartError, hasher, key_store, mail_job, mail_sender, open_signer_keys, open_store, transport,
};
use crate::accounts::Accounts;
use crate::app::jobs::DeclaredJob;
use crate::app::{App, Loaded};
use crate::authz::{Operator, Vocabulary};
use crate::config::{Config, Retention};
use crate::domain::{Clock, ClockAndRandom, Rotating};
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
use crate::store::{Engine, Recorder, Sealer, StoreError, TrustedStore};
use crate::telemetry::metrics::{DutyMetrics, Metrics};
use crate::telemetry::traces::Traces;
use crate::token::{
    Expected, Issuer, Keys, MasterKey, Revocations, TrustedIssuer, UsedProofs, Verifier, refresh_keys, tls,
};

/// Pause between two seals of the audit trail.
const SEAL_PAUSE: Duration = Duration::from_secs(1);

/// Pause between two removals of expired rows, and of audit entries.
const EXPIRY_PAUSE: Duration = Duration::from_secs(10);

/// Pause between two looks which master key is in use.
const MASTER_KEY_PAUSE: Duration = Duration::from_secs(1);

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
    if cfg!(debug_assertions) {
        let differences = store.differences_of(app.tables()).await?;
        if !differences.is_empty() {
            return Err(StartError::Faulty(differences));
        }
    }
    let master = open_master_keys(&store, config, &clock_and_random).await?;
    store.record_first_master_key().await?;
    let cursors = CursorKey::new(master.derive("cursor"));
    let forms = FormGuard::new(master.derive("form"), &issuer_url);
    let answers = AnswerSeal::new(&master);
    let mailer = Mailer::new(&master, clock_and_random.clone());
    let hasher = open_signer_keys(hasher(config, &clock_and_random)?, master.clone());
    let keys = match config.authorization_server {
        true => Some(Arc::new(
            load_or_create_keys(&store, key_store(config, master.clone(), &clock_and_random)).await?,
        )),
        false => None,
    };
    let (own_mailer, own_hasher, own_clock) = (mailer.clone(), hasher.clone(), clock_and_random.clone());
    let accounts =
        Accounts::new(config, store.clone(), own_mailer, own_hasher, own_clock, issuer_url.clone());
    let ClockAndRandom { clock, random } = clock_and_random.clone();
    let expected = Expected { issuer: issuer_url.clone(), audience: audience.clone(), leeway: config.leeway };
    let known = Arc::clone(&revocations);
    let verifier = verifier(expected, keys.clone(), known, &clock, &vocabulary, &config.trusted_issuers);
    let metrics = Metrics::new(store.engine().name())?;
    store.measure(metrics.database.clone());
    let replication =
        Replication { store: store.clone(), revocations, keys: keys.clone(), clock: clock.clone() };
    let report = DutyReport::new("replication", metrics.duties.clone(), clock.clone());
    replication.start(store.notifications()?, Intervals::default(), report).await?;
    for duty in duties(&store, &master, keys.as_ref(), config, &clock, &metrics.duties) {
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
        let test = test_server::start(test_server::Start {
            store: &store,
            hasher: &hasher,
            vocabulary: &vocabulary,
            operator,
            clock_and_random: &clock_and_random,
            mailbox: mailbox.clone(),
            endpoints: &endpoints,
            settings: settings.test.clone().unwrap_or_default(),
        });
        let test = test.await?;
        endpoints = test_server::with_faults(&test.faults, endpoints);
        endpoints.extend(test_server::endpoints());
        extensions.insert(test);
    }
    let (mail_store, mails) = (store.clone(), metrics.mails.clone());
    let mail = MailParts {
        store: mail_store,
        mailer,
        metrics: mails,
        clock: clock.clone(),
        issuer: issuer_url.clone(),
    };
    let left = metrics.duties.left.with_label_values(&[RESEALING]);
    let resealer = || Resealer::new(store.clone(), master.clone(), random.clone());
    let resealing = master.previous().is_some().then(|| resealing_job(resealer(), left));
    let own_jobs = own_jobs(app, config, mailbox, mail, resealing)?;
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
        home: config.home_url.clone(),
        error_page: render_problem,
        actions: ActionTable::of(&routes),
        routes: RouteTable::new(routes, issuer_path(&issuer_url))
            .map_err(|fault| StartError::Faulty(vec![fault]))?,
        states: Arc::clone(&app.states),
        problems: app.problems.clone(),
        extensions,
    };
    Ok((services, endpoints, own_jobs))
}

/// Returns the verifier of access tokens, and keeps the keys of the trusted issuers current.
fn verifier(
    expected: Expected,
    keys: Option<Arc<Keys>>,
    revocations: Arc<Revocations>,
    clock: &Clock,
    vocabulary: &Arc<Vocabulary>,
    trusted: &[TrustedIssuer],
) -> Verifier {
    let verifier = Verifier::new(expected, keys, revocations, clock.clone(), Arc::clone(vocabulary))
        .with_trusted_issuers(trusted);
    for issuer in verifier.external_issuers() {
        actix_web::rt::spawn(refresh_keys(Arc::clone(issuer)));
    }
    verifier
}

/// Returns the jobs of cloakroom itself: the one that sends mail, and the one that seals values again. A test server
/// sends mail to its memory.
fn own_jobs(
    app: &App,
    config: &Config,
    mailbox: Mailbox,
    mail: MailParts,
    resealing: Option<DeclaredJob>,
) -> Result<Vec<DeclaredJob>, StartError> {
    let transport = match test_server::is_test(config) {
        true => Some(Transport::Memory(mailbox)),
        false => transport(config)?,
    };
    let transport = transport.filter(|_| config.sends_mail());
    let sender = transport.map(|transport| mail_sender(app, config, transport, mail).map(mail_job));
    Ok(sender.transpose()?.into_iter().chain(resealing).collect())
}

/// Returns the background duties. None of them waits for another.
fn duties(
    store: &TrustedStore,
    master: &Rotating<MasterKey>,
    keys: Option<&Arc<Keys>>,
    config: &Config,
    clock: &Clock,
    metrics: &DutyMetrics,
) -> Vec<Duty> {
    let sealer = Sealer::new(store.clone(), clock.clone());
    let (expiring, ended, counters) = (store.clone(), store.clone(), store.clone());
    let (left, metrics) = (metrics.left.clone(), metrics.clone());
    let mut duties = vec![
        Duty::new("expiry", EXPIRY_PAUSE, move || delete_expired(expiring.clone(), metrics.clone())),
        Duty::new("ended-sessions", EXPIRY_PAUSE, move || delete_covered(ended.clone())),
        Duty::new("failure-counters", EXPIRY_PAUSE, move || evict_counters(counters.clone())),
    ];
    if let Retention::For(retention) = config.audit_retention {
        let sealer = sealer.clone();
        duties.push(Duty::new("audit-retention", EXPIRY_PAUSE, move || sealer.clone().expire(retention)));
    }
    let old = sealer.clone();
    let seal_old = move || old.clone().seal_old(false, |_| {}).map_ok(drop);
    duties.push(Duty::new("audit-old-entries", EXPIRY_PAUSE, seal_old));
    if let Engine::Sqlite(_) = store.engine() {
        let sealer = sealer.clone();
        duties.push(Duty::new("write-ahead-log", SEAL_PAUSE, move || sealer.clone().empty_log()));
    }
    let (followed, known, resealing) = (store.clone(), master.clone(), left.with_label_values(&[RESEALING]));
    let follow = move || follow_master_key(followed.clone(), known.clone(), resealing.clone());
    duties.push(Duty::new("master-key", MASTER_KEY_PAUSE, follow));
    let waiting = left.with_label_values(&["audit-sealing"]);
    duties.push(Duty::new("audit-sealing", SEAL_PAUSE, move || seal_trail(sealer.clone(), waiting.clone())));
    if let Some(keys) = keys.map(Arc::clone) {
        let (every, store, clock) = (config.key_rotation, store.clone(), clock.clone());
        let rotation = KeyRotation { store, keys, every, clock };
        duties.push(Duty::new("key-rotation", ROTATION_PAUSE, move || rotation.clone().run()));
    }
    duties
}

/// Seals new audit entries, and measures how many are left.
async fn seal_trail(sealer: Sealer, left: IntGauge) -> Result<(), StoreError> {
    left.set(sealer.seal().await?);
    Ok(())
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
