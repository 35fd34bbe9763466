//! Redirect URIs of clients.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::{InvalidId, strict_url};

/// Registered redirect URI (RFC 6749 §3.1.2, RFC 8252 §7): https, http to a loopback address, or a
/// private-use scheme. Compared character by character.
///
/// ```
/// use cloakroom::domain::RedirectUri;
/// let registered: RedirectUri = "https://app.example.org/callback".parse().unwrap();
/// assert!(registered.matches("https://app.example.org/callback"));
/// assert!(!registered.matches("https://app.example.org/callback/"));
///
/// let native: RedirectUri = "http://127.0.0.1/callback".parse().unwrap();
/// assert!(native.matches("http://127.0.0.1:49152/callback"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

/// Maximum length, in bytes.
const MAX_BYTES: usize = 2_000;

impl RedirectUri {
    /// Returns the URI as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for a private-use scheme. Any other application on the same machine can claim it
    /// (RFC 8252 §8.4).
    pub fn is_private_use(&self) -> bool {
        !self.0.starts_with("https://") && !self.0.starts_with("http://")
    }

    /// True when a requested URI equals this one. The port of a loopback URI may differ (RFC 8252 §7.3).
    pub fn matches(&self, requested: &str) -> bool {
        if self.0 == requested {
            return true;
        }
        let (Some(ours), Some(theirs)) = (without_loopback_port(&self.0), without_loopback_port(requested))
        else {
            return false;
        };
        ours == theirs && requested.parse::<RedirectUri>().is_ok()
    }
}

/// Returns the text before and after the port of an http URI to a loopback address.
fn without_loopback_port(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let host = ["127.0.0.1", "[::1]", "localhost"].into_iter().find(|host| rest.starts_with(host))?;
    let (_, after) = rest.split_at_checked(host.len())?;
    let Some(port) = after.strip_prefix(':') else { return Some((host, after)) };
    let digits = port.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, path) = port.split_at_checked(digits)?;
    digits.parse::<u16>().ok().map(|_| (host, path))
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RedirectUri {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() > MAX_BYTES
            || !printable
            || text.contains(['\\', '"', '<', '>', '^', '`', '{', '|', '}', '*'])
        {
            return Err(InvalidId("must be a URI of at most 2000 characters, without wildcards"));
        }
        let url = strict_url(text).ok_or(InvalidId("must be an absolute URI"))?;
        if text.contains('#') {
            return Err(InvalidId("must not have a fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidId("must not hold a user or a password"));
        }
        if !is_canonical(text, &url) {
            return Err(InvalidId("must be written as a browser would write it, without dot segments"));
        }
        match url.scheme() {
            "https" => Ok(Self(text.to_owned())),
            "http" if is_loopback(&url) => Ok(Self(text.to_owned())),
            "http" => Err(InvalidId("must be https, unless it leads to 127.0.0.1, [::1] or localhost")),
            // RFC 8252 §7.1: a domain of the application's, reversed; it tells it from `javascript:`.
            scheme if scheme.contains('.') => Ok(Self(text.to_owned())),
            _ => Err(InvalidId(
                "must be https, or a scheme made of a reversed domain, such as org.example.app",
            )),
        }
    }
}

/// True when a browser's URL parser returns the same text. A bare host may lack its slash.
fn is_canonical(text: &str, url: &Url) -> bool {
    let escaped_dots = text.to_ascii_lowercase().contains("%2e");
    let bare = text.strip_prefix(url.as_str().trim_end_matches('/'));
    !escaped_dots && (url.as_str() == text || bare == Some(""))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> RedirectUri {
        text.parse().unwrap()
    }

    #[test]
    fn requested_uri_must_equal_the_registered_one() {
        let registered = uri("https://app.example.org/cb");
        for other in [
            "https://app.example.org/cb/",
            "https://app.example.org/cb?x=1",
            "https://app.example.org/cb#x",
            "https://app.example.org/CB",
            "https://app.example.org:443/cb",
            "https://app.example.org/cb/../evil",
            "https://app.example.org/..;/cb",
            "https://app.example.org@evil.example/cb",
            "https://evil.example@@app.example.org/cb",
            "https://app.example.org.evil.example/cb",
            "http://app.example.org/cb",
            "https://APP.example.org/cb",
            "//app.example.org/cb",
            "",
        ] {
            assert!(!registered.matches(other), "{other}");
        }
    }

    #[test]
    fn loopback_uri_matches_with_any_port() {
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            let registered = uri(&format!("http://{host}/cb"));
            assert!(registered.matches(&format!("http://{host}:49152/cb")));
            assert!(uri(&format!("http://{host}:8080/cb")).matches(&format!("http://{host}/cb")));
            for other in [
                format!("http://{host}:49152/other"),
                format!("http://{host}:99999/cb"),
                format!("http://{host}:/cb"),
                format!("http://{host}:1@evil.example/cb"),
                format!("http://{host}.evil.example/cb"),
                format!("https://{host}:49152/cb"),
            ] {
                assert!(!registered.matches(&other), "{other}");
            }
        }
        assert!(!uri("http://127.0.0.1/cb").matches("http://localhost/cb"));
        assert!(!uri("https://app.example.org/cb").matches("https://app.example.org:8443/cb"));
    }

    #[test]
    fn accepts_only_safe_uris_at_registration() {
        for good in [
            "https://app.example.org",
            "https://app.example.org/cb?tenant=1",
            "http://localhost:3000/cb",
            "http://[::1]/cb",
            "org.example.app:/cb",
            "org.example.app://cb",
        ] {
            assert!(good.parse::<RedirectUri>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "/cb",
            "app.example.org/cb",
            "http://app.example.org/cb",
            "https://*.example.org/cb",
            "https://app.example.org/cb#x",
            "https://user@app.example.org/cb",
            "https://app.example.org/a/../cb",
            "https://app.example.org/%2e%2e/cb",
            "https://app.example.org/c b",
            "https://APP.example.org/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp:/cb",
            "https:\\\\app.example.org",
        ] {
            assert!(bad.parse::<RedirectUri>().is_err(), "{bad}");
        }
    }
}
