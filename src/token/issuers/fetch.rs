//! Fetching an issuer's keys, from where the configuration or the issuer's own metadata say.
//! Everything here may block, for a bounded time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::tls::TlsConfig;
use url::Url;

use super::address::{is_loopback, is_safe};
use super::roots::roots;
use super::{TrustedIssuer, jwks};
use crate::json::parse_strict;
use crate::token::keys::verification_key::VerificationKey;

/// How long one answer may take, from the look-up of the name to its last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// More than any set of keys needs.
const MOST_BYTES: u64 = 256 * 1024;

/// Why an issuer's keys could not be had. Nothing that the issuer wrote is in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("it does not answer: {0}")]
    Away(String),
    #[error("it answers {1} for {0}, and nothing but 200 is taken: redirects are not followed")]
    Status(Url, u16),
    #[error("its answer is longer than 256 KiB")]
    TooLong,
    #[error("its answer is not JSON, or names a member twice")]
    NotJson,
    #[error("its metadata is of another issuer")]
    AnotherIssuer,
    #[error("its metadata name no jwks_uri that is https")]
    NoKeys,
    #[error("what it has for keys is not a JWK Set")]
    NotASet,
    #[error("its set has more than 100 keys")]
    TooManyKeys,
}

/// The issuer's keys as they are now.
pub(super) fn fetch(issuer: &TrustedIssuer) -> Result<Vec<VerificationKey>, FetchError> {
    let url = match &issuer.jwks_uri {
        Some(url) => url.clone(),
        None => discover(&issuer.issuer)?,
    };
    jwks::read(&get(&url)?, issuer)
}

/// Where the issuer says that its keys are: by OpenID Connect Discovery §4, or else by RFC 8414 §3.
fn discover(issuer: &str) -> Result<Url, FetchError> {
    let [first, second] = metadata_urls(issuer).ok_or(FetchError::NoKeys)?;
    let metadata = match get(&first) {
        Err(FetchError::Status(..)) => get(&second)?,
        done => done?,
    };
    // RFC 8414 §3.3: one that claims to be another must not be believed.
    if metadata.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(FetchError::AnotherIssuer);
    }
    let keys = metadata.get("jwks_uri").and_then(Value::as_str).and_then(|url| Url::parse(url).ok());
    keys.filter(|keys| is_safe(keys) && (is_near(issuer) || !is_loopback(keys))).ok_or(FetchError::NoKeys)
}

fn is_near(issuer: &str) -> bool {
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
    let away = |error: ureq::Error| match error {
        ureq::Error::BodyExceedsLimit(_) => FetchError::TooLong,
        error => FetchError::Away(error.to_string()),
    };
    let asked = agent(url).get(url.as_str()).header("accept", "application/json").call();
    let mut answer = asked.map_err(away)?;
    if answer.status().as_u16() != 200 {
        return Err(FetchError::Status(url.clone(), answer.status().as_u16()));
    }
    let body = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(away)?;
    parse_strict(&body).map_err(|_| FetchError::NotJson)
}

/// TLS by which another server is asked: whom it believes, and what it encrypts with.
pub(crate) fn tls() -> TlsConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(roots()).build()
}

/// A client that follows nothing and keeps nothing. Each fetch has a new one: there are few, and
/// the machine's certificates may have changed since the last.
fn agent(url: &Url) -> Agent {
    let near = is_loopback(url);
    let config = Agent::config_builder()
        .tls_config(tls())
        .https_only(!near)
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(TIMEOUT))
        .max_response_header_size(16 * 1024)
        .user_agent(concat!("cloakroom/", env!("CARGO_PKG_VERSION")));
    // What is on this machine is not asked for elsewhere, whatever proxy the environment names.
    let config = if near { config.proxy(None) } else { config };
    config.build().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_where_the_standards_say() {
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
