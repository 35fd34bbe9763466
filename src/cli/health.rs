//! `cloakroom health`: asks the server of this configuration for its health, for images without a shell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, Command};
use serde_json::json;
use ureq::tls::TlsConfig;

use super::arguments::{json_flag, switch};
use super::context::Context;
use super::output::{Failure, print, print_json};
use crate::config::Config;

/// Timeout of the request. It is above the server's own deadline for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn command() -> Command {
    Command::new("health")
        .about("Ask the server on this machine whether it can answer requests; exit code 1 if not")
        .after_help(
            "Asks GET /health/ready on the listening address of these settings. The certificate is not verified: \
             the connection stays on this machine.\n\n\
             Examples:\n  cloakroom health\n  cloakroom health --live --listen 127.0.0.1:8080",
        )
        .args([switch("live", "Ask only whether the process runs, not its database"), json_flag()])
}

pub(super) fn run(context: &Context, given: &ArgMatches) -> Result<(), Failure> {
    let path = if given.get_flag("live") { "/health/live" } else { "/health/ready" };
    let url = format!("{}{path}", server_url(context.config())?);
    let (status, body) = ask(&url).map_err(|error| Failure::new(format!("{url}: {error}")))?;
    let healthy = status == 200;
    if given.get_flag("json") {
        print_json(&json!({ "url": url, "status": status, "healthy": healthy }))?;
    } else if healthy {
        print(&format!("{url}: healthy\n"))?;
    }
    if healthy { Ok(()) } else { Err(Failure::new(format!("{url}: not healthy: {status} {body}"))) }
}

/// Returns the URL of the server for a client on this machine.
fn server_url(config: &Config) -> Result<String, Failure> {
    let mut address = config.listen;
    if address.port() == 0 {
        return Err(Failure::new("CLOAKROOM_LISTEN has port 0; give the address with --listen"));
    }
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(format!("{}://{address}", config.scheme()))
}

fn ask(url: &str) -> Result<(u16, String), ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(without_verification())
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(TIMEOUT))
        .build()
        .into();
    let mut answer = agent.get(url).call()?;
    Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
}

/// Returns a TLS configuration for a connection to this machine: the certificate has the public host name.
fn without_verification() -> TlsConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    TlsConfig::builder().unversioned_rustls_crypto_provider(provider).disable_verification(true).build()
}
