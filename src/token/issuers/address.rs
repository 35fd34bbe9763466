//! URLs that keys may be fetched from.

use std::net::IpAddr;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use url::{Host, Url};

/// Ends of names that no public name server has (RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`).
const PRIVATE_NAMES: [&str; 5] = [".internal", ".local", ".localhost", ".test", ".home.arpa"];

/// True when the URL is https, or http to a loopback address, where no attacker can listen. With `allow_http`
/// also http to a private address or name. A link-local address serves a cloud's metadata, and no keys.
pub(crate) fn is_safe(url: &Url, allow_http: bool) -> bool {
    match url.scheme() {
        _ if address(url).is_some_and(is_link_local) => false,
        "https" => true,
        "http" => is_loopback(url) || allow_http && is_private_host(url),
        _ => false,
    }
}

/// True for a private address, a name without dots, such as that of a container, and names of
/// [`PRIVATE_NAMES`]. What a name resolves to is checked at each request.
fn is_private_host(url: &Url) -> bool {
    match (url.domain(), address(url)) {
        (Some(name), _) => !name.contains('.') || PRIVATE_NAMES.iter().any(|end| name.ends_with(end)),
        (None, found) => found.is_some_and(is_private),
    }
}

fn address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
    }
}

/// True for RFC 1918 and RFC 4193, without the unique local network of Amazon's metadata.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local() && !is_link_local(address.into()),
    }
}

/// True for link-local addresses, and for `fd00:ec2::/32`, where Amazon serves metadata too.
fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            address.is_unicast_link_local() || (first, second) == (0xfd00, 0x0ec2)
        }
    }
}

/// Resolver that gives no address to which the request must not go.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    /// Set when the request is plain http, so that only this machine and private networks may get it.
    pub(super) plain: bool,
}

impl GuardedResolver {
    fn permits(&self, address: IpAddr) -> bool {
        let near = address.to_canonical().is_loopback() || is_private(address);
        !is_link_local(address) && (near || !self.plain)
    }
}

impl Resolver for GuardedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        let mut permitted = self.empty();
        for address in found.iter().filter(|address| self.permits(address.ip())) {
            permitted.push(*address);
        }
        if permitted.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(permitted) }
    }
}

/// True when the host is a loopback address or `localhost`.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_http_on_loopback_and_private_hosts_alone() {
        let safe = |url: &str, allow_http| is_safe(&Url::parse(url).unwrap(), allow_http);
        for url in ["https://id.example.org/x", "http://127.0.0.1:8080", "http://[::1]", "http://localhost/"]
        {
            assert!(safe(url, false) && safe(url, true), "{url}");
        }
        for url in [
            "http://10.0.0.1",
            "http://172.16.1.1:8080/realms/x",
            "http://192.168.1.1",
            "http://[fd12::1]",
            "http://[::ffff:10.0.0.1]",
            "http://keycloak:8080/realms/x",
            "http://host.docker.internal:8080",
        ] {
            assert!(!safe(url, false) && safe(url, true), "{url}");
        }
        for url in [
            "http://id.example.org",
            "http://localhost.example.org",
            "http://8.8.8.8",
            "http://172.32.0.1",
            "http://0.0.0.0",
            "http://169.254.169.254/latest",
            "http://2852039166/",
            "http://0xa9.0xfe.0xa9.0xfe/",
            "https://169.254.169.254/",
            "http://[::ffff:169.254.169.254]/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "file:///etc/x",
            "ftp://localhost/",
        ] {
            assert!(!safe(url, true), "{url}");
        }
    }

    #[test]
    fn resolver_gives_no_metadata_and_no_public_address_to_http() {
        for (address, plain, https) in [
            ("127.0.0.1", true, true),
            ("::1", true, true),
            ("10.1.2.3", true, true),
            ("fd12::1", true, true),
            ("8.8.8.8", false, true),
            ("100.100.100.200", false, true),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("fe80::1", false, false),
            ("fd00:ec2::254", false, false),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(GuardedResolver { plain: true }.permits(address), plain, "{address}");
            assert_eq!(GuardedResolver { plain: false }.permits(address), https, "{address}");
        }
    }
}
