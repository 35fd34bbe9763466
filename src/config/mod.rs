//! The configuration: one struct, each field declared once with its meaning, variable, default and
//! check. The struct, the loader, the flags, `cloakroom config` and the pages that explain it all
//! come from that one list.
//!
//! An application declares its own settings in the same way, by [`settings!`](crate::settings!).
//! Its variables begin with a name of its own, and one that begins so and is no setting is not a
//! fault: only `CLOAKROOM_…` belongs to cloakroom alone, and other programs may use the rest.

mod auto;
mod declare;
mod fault;
mod issuers;
mod list;
mod load;
mod own;
pub mod parse;
mod reader;
mod report;
mod setting;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use ipnet::IpNet;
use url::Url;

pub use secrecy::{ExposeSecret, SecretString};

pub use declare::Settings;
pub use fault::{Fault, Faults, Source};
pub use list::SettingsList;
pub use load::Sources;
pub use reader::Reader;
pub use report::{Report, Row};
pub use setting::{DefaultValue, Setting, at};
pub use values::{Database, Environment, LogFormat, MasterKeySource, Registration};

use crate::hashing::Argon2Cost;
use crate::server::tls::TlsFiles;
use crate::token::{MasterKey, SigningAlgorithm, TrustedIssuer};
use setting::DefaultValue::*;

/// Where metrics are served unless somebody says otherwise.
pub(crate) const METRICS_LISTEN: &str = "127.0.0.1:9090";

crate::settings! {
    /// Every setting of the server, checked.
    #[derive(Clone, Debug)]
    pub struct Config {
        /// Where the data is: `sqlite://path`, or `postgres://user:password@host:port/name`, in which
        /// several hosts may stand, separated by commas; it ends in `?pgbouncer=true` where a pooler is in
        /// between that hands out a connection for each transaction.
        database: Database =
            at("DATABASE_URL", Is("sqlite://cloakroom.db")).with_password(), own::database;

        /// The address and port to listen on. Port 0 takes any free one; the one taken is printed.
        listen: SocketAddr = at("CLOAKROOM_LISTEN", Is("127.0.0.1:8080")), own::listen;

        /// The public URL of this server, which stands in every token as `iss`. It must be https,
        /// unless its host is this machine, and must be given when the server listens beyond it.
        issuer: Option<String> =
            at("CLOAKROOM_ISSUER", Unset("`http://`, or with TLS `https://`, and the listening address")),
            parse::optional(own::issuer);

        /// What `aud` of a token must contain.
        audience: Option<String> =
            at("CLOAKROOM_AUDIENCE", Unset("the issuer")), parse::optional(own::audience);

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
            at("CLOAKROOM_MASTER_KEY", Unset("none")).hidden(), parse::optional(own::master_key);

        /// A file that holds the master key, instead of the variable. With SQLite and neither of the
        /// two, the server makes one at its first start, readable by its owner alone.
        master_key_file: Option<PathBuf> =
            at("CLOAKROOM_MASTER_KEY_FILE", Unset("`cloakroom.master-key` beside the SQLite database")),
            parse::optional(parse::path);

        /// How tokens are signed: `ES256`, `EdDSA`, `RS256`, `PS256`, or `HS256`, which needs the
        /// HS256 secret.
        signing_algorithm: SigningAlgorithm =
            at("CLOAKROOM_SIGNING_ALGORITHM", Is("ES256")), own::signing_algorithm;

        /// The secret for HS256, its bytes as given, at least 32 of them.
        hs256_secret: Option<SecretString> =
            at("CLOAKROOM_HS256_SECRET", Unset("none")).hidden(), parse::optional(parse::secret(32));

        /// How long a signing key signs before the next one takes its place, from `1h` to `3650d`, or
        /// `off`. The HS256 secret is yours, and never rotated.
        key_rotation: Option<TimeDelta> = at("CLOAKROOM_KEY_ROTATION", Is("90d")), own::key_rotation;

        /// Other services that take this server's tokens, each by the name that stands in `aud`,
        /// separated by commas: what `resource` of a request may be (RFC 8707).
        resources: Vec<String> =
            at("CLOAKROOM_RESOURCES", Unset("none")), parse::list(own::audience);
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
        cors_origins: Vec<String> = at("CLOAKROOM_CORS_ORIGINS", Unset("none")), parse::list(own::origin);

        /// The reverse proxies in front, as networks separated by commas, such as `10.0.0.0/8`:
        /// whom `X-Forwarded-For` and `Forwarded` of theirs name is the one who calls. Nobody else's
        /// count.
        trusted_proxies: Vec<IpNet> =
            at("CLOAKROOM_TRUSTED_PROXIES", Unset("none")), parse::list(own::network);

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
            at("CLOAKROOM_METRICS_LISTEN", Is(METRICS_LISTEN)), own::metrics_listen;

        /// Where an OpenTelemetry collector takes traces, by OTLP over HTTP, such as
        /// `http://127.0.0.1:4318`; see `docs/operating.md`.
        otlp_endpoint: Option<Url> =
            at("CLOAKROOM_OTLP_ENDPOINT", Unset("none")), parse::optional(own::collector);

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
        argon2: Argon2Cost = at("CLOAKROOM_ARGON2", Is("m=19456,t=2,p=1")), own::argon2;

        /// Whether guesses at passwords, registrations, and tokens and what else clients send that is no good
        /// are limited, by account and by address: `on` or `off`; see `docs/operating.md`.
        rate_limits: bool =
            at("CLOAKROOM_RATE_LIMITS", Is("on")), parse::choice([("on", true), ("off", false)]);

        /// How long a line of the audit trail is kept: `forever`, or a time of at least a day, such as
        /// `400d`.
        audit_retention: Option<TimeDelta> =
            at("CLOAKROOM_AUDIT_RETENTION", Is("forever")), own::audit_retention;

        /// The form of a log line on standard error: `text`, `json`, or `auto`, which is text on a
        /// terminal and JSON elsewhere.
        log_format: LogFormat = at("CLOAKROOM_LOG_FORMAT", Auto(auto::log_format)), own::log_format;

        /// What is logged: `error`, `warn`, `info`, `debug`, `trace` or `off`, also for each module, as
        /// in `info,cloakroom::store=debug`.
        log_filter: String = at("RUST_LOG", Is("info")), own::log_filter;
    }
    check Config::contradictions;
}

impl Config {
    /// Checks every setting of the program, alone and against the others, and keeps those of
    /// cloakroom.
    ///
    /// # Errors
    /// All faults there are, not only the first.
    pub fn load(sources: &Sources) -> Result<Self, Faults> {
        Self::load_and(sources, sources.settings.check_application).map(|(config, ())| config)
    }

    /// The same, and keeps those of the application too.
    ///
    /// # Errors
    /// All faults there are, in either.
    pub fn load_with<S: Settings>(sources: &Sources) -> Result<(Self, S), Faults> {
        Self::load_and(sources, S::read)
    }

    fn load_and<T>(
        sources: &Sources,
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Result<(Self, T), Faults> {
        let mut reader = Reader::new(sources);
        let config = Self::read(&mut reader);
        let application = read(&mut reader);
        reader.finish(config.zip(application))
    }

    fn contradictions(&self, reader: &mut Reader<'_>) {
        let hs256 = self.signing_algorithm == SigningAlgorithm::Hs256;
        reader.contradiction(
            !self.listen.ip().to_canonical().is_loopback() && self.issuer.is_none(),
            &["CLOAKROOM_ISSUER", "CLOAKROOM_LISTEN"],
            "must be given, because the server listens beyond this machine; write its public URL, \
             such as https://id.example.org",
        );
        reader.contradiction(
            self.master_key.is_some() && self.master_key_file.is_some(),
            &["CLOAKROOM_MASTER_KEY", "CLOAKROOM_MASTER_KEY_FILE"],
            "is given and CLOAKROOM_MASTER_KEY_FILE too; take one of them away",
        );
        reader.contradiction(
            self.master_key_source().is_none(),
            &["CLOAKROOM_MASTER_KEY", "CLOAKROOM_MASTER_KEY_FILE", "DATABASE_URL"],
            "must be given with PostgreSQL, or else CLOAKROOM_MASTER_KEY_FILE; make one with \
             `head -c 32 /dev/urandom | base64` and keep it",
        );
        reader.contradiction(
            hs256 && self.hs256_secret.is_none(),
            &["CLOAKROOM_HS256_SECRET", "CLOAKROOM_SIGNING_ALGORITHM"],
            "must be given with HS256; make one with `head -c 32 /dev/urandom | base64`",
        );
        reader.contradiction(
            !hs256 && self.hs256_secret.is_some(),
            &["CLOAKROOM_HS256_SECRET", "CLOAKROOM_SIGNING_ALGORITHM"],
            "would be ignored; take it away, or set CLOAKROOM_SIGNING_ALGORITHM=HS256",
        );
        reader.contradiction(
            self.tls_cert.is_some() != self.tls_key.is_some(),
            &["CLOAKROOM_TLS_CERT", "CLOAKROOM_TLS_KEY"],
            "goes with the other: give both the certificate and its key, or neither",
        );
        issuers::contradictions(self, reader);
    }

    /// The issuer of a server that listens on `bound`, the address taken for [`Config::listen`].
    pub fn issuer_at(&self, bound: SocketAddr) -> String {
        self.issuer.clone().unwrap_or_else(|| format!("{}://{bound}", self.scheme()))
    }

    /// How it is spoken to where it listens.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls_files().is_some() { "https" } else { "http" }
    }

    /// What it serves TLS with.
    pub(crate) fn tls_files(&self) -> Option<TlsFiles> {
        let (certificate, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(TlsFiles { certificate, key })
    }

    /// The audience of a server that listens on `bound`.
    pub fn audience_at(&self, bound: SocketAddr) -> String {
        self.audience.clone().unwrap_or_else(|| self.issuer_at(bound))
    }

    /// Where the master key comes from. None only with PostgreSQL and no key given, which
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
