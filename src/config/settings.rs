//! Settings of the server: their declarations, and what follows from more than one of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use super::setting::DefaultValue::*;
use super::{
    Database, Environment, Faults, ForwardingHeader, MasterKeySource, Reader, Registration, Retention,
    Settings, SettingsList, Sources, TlsFiles, at,
};
use super::{auto, checks, issuers, parse};
use crate::authz::StepUp;
use crate::hashing::Argon2Cost;
use crate::mail::{MailAddress, MailLinks, MailUrl};
use crate::telemetry::logging::LogFormat;
use crate::token::{MasterKey, SigningAlgorithm, TrustedIssuer};

/// Default address of the metrics.
pub(crate) const METRICS_LISTEN: &str = "127.0.0.1:9090";

crate::settings! {
    /// Every setting of the server, checked.
    #[derive(Clone, Debug)]
    pub struct Config {
        /// The database: `sqlite://path`, or `postgres://user:password@host:port/name`. A PostgreSQL URL may
        /// name several hosts, separated by commas. Add `?pgbouncer=true` behind a pooler in transaction
        /// mode.
        database: Database =
            at("DATABASE_URL", Is("sqlite://cloakroom.db")).with_password(), Database::parse;

        /// How long `serve` and `migrate` wait for PostgreSQL at the start, when it is not available yet: whole
        /// seconds from `0s` to `1h`.
        database_wait: Duration = at("CLOAKROOM_DATABASE_WAIT", Is("60s")), parse::duration(0..=3600);

        /// The address and port to listen on. Port 0 takes a free port, which is printed.
        listen: SocketAddr = at("CLOAKROOM_LISTEN", Is("127.0.0.1:8080")), checks::listen;

        /// The public URL of this server, and `iss` of its tokens. It must be https, except on a loopback
        /// host. It is required when the server listens on another address than loopback.
        issuer: Option<String> =
            at("CLOAKROOM_ISSUER", Unset("`http://`, or with TLS `https://`, and the listening address")),
            parse::optional(checks::issuer);

        /// The value that `aud` of a token must contain.
        audience: Option<String> =
            at("CLOAKROOM_AUDIENCE", Unset("the issuer")), parse::optional(checks::audience);

        /// The URL of the application that the pages of this server lead to where nothing else does: after a sign-out, from
        /// an expired page, from an address without a page.
        home_url: Option<Url> =
            at("CLOAKROOM_HOME_URL", Unset("no link")), parse::optional(checks::home_url);

        /// The purpose of the server: `production` or `staging`. A staging server says so in the header
        /// `X-Cloakroom-Environment` of each answer, and `cloakroom verify` runs on it without confirmation.
        environment: Environment =
            at("CLOAKROOM_ENVIRONMENT", Is("production")),
            parse::choice([("production", Environment::Production), ("staging", Environment::Staging)]);

        /// Self-registration of accounts: `open`, `closed`, or `verified`. With `verified`, an account exists once its
        /// address is proved by a mailed link.
        registration: Registration =
            at("CLOAKROOM_REGISTRATION", Is("open")),
            parse::choice([
                ("open", Registration::Open),
                ("verified", Registration::Verified),
                ("closed", Registration::Closed),
            ]);

        /// The mail server: `smtps://user:password@host:465`, or `smtp://user:password@host:587` with mandatory
        /// STARTTLS; `log:` writes each mail to the log, on a loopback address alone. Without it no mail is sent; see
        /// `docs/mail.md`.
        mail_url: Option<MailUrl> =
            at("CLOAKROOM_MAIL_URL", Unset("none")).hidden(), parse::optional(MailUrl::parse);

        /// The sender of the mails: an address, or `Name <address>`. It is required with a mail server.
        mail_from: Option<MailAddress> =
            at("CLOAKROOM_MAIL_FROM", Unset("none")), parse::optional(MailAddress::parse);

        /// A directory whose files replace the built-in templates of the mails.
        mail_templates: Option<PathBuf> =
            at("CLOAKROOM_MAIL_TEMPLATES", Unset("the built-in templates")), parse::optional(parse::path);

        /// The pages of an application to which the links in mails lead, instead of the pages of this server: a JSON
        /// object of URLs with `{token}`, for `reset_password`, `verify_email`, `undo_email_change` and
        /// `accept_invitation`.
        links: Option<MailLinks> =
            at("CLOAKROOM_LINKS", Unset("none")), parse::optional(MailLinks::parse);

        /// The key that encrypts the signing keys in the database: 32 bytes in base64. With PostgreSQL, this
        /// key or a file with it is required.
        master_key: Option<MasterKey> =
            at("CLOAKROOM_MASTER_KEY", Unset("none")).hidden(), parse::optional(checks::master_key);

        /// A file that contains the master key, instead of the variable. With SQLite, the default file is
        /// created at the first start, readable only by its owner.
        master_key_file: Option<PathBuf> =
            at("CLOAKROOM_MASTER_KEY_FILE", Unset("`cloakroom.master-key` beside the SQLite database")),
            parse::optional(parse::path);

        /// The master key before the present one, while one replaces the other: see "The master key" in
        /// `docs/operating.md`.
        previous_master_key: Option<MasterKey> =
            at("CLOAKROOM_MASTER_KEY_PREVIOUS", Unset("none")).hidden(), parse::optional(checks::master_key);

        /// A file that contains the master key before the present one, instead of the variable.
        previous_master_key_file: Option<PathBuf> =
            at("CLOAKROOM_MASTER_KEY_PREVIOUS_FILE", Unset("no previous key")), parse::optional(parse::path);

        /// The signing algorithm of tokens: `ES256`, `EdDSA`, `RS256`, `PS256` or `HS256`. `HS256` requires
        /// the HS256 secret.
        signing_algorithm: SigningAlgorithm =
            at("CLOAKROOM_SIGNING_ALGORITHM", Is("ES256")), checks::signing_algorithm;

        /// The secret for HS256: at least 32 bytes, used as written, without decoding.
        hs256_secret: Option<SecretString> =
            at("CLOAKROOM_HS256_SECRET", Unset("none")).hidden(), parse::optional(parse::secret(32));

        /// The time after which a new signing key replaces the current one, from `1h` to `3650d`, or `off`.
        /// The HS256 secret is never rotated.
        key_rotation: Option<TimeDelta> = at("CLOAKROOM_KEY_ROTATION", Is("90d")), checks::key_rotation;

        /// Other services that accept tokens of this server: their values of `aud`, separated by commas.
        /// These are the allowed values of the parameter `resource` (RFC 8707).
        resources: Vec<String> =
            at("CLOAKROOM_RESOURCES", Unset("none")), parse::list(checks::audience);

        /// The lifetime of an access token: whole seconds from `1s` to `24h`.
        access_token_ttl: Duration =
            at("CLOAKROOM_ACCESS_TOKEN_TTL", Is("10m")), parse::duration(1..=86_400);

        /// The lifetime of an unused refresh token: whole seconds from `1m` to `365d`.
        refresh_token_ttl: Duration =
            at("CLOAKROOM_REFRESH_TOKEN_TTL", Is("30d")), parse::duration(60..=31_536_000);

        /// The lifetime of a session, after which the user must log in again: whole seconds from `1m` to
        /// `3650d`.
        session_ttl: Duration =
            at("CLOAKROOM_SESSION_TTL", Is("90d")), parse::duration(60..=315_360_000);

        /// The time after which a user must authenticate again before an action that can take over an account or
        /// grant power: whole seconds from `1m` to `24h`, or `off`.
        step_up: StepUp = at("CLOAKROOM_STEP_UP", Is("10m")), checks::step_up;

        /// The tolerated clock difference when the times of a token are checked: whole seconds from `0s` to
        /// `60s`.
        leeway: Duration = at("CLOAKROOM_LEEWAY", Is("5s")), parse::duration(0..=60);

        /// Other issuers whose tokens are accepted: a JSON list, or the path of a file that contains it; see
        /// `docs/external-issuers.md`.
        trusted_issuers: Vec<TrustedIssuer> =
            at("CLOAKROOM_TRUSTED_ISSUERS", Unset("none")), issuers::trusted;

        /// `on`: the server issues tokens. `off`: it only accepts tokens of the trusted issuers.
        authorization_server: bool =
            at("CLOAKROOM_AUTHORIZATION_SERVER", Is("on")), parse::choice([("on", true), ("off", false)]);

        /// The origins whose pages may call the API from a browser (CORS): exact origins, such as
        /// `https://app.example.org`, separated by commas.
        cors_origins: Vec<String> = at("CLOAKROOM_CORS_ORIGINS", Unset("none")), parse::list(checks::origin);

        /// The networks of reverse proxies, such as `10.0.0.0/8`, separated by commas. Only their forwarding
        /// header sets the client IP address.
        trusted_proxies: Vec<IpNet> =
            at("CLOAKROOM_TRUSTED_PROXIES", Unset("none")), parse::list(checks::network);

        /// The header in which the trusted proxies name their client: `X-Forwarded-For` or `Forwarded`. The
        /// other header is ignored, because proxies pass it on as the client sent it.
        forwarding_header: ForwardingHeader =
            at("CLOAKROOM_FORWARDING_HEADER", Is("X-Forwarded-For")),
            parse::choice([
                ("X-Forwarded-For", ForwardingHeader::XForwardedFor),
                ("Forwarded", ForwardingHeader::Forwarded),
            ]);

        /// The number of connections that one IP address may have open, 1 to 1000000; of IPv6, one /64. Further
        /// ones are closed. Trusted proxies have no such limit.
        connections_per_address: usize =
            at("CLOAKROOM_CONNECTIONS_PER_ADDRESS", Is("1200")), parse::number(1..=1_000_000);

        /// The time after which a connection is closed whose client accepts no part of an answer: whole
        /// seconds from `1s` to `10m`.
        write_timeout: Duration = at("CLOAKROOM_WRITE_TIMEOUT", Is("30s")), parse::duration(1..=600);

        /// The TLS certificate and its intermediate certificates: a file in PEM, read again when it changes.
        /// Without it the server speaks plain HTTP, for use behind a reverse proxy.
        tls_cert: Option<PathBuf> = at("CLOAKROOM_TLS_CERT", Unset("no TLS")), parse::optional(parse::path);

        /// The private key of the TLS certificate: a file in PEM.
        tls_key: Option<PathBuf> = at("CLOAKROOM_TLS_KEY", Unset("no TLS")), parse::optional(parse::path);

        /// The page `/docs`, which documents the API and can call it for a logged-in user: `on` or `off`.
        docs: bool = at("CLOAKROOM_DOCS", Is("on")), parse::choice([("on", true), ("off", false)]);

        /// The address and port of `/metrics` for Prometheus, or `off`. If another program uses the default
        /// port, the server starts without metrics and logs a warning.
        metrics_listen: Option<SocketAddr> =
            at("CLOAKROOM_METRICS_LISTEN", Is(METRICS_LISTEN)), checks::metrics_listen;

        /// The URL of an OpenTelemetry collector for traces, by OTLP over HTTP, such as
        /// `http://127.0.0.1:4318`; see `docs/operating.md`.
        otlp_endpoint: Option<Url> =
            at("CLOAKROOM_OTLP_ENDPOINT", Unset("none")), parse::optional(checks::collector);

        /// The time for which the server still answers after SIGTERM, while `/health/ready` reports that it
        /// is not ready: whole seconds from `0s` to `5m`. Set a little more than your load balancer needs to
        /// notice.
        shutdown_grace: Duration = at("CLOAKROOM_SHUTDOWN_GRACE", Is("5s")), parse::duration(0..=300);

        /// The number of worker threads for requests, 1 to 1024. `auto` is one for each core, and at most one for
        /// each 32 MiB of memory.
        workers: u16 = at("CLOAKROOM_WORKERS", Auto(auto::workers)), parse::number_or_auto(1..=1024);

        /// The size of the database connection pool, 1 to 1024. `auto` is two for each core, at most one for each
        /// 16 MiB of memory, and at least 4. On PostgreSQL each worker thread has one more.
        db_pool: u16 = at("CLOAKROOM_DB_POOL", Auto(auto::db_pool)), parse::number_or_auto(1..=1024);

        /// The number of password hashes computed at the same time, 1 to 64. `auto` is one for each core, as far
        /// as the memory is enough; see `docs/operating.md`.
        hash_lanes: u16 = at("CLOAKROOM_HASH_LANES", Auto(auto::hash_lanes)), parse::number_or_auto(1..=64);

        /// The number of password hashes that may wait, 1 to 1024. Further ones are refused. `auto` is 32 for
        /// each hash thread.
        hash_queue: u16 = at("CLOAKROOM_HASH_QUEUE", Auto(auto::hash_queue)), parse::number_or_auto(1..=1024);

        /// The cost of a password hash (Argon2id): `m` KiB of memory, `t` passes, `p` lanes. The server
        /// refuses a cost below the OWASP minimum.
        argon2: Argon2Cost = at("CLOAKROOM_ARGON2", Is("m=19456,t=2,p=1")), checks::argon2;

        /// Rate limits for login attempts, registrations and invalid requests of clients, by account and by
        /// client IP address: `on` or `off`; see `docs/operating.md`.
        rate_limits: bool =
            at("CLOAKROOM_RATE_LIMITS", Is("on")), parse::choice([("on", true), ("off", false)]);

        /// The retention of audit entries: `forever`, or at least one day, such as `400d`.
        audit_retention: Retention =
            at("CLOAKROOM_AUDIT_RETENTION", Unset("forever, with a warning at the start")), checks::audit_retention;

        /// The format of the log on standard error: `text`, `json`, or `auto`, which is text on a terminal
        /// and JSON elsewhere.
        log_format: LogFormat = at("CLOAKROOM_LOG_FORMAT", Auto(auto::log_format)), checks::log_format;

        /// The log level: `error`, `warn`, `info`, `debug`, `trace` or `off`. It can also be set for each
        /// module, as in `info,cloakroom::store=debug`.
        log_filter: String = at("RUST_LOG", Is("info")), checks::log_filter;

        /// The access log: `on` logs one line for each request, whatever `RUST_LOG` says; `off` is the
        /// default. A line has the path without the query.
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

    /// True when the server sends mail. A test server keeps it.
    pub(crate) fn sends_mail(&self) -> bool {
        self.authorization_server && (self.mail_url.is_some() || self.environment == Environment::Test)
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

    /// Returns the source of the master key before the present one, if one replaces the other.
    pub fn previous_master_key_source(&self) -> Option<MasterKeySource> {
        let given = self.previous_master_key.clone().map(MasterKeySource::Given);
        given.or_else(|| self.previous_master_key_file.clone().map(MasterKeySource::File))
    }
}
