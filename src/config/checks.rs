//! Checks for cloakroom's own settings. Checks for any setting are in `parse`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use chrono::TimeDelta;
use ipnet::IpNet;
use url::{Host, Url};

use super::Retention;
use super::parse::{self, Parsed};
use crate::authz::StepUp;
use crate::domain::{Invalid, parse_number, parse_resource, strict_url, web_url};
use crate::hashing::Argon2Cost;
use crate::telemetry::logging::LogFormat;
use crate::token::{MasterKey, SigningAlgorithm};

pub(super) fn listen(text: &str) -> Parsed<SocketAddr> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(parse_number) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "write address:port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

pub(super) fn issuer(text: &str) -> Parsed<String> {
    let url = web_url(text).ok_or("write the public URL, such as https://id.example.org")?;
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !here {
        return Err("must be https, unless the host is localhost, 127.0.0.1 or [::1]".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end before ? and #".to_owned());
    }
    // The parser adds a slash after a bare host. Only that slash is optional.
    let canonical = if url.path() == "/" { url.as_str().trim_end_matches('/') } else { url.as_str() };
    if canonical.ends_with('/') {
        return Err("must not end with a slash, because clients compare it character by character".to_owned());
    }
    if text != canonical && text != url.as_str() {
        return Err(format!("clients compare it character by character; write {canonical}"));
    }
    Ok(canonical.to_owned())
}

pub(super) fn audience(text: &str) -> Parsed<String> {
    let problem = |why: Invalid| format!("{why}; write one name, such as https://api.example.org");
    parse_resource(text).map_err(problem)
}

pub(super) fn master_key(text: &str) -> Parsed<MasterKey> {
    let key = MasterKey::from_base64(text);
    key.ok_or_else(|| {
        "must be exactly 32 bytes in base64; make one with `head -c 32 /dev/urandom | base64`".to_owned()
    })
}

pub(super) fn signing_algorithm(text: &str) -> Parsed<SigningAlgorithm> {
    let names = SigningAlgorithm::ALL.map(SigningAlgorithm::as_str).join(", ");
    text.parse().map_err(|_| format!("write one of {names}"))
}

/// Returns None for `off`. The minimum is well above the time for which a key is published before it signs.
pub(super) fn key_rotation(text: &str) -> Parsed<Option<TimeDelta>> {
    if text == "off" {
        return Ok(None);
    }
    let time = parse::duration(3_600..=3_650 * 86_400)(text).ok();
    let time = time.and_then(|time| TimeDelta::from_std(time).ok());
    time.map(Some).ok_or_else(|| "write off, or a time from 1h to 3650d, such as 90d".to_owned())
}

/// Returns no limit for `off`.
pub(super) fn step_up(text: &str) -> Parsed<StepUp> {
    if text == "off" {
        return Ok(StepUp::OFF);
    }
    let time = parse::duration(60..=86_400)(text).ok();
    let time = time.and_then(|time| TimeDelta::from_std(time).ok());
    time.map(StepUp::within).ok_or_else(|| "write off, or a time from 1m to 24h, such as 10m".to_owned())
}

/// Returns None for `forever`.
pub(super) fn audit_retention(text: &str) -> Parsed<Retention> {
    match text {
        "" => return Ok(Retention::Undecided),
        "forever" => return Ok(Retention::Forever),
        _ => {}
    }
    let time = parse::duration(86_400..=36_500 * 86_400)(text).ok();
    let time = time.and_then(|time| TimeDelta::from_std(time).ok());
    time.map(Retention::For)
        .ok_or_else(|| "write forever, or a time from 1d to 36500d, such as 400d".to_owned())
}

/// Reads an origin (RFC 6454 §6.2). The shell of an app has one with its own scheme: `capacitor://localhost`.
pub(super) fn origin(text: &str) -> Parsed<String> {
    // Browsers never send a wildcard, so it would match nothing.
    let url = strict_url(text).filter(|_| !text.contains('*'));
    let origin = url.and_then(|url| match url.scheme() {
        "https" | "http" => Some(url.origin().ascii_serialization()),
        "file" | "ftp" | "ws" | "wss" => None,
        scheme => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            url.host_str().filter(|host| !host.is_empty()).map(|host| format!("{scheme}://{host}{port}"))
        }
    });
    let origin = origin.ok_or(
        "write exact origins, separated by commas, such as https://app.example.org or capacitor://localhost; * and \
         null are not origins",
    )?;
    if text != origin {
        return Err(format!("an origin is a scheme, a host and a port only; write {origin}"));
    }
    Ok(origin)
}

/// Minimum costs: memory in KiB, and passes. The OWASP Password Storage Cheat Sheet considers them equally
/// strong.
const ARGON2_FLOOR: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

pub(super) fn argon2(text: &str) -> Parsed<Argon2Cost> {
    let cost = argon2_cost(text).ok_or("write m=KiB,t=passes,p=lanes, such as m=19456,t=2,p=1")?;
    let enough = |(memory, passes)| cost.memory_kib >= memory && cost.passes >= passes;
    if !ARGON2_FLOOR.into_iter().any(enough) {
        let floor = ARGON2_FLOOR.map(|(memory, passes)| format!("m={memory},t={passes}"));
        return Err(format!("makes passwords too cheap to guess; write at least {}", floor.join(" or ")));
    }
    let (memory, passes, lanes) = (cost.memory_kib, cost.passes, cost.lanes);
    if memory > 4 * 1024 * 1024 || passes > 1024 || !(1..=16).contains(&lanes) {
        return Err("write m of at most 4194304 (4 GiB), t of at most 1024 and p from 1 to 16".to_owned());
    }
    Ok(cost)
}

fn argon2_cost(text: &str) -> Option<Argon2Cost> {
    let rest = text.strip_prefix("m=")?;
    let (memory, rest) = rest.split_once(",t=")?;
    let (passes, lanes) = rest.split_once(",p=")?;
    Some(Argon2Cost {
        memory_kib: parse_number(memory)?,
        passes: parse_number(passes)?,
        lanes: parse_number(lanes)?,
    })
}

pub(super) fn network(text: &str) -> Parsed<IpNet> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network.map_err(|_| "write networks, such as 10.0.0.0/8 or 192.0.2.1")?;
    if network.trunc() != network {
        return Err(format!("write the network, {}, or one address alone", network.trunc()));
    }
    Ok(network)
}

/// Returns None for `off`.
pub(super) fn metrics_listen(text: &str) -> Parsed<Option<SocketAddr>> {
    match text {
        "off" => Ok(None),
        address => listen(address)
            .map(Some)
            .map_err(|_| "write off, or address:port, such as 127.0.0.1:9090".to_owned()),
    }
}

/// Reads the URL of an application that a page links to.
pub(super) fn home_url(text: &str) -> Parsed<Url> {
    let url =
        web_url(text).ok_or("write the URL of your application, such as https://photos.example.org/")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password".to_owned());
    }
    Ok(url)
}

/// Reads the URL of an OpenTelemetry collector. A URL without a path gets the path of OTLP for traces.
pub(super) fn collector(text: &str) -> Parsed<Url> {
    let mut url = web_url(text).ok_or("write the URL of a collector, such as http://127.0.0.1:4318")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password; use OTEL_EXPORTER_OTLP_HEADERS".to_owned());
    }
    if url.path() == "/" {
        url.set_path("/v1/traces");
    }
    Ok(url)
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("write text, json or auto".to_owned()),
    }
}

/// Refuses what env_logger would only warn about and ignore.
pub(super) fn log_filter(text: &str) -> Parsed<String> {
    let (directives, pattern) = text.split_once('/').unwrap_or((text, ""));
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '-');
    let is_good = |directive: &str| match directive.split_once('=') {
        Some((module, level)) => {
            module.trim().chars().all(is_name)
                && (level.is_empty() || level.trim().parse::<log::LevelFilter>().is_ok())
        }
        None => directive.trim().chars().all(is_name),
    };
    if pattern.contains('/') || !directives.split(',').all(is_good) {
        return Err("write a level, or module=level, separated by commas, such as \
                    info,cloakroom::store=debug"
            .to_owned());
    }
    Ok(text.to_owned())
}
