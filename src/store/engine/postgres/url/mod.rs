//! The URL of a PostgreSQL server: libpq's form and names of parameters, with defaults that detect a lost server
//! in time and that find the primary among several hosts.

mod hosts;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{
    ChannelBinding, Host as HostName, SslMode as DriverSslMode, TargetSessionAttrs,
};

use hosts::host_name;
pub(super) use hosts::{Address, Host};

use super::environment::VARIABLES;
use super::tls::{Roots, SslMode, TlsSettings};
use crate::domain::parse_number;
use zeroize::Zeroizing;

/// Timeout of everything up to the first statement, for each host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Timeout of sent data that the host does not acknowledge.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle time before the first keep-alive packet, and the interval of the next ones.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(2));

/// Number of keep-alive packets without an answer after which the connection is lost.
const KEEPALIVE_RETRIES: u32 = 3;

/// A parsed URL.
pub(in crate::store) struct PostgresUrl {
    /// As it was given, with the password.
    pub(super) text: Zeroizing<String>,
    pub(super) hosts: Vec<Host>,
    pub(super) tls: TlsSettings,
    pub(in crate::store) connect_timeout: Duration,
    /// Set by `pgbouncer=true`: each transaction may use another server connection, so no session state may
    /// remain on one.
    pub(in crate::store) is_pooled: bool,
}

/// Parameters of a URL while they are read. Later ones replace earlier ones, as with libpq.
struct Parameters {
    /// All but the host and its port.
    common: Config,
    hosts: Vec<HostName>,
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
    is_pooled: bool,
    ssl_mode: Option<SslMode>,
    roots: Option<Roots>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    password_file: Option<PathBuf>,
    connect_timeout: Duration,
    target: Option<TargetSessionAttrs>,
}

impl PostgresUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// The name of the parameter that is wrong or not supported, and nothing else of the URL.
    pub(in crate::store) fn parse(url: &str) -> Result<Self, String> {
        Self::parse_with(url, |name| std::env::var(name).ok())
    }

    fn parse_with(url: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        Parameters::read(url, &variable)?.finish(url)
    }
}

impl Parameters {
    fn read(url: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut all = Self::new(variable("HOME").map(|home| Path::new(&home).join(".pgpass")));
        for (name, parameter) in VARIABLES {
            if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
                all.set(parameter, &value).map_err(|why| format!("the variable {name}: {why}"))?;
            }
        }
        all.set_base(base)?;
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            all.set(name, &decoded(value))?;
        }
        Ok(all)
    }

    /// Returns the defaults.
    fn new(password_file: Option<PathBuf>) -> Self {
        let mut common = Config::new();
        common
            .application_name("cloakroom")
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .keepalives_idle(KEEPALIVE.0)
            .keepalives_interval(KEEPALIVE.1)
            .keepalives_retries(KEEPALIVE_RETRIES);
        Self {
            common,
            hosts: Vec::new(),
            addresses: Vec::new(),
            ports: Vec::new(),
            is_pooled: false,
            ssl_mode: None,
            roots: None,
            certificate: None,
            key: None,
            password_file,
            connect_timeout: CONNECT_TIMEOUT,
            target: None,
        }
    }

    /// Reads `postgres://user:password@host:port,host:port/database`.
    fn set_base(&mut self, base: &str) -> Result<(), String> {
        let cause = |error: &dyn Error| error.source().map(ToString::to_string);
        let base: Config =
            base.parse().map_err(|error| cause(&error).unwrap_or_else(|| "it is invalid".to_owned()))?;
        base.get_user().map(|user| self.common.user(user));
        base.get_password().map(|password| self.common.password(password));
        base.get_dbname().map(|database| self.common.dbname(database));
        if !base.get_hosts().is_empty() {
            self.hosts = base.get_hosts().to_vec();
        }
        if !base.get_ports().is_empty() {
            self.ports = base.get_ports().to_vec();
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("{name} has a value that is not supported");
        let number = || parse_number::<u32>(value).ok_or_else(wrong);
        let seconds = || number().map(|seconds| Duration::from_secs(seconds.into()));
        let one_of = |values: &[&str]| if values.contains(&value) { Ok(()) } else { Err(wrong()) };
        match name {
            "user" => drop(self.common.user(value)),
            "password" => drop(self.common.password(value)),
            "dbname" => drop(self.common.dbname(value)),
            "options" => drop(self.common.options(value)),
            "application_name" => drop(self.common.application_name(value)),
            "host" => self.hosts = value.split(',').map(host_name).collect(),
            "hostaddr" => self.addresses = list(value, |one| one.parse().ok()).ok_or_else(wrong)?,
            "port" => self.ports = list(value, parse_number).ok_or_else(wrong)?,
            "connect_timeout" => self.connect_timeout = seconds()?.max(Duration::from_secs(1)),
            "tcp_user_timeout" => {
                self.common.tcp_user_timeout(Duration::from_millis(number()?.into()));
            }
            "keepalives" => drop(self.common.keepalives(number()? != 0)),
            "keepalives_idle" => drop(self.common.keepalives_idle(seconds()?)),
            "keepalives_interval" => drop(self.common.keepalives_interval(seconds()?)),
            "keepalives_count" => drop(self.common.keepalives_retries(number()?)),
            "channel_binding" => {
                one_of(&["disable", "prefer", "require"])?;
                self.common.channel_binding(match value {
                    "disable" => ChannelBinding::Disable,
                    "require" => ChannelBinding::Require,
                    _ => ChannelBinding::Prefer,
                });
            }
            "target_session_attrs" => {
                // The server writes. A standby is of no use to it.
                one_of(&["any", "read-write", "primary"])?;
                let any = value == "any";
                self.target = Some(if any { TargetSessionAttrs::Any } else { TargetSessionAttrs::ReadWrite });
            }
            "sslmode" => self.ssl_mode = Some(SslMode::parse(value).ok_or_else(wrong)?),
            "sslrootcert" if value == "system" => self.roots = Some(Roots::System),
            "sslrootcert" => self.roots = Some(Roots::File(value.into())),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "passfile" => self.password_file = Some(value.into()),
            "pgbouncer" => {
                one_of(&["true", "false"])?;
                self.is_pooled = value == "true";
            }
            // These are always so.
            "gssencmode" => one_of(&["disable"])?,
            "client_encoding" => one_of(&["utf8", "UTF8"])?,
            _ => return Err(format!("the parameter {name} is not supported")),
        }
        Ok(())
    }

    fn finish(mut self, url: &str) -> Result<PostgresUrl, String> {
        let tls = self.tls()?;
        let several = self.hosts.len().max(self.addresses.len()) > 1;
        let target = if several { TargetSessionAttrs::ReadWrite } else { TargetSessionAttrs::Any };
        self.common.target_session_attrs(self.target.unwrap_or(target)).ssl_mode(match tls.mode {
            SslMode::Disable => DriverSslMode::Disable,
            SslMode::Prefer => DriverSslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => DriverSslMode::Require,
        });
        let (hosts, connect_timeout, is_pooled) = (self.hosts()?, self.connect_timeout, self.is_pooled);
        let text = Zeroizing::new(url.to_owned());
        Ok(PostgresUrl { text, hosts, tls, connect_timeout, is_pooled })
    }

    fn tls(&self) -> Result<TlsSettings, String> {
        let mode = match (&self.roots, self.ssl_mode) {
            (Some(Roots::System), None | Some(SslMode::VerifyFull)) => SslMode::VerifyFull,
            (Some(Roots::System), _) => return Err("sslrootcert=system needs sslmode=verify-full".to_owned()),
            (None, Some(SslMode::VerifyCa)) => return Err("sslmode=verify-ca needs sslrootcert".to_owned()),
            (_, mode) => mode.unwrap_or(SslMode::Prefer),
        };
        let client = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => return Err("sslcert and sslkey go together".to_owned()),
        };
        Ok(TlsSettings { mode, roots: self.roots.clone(), client })
    }
}

/// Parses a list of values separated by commas.
fn list<T>(value: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    value.split(',').map(parse).collect()
}

/// Decodes `%2F` and its like. Unlike in a form, a plus sign is itself.
fn decoded(value: &str) -> String {
    let value = format!("v={}", value.replace('+', "%2B"));
    form_urlencoded::parse(value.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
