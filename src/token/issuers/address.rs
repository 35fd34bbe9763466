//! Which addresses keys may be fetched from.

use url::{Host, Url};

/// Whether the URL is https, or http to this very machine, where nobody can listen in.
pub(crate) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)
}

/// Whether it leads to this machine.
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
    fn keys_come_by_https_or_from_this_machine() {
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
