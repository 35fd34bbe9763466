//! Settings of the server: their declarations, and what follows from more than one of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use super::database::Database;
use super::declare::Settings;
use super::fault::Faults;
use super::list::SettingsList;
use super::load::Sources;
use super::reader::Reader;
use super::setting::DefaultValue::*;
use super::setting::at;
use super::values::{Environment, MasterKeySource, Registration, TlsFiles};
use super::{auto, checks, issuers, parse};
use crate::hashing::Argon2Cost;
use crate::telemetry::logging::LogFormat;
use crate::token::{MasterKey, SigningAlgorithm, TrustedIssuer};

/// Default address of the metrics.
pub(crate) const METRICS_LISTEN: &str = "127.0.0.1:9090";

crate::settings! {
    /// Every setting of the server, checked.
    #[derive(Clone, Debug)]
    pub struct Config {
        /// Where the data is: `sqlite://path`, or `postgres://user:password@host:port/name`, in which
        /// several hosts may stand, separated by commas; it ends in `?pgbouncer=true` where a pooler is in
        /// between that hands out a connection for each transaction.
        database: Database =
            at("DATABASE_URL", Is("sqlite://cloakroom.db")).with_password(), Database::parse;

        /// The address and port to listen on. Port 0 takes any free one; the one taken is printed.
        listen: SocketAddr = at("CLOAKROOM_LISTEN", Is("127.0.0.1:8080")), checks::listen;

        /// The public URL of this server, which stands in every token as `iss`. It must be https,
        /// unless its host is this machine, and must be given when the server listens beyond it.
        issuer: Option<String> =
            at("CLOAKROOM_ISSUER", Unset("`http://`, or with TLS `https://`, and the listening address")),
            parse::optional(checks::issuer);

        /// What `aud` of a token must contain.
        audience: Option<String> =
            at("CLOAKROOM_AUDIENCE", Unset("the issuer")), parse::optional(checks::audience);

        /// What the server is for: `production`, or `staging`, and then every answer says so in
        /// `X-Cloakroom-Environment`, and `cloakroom verify` tries it without being told twice.
        environment: Environment =
            at("CLOAKROOM_ENVIRONMENT", Is("production")),
            parse::choice([("production", Environment::Production), ("staging", Environment::Staging)]);

        /// Whether anyone may register an account: `open` or `closed`.
        registration: Registration =
            at("CLOAKROOM_REGISTRATION", Is("open")),
            parse::choice([("open", Registration::Open), ("closed", Registration::Closed)]);

        /// The key that seals the signing keys at rest: 32 bytes in base64. With PostgreSQL this, or
        /// the file, must be given.
        master_key: Option<MasterKey> =
            at("CLOAKROOM_MASTER_KEY", Unset("none")).hidden(), parse::optional(checks::master_key);

        /// A file that holds the master key, instead of the variable. With SQLite and neither of the
        /// two, the server makes one at its first start, readable by its owner alone.
        master_key_file: Option<PathBuf> =
            at("CLOAKROOM_MASTER_KEY_FILE", Unset("`cloakroom.master-key` beside the SQLite database")),
            parse::optional(parse::path);

        /// How tokens are signed: `ES256`, `EdDSA`, `RS256`, `PS256`, or `HS256`, which needs the
        /// HS256 secret.
        signing_algorithm: SigningAlgorithm =
            at("CLOAKROOM_SIGNING_ALGORITHM", Is("ES256")), checks::signing_algorithm;

        /// The secret for HS256, its bytes as given, at least 32 of them.
        hs256_secret: Option<SecretString> =
            at("CLOAKROOM_HS256_SECRET", Unset("none")).hidden(), parse::optional(parse::secret(32));

        /// How long a signing key signs before the next one takes its place, from `1h` to `3650d`, or
        /// `off`. The HS256 secret is yours, and never rotated.
        key_rotation: Option<TimeDelta> = at("CLOAKROOM_KEY_ROTATION", Is("90d")), checks::key_rotation;

        /// Other services that take this server's tokens, each by the name that stands in `aud`,
        /// separated by commas: what `resource` of a request may be (RFC 8707).
        resources: Vec<String> =
            at("CLOAKROOM_RESOURCES", Unset("none")), parse::list(checks::audience);
        /// How long an access token is good for: whole seconds from `1s` to `24h`.
        access_token_ttl: Duration =
            at("CLOAKROOM_ACCESS_TOKEN_TTL", Is("10m")), parse::duration(1..=86_400);

        /// How long a refresh token is good for when it is not used: whole seconds from `1m` to `365d`.
        refresh_token_ttl: Duration =
            at("CLOAKROOM_REFRESH_TOKEN_TTL", Is("30d")), parse::duration(60..=31_536_000);

        /// How long a session can be refreshed before its user has to sign in again: whole seconds from
        /// `1m` to `3650d`.
        session_ttl: Duration =
            at("CLOAKROOM_SESSION_TTL", Is("90d")), parse::duration(60..=315_360_000);

        /// By how much the clocks of two machines may differ when a token's times are checked: whole
        /// seconds from `0s` to `60s`.
        leeway: Duration = at("CLOAKROOM_LEEWAY", Is("5s")), parse::duration(0..=60);

        /// Other issuers whose tokens are taken: a JSON list, or the path of a file that has it; see
        /// `docs/external-issuers.md`.
        trusted_issuers: Vec<TrustedIssuer> =
            at("CLOAKROOM_TRUSTED_ISSUERS", Unset("none")), issuers::trusted;

        /// Whether the server issues tokens itself: `on`, or `off`, and then it takes those of the
        /// trusted issuers alone.
        authorization_server: bool =
            at("CLOAKROOM_AUTHORIZATION_SERVER", Is("on")), parse::choice([("on", true), ("off", false)]);

        /// The origins whose pages may call from a browser: exact, such as `https://app.example.org`,
        /// separated by commas.
        cors_origins: Vec<String> = at("CLOAKROOM_CORS_ORIGINS", Unset("none")), parse::list(checks::origin);

        /// The reverse proxies in front, as networks separated by commas, such as `10.0.0.0/8`:
        /// whom `X-Forwarded-For` and `Forwarded` of theirs name is the one who calls. Nobody else's
        /// count.
        trusted_proxies: Vec<IpNet> =
            at("CLOAKROOM_TRUSTED_PROXIES", Unset("none")), parse::list(checks::network);

        /// The certificate to serve TLS with, and those between it and the root: a file in PEM, read again
        /// when it changes. Without it the server speaks plain HTTP, for a reverse proxy in front.
        tls_cert: Option<PathBuf> = at("CLOAKROOM_TLS_CERT", Unset("no TLS")), parse::optional(parse::path);

        /// The private key of that certificate: a file in PEM.
        tls_key: Option<PathBuf> = at("CLOAKROOM_TLS_KEY", Unset("no TLS")), parse::optional(parse::path);

        /// Whether the page `/docs` is served, on which people read the API and try it, signed in as
        /// themselves: `on` or `off`.
        docs: bool = at("CLOAKROOM_DOCS", Is("on")), parse::choice([("on", true), ("off", false)]);

        /// The address and port of `/metrics`, which Prometheus reads, or `off`. When another program
        /// has the default one, the server starts without, and says so.
        metrics_listen: Option<SocketAddr> =
            at("CLOAKROOM_METRICS_LISTEN", Is(METRICS_LISTEN)), checks::metrics_listen;

        /// Where an OpenTelemetry collector takes traces, by OTLP over HTTP, such as
        /// `http://127.0.0.1:4318`; see `docs/operating.md`.
        otlp_endpoint: Option<Url> =
            at("CLOAKROOM_OTLP_ENDPOINT", Unset("none")), parse::optional(checks::collector);

        /// How long a server that was told to stop (SIGTERM) still answers, while `/health/ready` says
        /// that it is not ready: whole seconds from `0s` to `5m`. A little more than a load balancer
        /// needs to notice.
        shutdown_grace: Duration = at("CLOAKROOM_SHUTDOWN_GRACE", Is("5s")), parse::duration(0..=300);

        /// Threads that serve requests, 1 to 1024; `auto` is one for each core.
        workers: u16 = at("CLOAKROOM_WORKERS", Auto(auto::workers)), parse::number_or_auto(1..=1024);

        /// Connections to the database, 1 to 1024; `auto` is two for each core, and at least 4.
        db_pool: u16 = at("CLOAKROOM_DB_POOL", Auto(auto::db_pool)), parse::number_or_auto(1..=1024);

        /// Password hashes computed at the same time, 1 to 64; `auto` is one for each core.
        hash_lanes: u16 = at("CLOAKROOM_HASH_LANES", Auto(auto::hash_lanes)), parse::number_or_auto(1..=64);

        /// Password hashes that may wait for a lane before further ones are turned away, 1 to 1024;
        /// `auto` is 32 for each lane.
        hash_queue: u16 = at("CLOAKROOM_HASH_QUEUE", Auto(auto::hash_queue)), parse::number_or_auto(1..=1024);

        /// What a password hash costs (Argon2id): `m` KiB of memory, `t` passes, `p` lanes. The server
        /// does not start below the OWASP minimum.
        argon2: Argon2Cost = at("CLOAKROOM_ARGON2", Is("m=19456,t=2,p=1")), checks::argon2;

        /// Whether guesses at passwords, registrations, and tokens and what else clients send that is no good
        /// are limited, by account and by address: `on` or `off`; see `docs/operating.md`.
        rate_limits: bool =
            at("CLOAKROOM_RATE_LIMITS", Is("on")), parse::choice([("on", true), ("off", false)]);

        /// How long a line of the audit trail is kept: `forever`, or a time of at least a day, such as
        /// `400d`.
        audit_retention: Option<TimeDelta> =
            at("CLOAKROOM_AUDIT_RETENTION", Is("forever")), checks::audit_retention;

        /// The form of a log line on standard error: `text`, `json`, or `auto`, which is text on a
        /// terminal and JSON elsewhere.
        log_format: LogFormat = at("CLOAKROOM_LOG_FORMAT", Auto(auto::log_format)), checks::log_format;

        /// What is logged: `error`, `warn`, `info`, `debug`, `trace` or `off`, also for each module, as
        /// in `info,cloakroom::store=debug`.
        log_filter: String = at("RUST_LOG", Is("info")), checks::log_filter;

        /// Access log: `on` writes one line to the log for each request, whatever `RUST_LOG` says. The line
        /// has the path without the query. `on` or `off`.
        access_log: bool =
            at("CLOAKROOM_ACCESS_LOG", Is("off")), parse::choice([("on", true), ("off", false)]);
    }
    check Config::contradictions;
}

/// Settings of cloakroom alone.
impl Default for SettingsList {
    fn default() -> Self {
        Self::of::<()>()
    }
}

impl SettingsList {
    /// Returns cloakroom's settings, followed by those of `S`.
    pub fn of<S: Settings>() -> Self {
        Self {
            own: Config::SETTINGS,
            application: S::SETTINGS,
            check: |sources| match Config::load_with::<S>(sources) {
                Ok(_) => Vec::new(),
                Err(Faults(faults)) => faults,
            },
        }
    }
}

impl Config {
    /// Checks all settings of the program, and returns cloakroom's.
    ///
    /// # Errors
    /// All faults, not only the first.
    pub fn load(sources: &Sources) -> Result<Self, Faults> {
        let faults = (sources.settings.check)(sources);
        if faults.is_empty() {
            Self::load_with::<()>(sources).map(|(config, ())| config)
        } else {
            Err(Faults(faults))
        }
    }

    /// Checks all settings of the program, and returns cloakroom's and those of the application.
    ///
    /// # Errors
    /// All faults, not only the first.
    pub fn load_with<S: Settings>(sources: &Sources) -> Result<(Self, S), Faults> {
        let mut reader = Reader::new(sources);
        let config = Self::read(&mut reader);
        let application = S::read(&mut reader);
        reader.finish(config.zip(application))
    }

    /// Returns the issuer of a server that listens on `bound`, the address that [`Config::listen`] led to.
    pub fn issuer_at(&self, bound: SocketAddr) -> String {
        self.issuer.clone().unwrap_or_else(|| format!("{}://{bound}", self.scheme()))
    }

    /// Returns the URL scheme of the listening address.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls_files().is_some() { "https" } else { "http" }
    }

    /// Returns the files for TLS. None when the server speaks plain HTTP.
    pub(crate) fn tls_files(&self) -> Option<TlsFiles> {
        let (certificate, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(TlsFiles { certificate, key })
    }

    /// Returns the audience of a server that listens on `bound`.
    pub fn audience_at(&self, bound: SocketAddr) -> String {
        self.audience.clone().unwrap_or_else(|| self.issuer_at(bound))
    }

    /// Returns the source of the master key. None only with PostgreSQL and no key given, which
    /// [`Config::load`] refuses.
    pub fn master_key_source(&self) -> Option<MasterKeySource> {
        match (&self.master_key, &self.master_key_file, &self.database) {
            (Some(key), _, _) => Some(MasterKeySource::Given(key.clone())),
            (None, Some(file), _) => Some(MasterKeySource::File(file.clone())),
            (None, None, Database::Sqlite(database)) => {
                Some(MasterKeySource::DataDirectory(database.with_file_name("cloakroom.master-key")))
            }
            (None, None, Database::Postgres(_)) => None,
        }
    }
}
