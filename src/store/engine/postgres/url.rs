//! The URL of a PostgreSQL server: libpq's form and names of parameters, with defaults that detect a lost server
//! in time and that find the primary among several hosts.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{
    ChannelBinding, Host as HostName, SslMode as DriverSslMode, TargetSessionAttrs,
};

use super::environment::{VARIABLES, password};
use super::tls::{Roots, SslMode, TlsSettings};
use zeroize::Zeroizing;

/// Timeout of everything up to the first statement, for each host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Timeout of sent data that the host does not acknowledge.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle time before the first keep-alive packet, and the interval of the next ones.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(2));

/// Number of keep-alive packets without an answer after which the connection is lost.
const KEEPALIVE_RETRIES: u32 = 3;

/// Directories of the socket when the URL names no host.
const SOCKET_DIRECTORIES: [&str; 2] = ["/run/postgresql", "/tmp"];

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

/// A host, and how to connect to it.
#[derive(Clone)]
pub(super) struct Host {
    /// As messages show it.
    pub(super) name: String,
    pub(super) address: Address,
    /// Name in the server's certificate.
    pub(super) tls_name: String,
    pub(super) config: Config,
}

/// Where a host listens.
#[derive(Clone)]
pub(super) enum Address {
    Name(String, u16),
    Ip(SocketAddr),
    /// A socket of this machine.
    Socket(PathBuf),
}

/// What is known of a URL while its parameters are read. Later ones replace earlier ones, as with libpq.
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
        let number = || value.parse::<u32>().map_err(|_| wrong());
        let seconds = || number().map(|seconds| Duration::from_secs(seconds.into()));
        let one_of = |values: &[&str]| if values.contains(&value) { Ok(()) } else { Err(wrong()) };
        match name {
            "user" => drop(self.common.user(value)),
            "password" => drop(self.common.password(value)),
            "dbname" => drop(self.common.dbname(value)),
            "options" => drop(self.common.options(value)),
            "application_name" => drop(self.common.application_name(value)),
            "host" => self.hosts = value.split(',').map(host_name).collect(),
            "hostaddr" => self.addresses = list(value).ok_or_else(wrong)?,
            "port" => self.ports = list(value).ok_or_else(wrong)?,
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

    /// Returns the hosts, each with its address and port.
    fn hosts(&self) -> Result<Vec<Host>, String> {
        let (names, addresses, ports) = (&self.hosts, &self.addresses, &self.ports);
        let count = names.len().max(addresses.len());
        if (!names.is_empty() && !addresses.is_empty() && names.len() != addresses.len())
            || (ports.len() > 1 && ports.len() != count)
        {
            return Err("host, hostaddr and port differ in number".to_owned());
        }
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        if count == 0 {
            let exists = |directory: &&&str| Path::new(directory).exists();
            let directory = SOCKET_DIRECTORIES.iter().find(exists).unwrap_or(&"/tmp");
            return Ok(vec![self.host(Some(&host_name(directory)), None, port(0))]);
        }
        let each = |index| self.host(names.get(index), addresses.get(index), port(index));
        Ok((0..count).map(each).collect())
    }

    fn host(&self, name: Option<&HostName>, address: Option<&IpAddr>, port: u16) -> Host {
        let mut config = self.common.clone();
        let (address, tls_name) = match (name, address) {
            #[cfg(unix)]
            (Some(HostName::Unix(directory)), _) => {
                // A socket of the same machine has no TLS, whatever `sslmode` says.
                config.ssl_mode(DriverSslMode::Disable);
                (Address::Socket(directory.join(format!(".s.PGSQL.{port}"))), String::new())
            }
            (Some(HostName::Tcp(name)), Some(address)) => {
                (Address::Ip(SocketAddr::new(*address, port)), name.clone())
            }
            (Some(HostName::Tcp(name)), None) => (Address::Name(name.clone(), port), name.clone()),
            (None, address) => {
                let address = address.copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
                (Address::Ip(SocketAddr::new(address, port)), address.to_string())
            }
        };
        let name = match (&address, name) {
            (Address::Socket(path), _) => path.display().to_string(),
            (_, Some(HostName::Tcp(name))) if name.contains(':') => format!("[{name}]:{port}"),
            (_, Some(HostName::Tcp(name))) => format!("{name}:{port}"),
            (Address::Ip(address), _) => address.to_string(),
            (Address::Name(name, _), _) => format!("{name}:{port}"),
        };
        if let Some(password) = self.password(&address, &tls_name, port) {
            config.password(password);
        }
        Host { name, address, tls_name, config }
    }

    /// Returns the password of a host in the password file, when the URL has none.
    fn password(&self, address: &Address, name: &str, port: u16) -> Option<String> {
        let (None, Some(file)) = (self.common.get_password(), &self.password_file) else { return None };
        let user = self.common.get_user()?;
        let directory = match address {
            Address::Socket(path) => path.parent().and_then(Path::to_str),
            Address::Name(..) | Address::Ip(_) => None,
        };
        let host = match directory {
            Some(directory) if SOCKET_DIRECTORIES.contains(&directory) => "localhost",
            Some(directory) => directory,
            None => name,
        };
        password(file, [host, &port.to_string(), self.common.get_dbname().unwrap_or(user), user])
    }
}

/// Parses a list of values separated by commas.
fn list<T: FromStr>(value: &str) -> Option<Vec<T>> {
    value.split(',').map(|one| one.parse().ok()).collect()
}

/// Returns a host by its name, or by the directory of its socket.
fn host_name(name: &str) -> HostName {
    match name.starts_with('/') {
        #[cfg(unix)]
        true => HostName::Unix(name.into()),
        _ => HostName::Tcp(name.to_owned()),
    }
}

/// Decodes `%2F` and its like. Unlike in a form, a plus sign is itself.
fn decoded(value: &str) -> String {
    let value = format!("v={}", value.replace('+', "%2B"));
    form_urlencoded::parse(value.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> PostgresUrl {
        PostgresUrl::parse_with(url, |_| None).unwrap_or_else(|why| panic!("{url}: {why}"))
    }

    fn config(url: &str) -> Config {
        parsed(url).hosts.remove(0).config
    }

    fn names(url: &str) -> Vec<String> {
        parsed(url).hosts.into_iter().map(|host| host.name).collect()
    }

    #[test]
    fn has_defaults_that_detect_a_lost_server() {
        let config = config("postgres://u:p@db/x");
        assert_eq!(config.get_tcp_user_timeout(), Some(&TCP_USER_TIMEOUT));
        assert_eq!(config.get_application_name(), Some("cloakroom"));
        assert_eq!(config.get_keepalives_idle(), KEEPALIVE.0);
        assert_eq!(parsed("postgres://u:p@db/x").connect_timeout, CONNECT_TIMEOUT);
    }

    #[test]
    fn keeps_the_parameters_of_the_operator() {
        let url = "postgres://u:p%40s@db:6/x?connect_timeout=9&tcp_user_timeout=1500&application_name=shop\
                   &keepalives_idle=60&options=-c%20search_path%3Dshop";
        let config = config(url);
        assert_eq!(parsed(url).connect_timeout, Duration::from_secs(9));
        assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_millis(1_500)));
        assert_eq!(config.get_application_name(), Some("shop"));
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(60));
        assert_eq!(config.get_options(), Some("-c search_path=shop"));
        assert_eq!((config.get_user(), config.get_password()), (Some("u"), Some(b"p@s".as_slice())));
        assert_eq!((config.get_dbname(), names(url)), (Some("x"), vec!["db:6".to_owned()]));
    }

    #[test]
    fn looks_for_the_primary_among_several_hosts() {
        let writes = |url| config(url).get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
        assert!(writes("postgres://u:p@a:1,b:2/x") && writes("postgres:///x?host=/a,/b&port=1,2"));
        assert!(writes("postgres://a/x?target_session_attrs=primary"));
        assert!(!writes("postgres://a,b/x?target_session_attrs=any"));
        // A comma in a password names no second host.
        assert!(!writes("postgres://u:p,q@db/x"));
        assert_eq!(names("postgres://u:p@a:1,b:2/x"), ["a:1", "b:2"]);
        assert_eq!(names("postgres:///x?host=/a,/b&port=1,2"), ["/a/.s.PGSQL.1", "/b/.s.PGSQL.2"]);
        assert_eq!(names("postgres://u@[::1]:5/x"), ["[::1]:5"]);
        assert_eq!(names("postgres://a/x?host=b&port=7"), ["b:7"]);
    }

    #[test]
    fn knows_the_pooler() {
        assert!(parsed("postgres://db/x?pgbouncer=true&sslmode=require").is_pooled);
        assert!(!parsed("postgres://db/x").is_pooled);
    }

    #[test]
    fn reads_the_parameters_of_tls() {
        let tls = |query: &str| parsed(&format!("postgres://db/x{query}")).tls;
        let expected = |mode, roots| TlsSettings { mode, roots, client: None };
        assert_eq!(tls(""), expected(SslMode::Prefer, None));
        let file = Some(Roots::File("/etc/a b.crt".into()));
        assert_eq!(
            tls("?sslmode=verify-full&sslrootcert=/etc/a%20b.crt"),
            expected(SslMode::VerifyFull, file)
        );
        assert_eq!(tls("?sslrootcert=system"), expected(SslMode::VerifyFull, Some(Roots::System)));
        let socket = config("postgres:///x?host=/run/pg&sslmode=require");
        assert_eq!(socket.get_ssl_mode(), DriverSslMode::Disable);
    }

    #[test]
    fn refuses_by_name_what_it_does_not_support() {
        for (query, name) in [
            ("service=x", "service"),
            ("sslmode=allow", "sslmode"),
            ("sslmode=verify-ca", "sslrootcert"),
            ("sslmode=verify-ca&sslrootcert=system", "sslmode"),
            ("sslcert=a", "sslkey"),
            ("sslcrl=a", "sslcrl"),
            ("target_session_attrs=standby", "target_session_attrs"),
            ("port=x", "port"),
            ("connect_timeout=x", "connect_timeout"),
            ("gssencmode=require", "gssencmode"),
        ] {
            let url = format!("postgres://u:hunter2@db/x?{query}");
            let why = PostgresUrl::parse_with(&url, |_| None).err();
            let why = why.unwrap_or_else(|| panic!("{query} is accepted"));
            assert!(why.contains(name) && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn variables_are_the_defaults_of_a_url() {
        let with = |url: &str, name: &'static str, value: &'static str| {
            PostgresUrl::parse_with(url, |wanted| (wanted == name).then(|| value.to_owned()))
        };
        let password = |url: &str| {
            let host = with(url, "PGPASSWORD", "one").unwrap().hosts.remove(0);
            host.config.get_password().map(<[u8]>::to_vec)
        };
        assert_eq!(password("postgres://u@db/x"), Some(b"one".to_vec()));
        assert_eq!(password("postgres://u:two@db/x"), Some(b"two".to_vec()));
        let host = |url: &str| with(url, "PGHOST", "a,b").unwrap().hosts.remove(0).name;
        assert_eq!(
            (host("postgres:///x"), host("postgres://c/x")),
            ("a:5432".to_owned(), "c:5432".to_owned())
        );
        assert_eq!(with("postgres://db/x", "PGSSLMODE", "require").unwrap().tls.mode, SslMode::Require);
        for (name, value) in [("PGSERVICE", "x"), ("PGSSLCRL", "x"), ("PGSSLMODE", "allow")] {
            let why = with("postgres://db/x", name, value).err().unwrap_or_default();
            assert!(why.contains(name), "{why}");
        }
    }

    #[test]
    fn password_comes_from_the_password_file() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("pass");
        std::fs::write(&file, "one:5432:x:u:first\n*:*:*:u:other\nlocalhost:5:x:u:never\n").unwrap();
        let password = |base: &str| {
            let url = format!("{base}?passfile={}", file.display());
            let host = PostgresUrl::parse_with(&url, |_| None).unwrap().hosts.pop().unwrap();
            host.config.get_password().map(|password| String::from_utf8(password.to_vec()).unwrap())
        };
        let set_mode = |mode| {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&file, permissions).unwrap();
        };
        set_mode(0o600);
        assert_eq!(password("postgres://u@one/x").as_deref(), Some("first"));
        assert_eq!(password("postgres://u@one,two/x").as_deref(), Some("other"));
        assert_eq!(password("postgres://u:own@one/x").as_deref(), Some("own"));
        assert_eq!(password("postgres://eve@one/x"), None);
        set_mode(0o644);
        assert_eq!(password("postgres://u@one/x"), None);
    }
}
