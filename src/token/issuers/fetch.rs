//! Fetches an issuer's keys from the URL in the configuration or in the issuer's metadata. All functions
//! block, for a bounded time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::tls::TlsConfig;
use ureq::unversioned::transport::DefaultConnector;
use url::Url;

use super::address::{GuardedResolver, is_loopback};
use super::jwks;
use super::roots::roots;
use crate::domain::strict_url;
use crate::json::parse_strict;
use crate::token::{TrustedIssuer, VerificationKey, is_safe};

/// Longest duration of one request, from the DNS look-up to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest response body, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// Why an issuer's keys could not be fetched. The error contains no text of the issuer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no response: {0}")]
    Unreachable(String),
    #[error("{0} answers {1}; only 200 is accepted, and redirects are not followed")]
    Status(Url, u16),
    #[error("the response is longer than 256 KiB")]
    TooLong,
    #[error("the response is not JSON, or has a duplicate member")]
    NotJson,
    #[error("the metadata is of another issuer")]
    AnotherIssuer,
    #[error("the metadata has no jwks_uri that may be used: https, or http where allow_http permits it")]
    NoKeys,
    #[error("the response is not a JWK Set")]
    NotASet,
    #[error("the JWK Set has more than 100 keys")]
    TooManyKeys,
}

/// Fetches the issuer's present keys.
pub(super) fn fetch(issuer: &TrustedIssuer) -> Result<Vec<VerificationKey>, FetchError> {
    let url = match &issuer.jwks_uri {
        Some(url) => url.clone(),
        None => discover(issuer)?,
    };
    jwks::read(&get(&url)?, issuer)
}

/// Returns the issuer's `jwks_uri`, by OpenID Connect Discovery §4, or else by RFC 8414 §3.
fn discover(settings: &TrustedIssuer) -> Result<Url, FetchError> {
    let issuer = settings.issuer.as_str();
    let [first, second] = metadata_urls(issuer).ok_or(FetchError::NoKeys)?;
    let metadata = match get(&first) {
        Err(FetchError::Status(..)) => get(&second)?,
        done => done?,
    };
    // RFC 8414 §3.3: metadata with another `issuer` must not be used.
    if metadata.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(FetchError::AnotherIssuer);
    }
    let keys = metadata.get("jwks_uri").and_then(Value::as_str).and_then(strict_url);
    keys.filter(|keys| is_safe(keys, settings.allow_http) && (is_on_loopback(issuer) || !is_loopback(keys)))
        .ok_or(FetchError::NoKeys)
}

fn is_on_loopback(issuer: &str) -> bool {
    Url::parse(issuer).is_ok_and(|url| is_loopback(&url))
}

fn metadata_urls(issuer: &str) -> Option<[Url; 2]> {
    let base = Url::parse(issuer).ok()?;
    let path = base.path().trim_end_matches('/').to_owned();
    let at = |path: String| {
        let mut url = base.clone();
        url.set_path(&path);
        url
    };
    let openid = at(format!("{path}/.well-known/openid-configuration"));
    Some([openid, at(format!("/.well-known/oauth-authorization-server{path}"))])
}

fn get(url: &Url) -> Result<Value, FetchError> {
    let fetch_error = |error: ureq::Error| match error {
        ureq::Error::BodyExceedsLimit(_) => FetchError::TooLong,
        error => FetchError::Unreachable(error.to_string()),
    };
    let sent = agent(url).get(url.as_str()).header("accept", "application/json").call();
    let mut response = sent.map_err(fetch_error)?;
    if response.status().as_u16() != 200 {
        return Err(FetchError::Status(url.clone(), response.status().as_u16()));
    }
    let body = response.body_mut().with_config().limit(MAX_BYTES).read_to_vec().map_err(fetch_error)?;
    parse_strict(&body).map_err(|_| FetchError::NotJson)
}

/// Returns the TLS configuration for outgoing requests: root certificates and cryptography.
pub(crate) fn tls() -> TlsConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(roots()).build()
}

/// Returns an HTTP client that follows no redirects. Each fetch uses a new one: fetches are rare, and the
/// machine's certificates may have changed since the last.
fn agent(url: &Url) -> Agent {
    let plain = url.scheme() == "http";
    let config = Agent::config_builder()
        .tls_config(tls())
        .https_only(!plain)
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(TIMEOUT))
        .max_response_header_size(16 * 1024)
        .user_agent(concat!("cloakroom/", env!("CARGO_PKG_VERSION")));
    // An address nearby is never requested through a proxy of the environment.
    let config = if plain || is_loopback(url) { config.proxy(None) } else { config };
    Agent::with_parts(config.build(), DefaultConnector::default(), GuardedResolver { plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_metadata_where_the_standards_say() {
        let urls = |issuer| metadata_urls(issuer).unwrap().map(String::from);
        assert_eq!(
            urls("https://kc.example.org/realms/staff"),
            [
                "https://kc.example.org/realms/staff/.well-known/openid-configuration",
                "https://kc.example.org/.well-known/oauth-authorization-server/realms/staff"
            ]
        );
        assert_eq!(
            urls("https://tenant.example.com/"),
            [
                "https://tenant.example.com/.well-known/openid-configuration",
                "https://tenant.example.com/.well-known/oauth-authorization-server"
            ]
        );
    }
}
