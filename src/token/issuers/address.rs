//! URLs that keys may be fetched from.

use url::{Host, Url};

/// True when the URL is https, or http to a loopback address, where no attacker can listen.
pub(crate) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)
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
    fn accepts_https_and_loopback_alone() {
        for safe in ["https://id.example.org/x", "http://127.0.0.1:8080", "http://[::1]", "http://localhost/"]
        {
            assert!(is_safe(&Url::parse(safe).unwrap()), "{safe}");
        }
        for open in [
            "http://id.example.org",
            "http://localhost.example.org",
            "http://10.0.0.1",
            "file:///etc/x",
            "ftp://localhost/",
        ] {
            assert!(!is_safe(&Url::parse(open).unwrap()), "{open}");
        }
    }
}
