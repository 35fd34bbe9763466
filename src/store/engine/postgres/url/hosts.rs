//! The hosts of a URL: the address, the port and the password of each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tokio_postgres::Config;
use tokio_postgres::config::{Host as HostName, SslMode as DriverSslMode};

use super::super::environment::password;
use super::Parameters;

/// Directories of the socket when the URL names no host.
const SOCKET_DIRECTORIES: [&str; 2] = ["/run/postgresql", "/tmp"];

/// A host, and how to connect to it.
#[derive(Clone)]
pub(in super::super) struct Host {
    /// As messages show it.
    pub(in super::super) name: String,
    pub(in super::super) address: Address,
    /// Name in the server's certificate.
    pub(in super::super) tls_name: String,
    pub(in super::super) config: Config,
}

/// Place at which a host listens.
#[derive(Clone)]
pub(in super::super) enum Address {
    Name(String, u16),
    Ip(SocketAddr),
    /// A socket of this machine.
    Socket(PathBuf),
}

impl Parameters {
    /// Returns the hosts, each with its address and port.
    pub(super) fn hosts(&self) -> Result<Vec<Host>, String> {
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

/// Returns a host by its name, or by the directory of its socket.
pub(super) fn host_name(name: &str) -> HostName {
    match name.starts_with('/') {
        #[cfg(unix)]
        true => HostName::Unix(name.into()),
        _ => HostName::Tcp(name.to_owned()),
    }
}
