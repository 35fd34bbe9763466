//! The checks that cloakroom's own settings alone need; those for any setting are in `parse`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use chrono::TimeDelta;
use ipnet::IpNet;
use secrecy::SecretString;
use url::{Host, Url};

use super::parse::{self, Parsed};
use super::{Database, LogFormat};
use crate::hashing::Argon2Cost;
use crate::token::{MasterKey, SigningAlgorithm};

pub(super) fn database(text: &str) -> Parsed<Database> {
    match text.split_once(':') {
        Some(("sqlite", rest)) => sqlite(rest.strip_prefix("//").unwrap_or(rest)),
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
            without_password(text).ok_or(
                "write postgres://user:password@host:port/name, with numbers for ports, and with \
                 %40, %2F, %3A, %3F for @ / : ? in a password",
            )?;
            Ok(Database::Postgres(SecretString::from(text)))
        }
        _ => Err("write sqlite://path or postgres://user:password@host/name".to_owned()),
    }
}

fn sqlite(path: &str) -> Parsed<Database> {
    if path.contains(":memory:") {
        return Err("write the path of a file: each connection would have a memory of its own, \
                    and all of it would be lost at the end"
            .to_owned());
    }
    // SQLite reads a name that starts with `file:` as a URI with parameters of its own.
    let is_file = !path.is_empty() && !path.ends_with('/') && !path.starts_with("file:");
    if !is_file || path.contains('?') {
        return Err("write sqlite:// and the path of a file, without parameters".to_owned());
    }
    Ok(Database::Sqlite(PathBuf::from(path)))
}

/// The URL without password and parameters; none when it cannot be told where those are.
pub(super) fn without_password(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (address, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    if parameters.contains('@') {
        return None;
    }
    let (user, place) = match address.rsplit_once('@') {
        Some((user, place)) => (format!("{}@", user.split(':').next()?), place),
        None => (String::new(), address),
    };
    let hosts = place.split('/').next()?;
    let has_good_port = |host: &str| match host.rsplit_once(':') {
        Some((_, port)) => host.ends_with(']') || port.parse::<u16>().is_ok(),
        None => true,
    };
    hosts.split(',').all(has_good_port).then(|| format!("{scheme}://{user}{place}"))
}

pub(super) fn listen(text: &str) -> Parsed<SocketAddr> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "write address:port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

pub(super) fn issuer(text: &str) -> Parsed<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let url = url.ok_or("write the public URL, such as https://id.example.org")?;
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
    // The parser puts a slash after a bare host; that one alone may be left out or written.
    let canonical = if url.path() == "/" { url.as_str().trim_end_matches('/') } else { url.as_str() };
    if canonical.ends_with('/') {
        return Err("must not end in a slash: others compare it letter by letter".to_owned());
    }
    if text != canonical && text != url.as_str() {
        return Err(format!("others compare it letter by letter; write {canonical}"));
    }
    Ok(canonical.to_owned())
}

pub(super) fn audience(text: &str) -> Parsed<String> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("write one name without spaces, such as https://api.example.org".to_owned());
    }
    Ok(text.to_owned())
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

/// None for `off`. The shortest is well above the time for which a key is published before it signs.
pub(super) fn key_rotation(text: &str) -> Parsed<Option<TimeDelta>> {
    if text == "off" {
        return Ok(None);
    }
    let time = parse::duration(3_600..=3_650 * 86_400)(text).ok();
    let time = time.and_then(|time| TimeDelta::from_std(time).ok());
    time.map(Some).ok_or_else(|| "write off, or a time from 1h to 3650d, such as 90d".to_owned())
}

/// None for `forever`.
pub(super) fn audit_retention(text: &str) -> Parsed<Option<TimeDelta>> {
    if text == "forever" {
        return Ok(None);
    }
    let time = parse::duration(86_400..=36_500 * 86_400)(text).ok();
    let time = time.and_then(|time| TimeDelta::from_std(time).ok());
    time.map(Some).ok_or_else(|| "write forever, or a time from 1d to 36500d, such as 400d".to_owned())
}

pub(super) fn origin(text: &str) -> Parsed<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let url = url.ok_or(
        "write exact origins, separated by commas, such as https://app.example.org; * and null \
         are none",
    )?;
    let origin = url.origin().ascii_serialization();
    if text != origin {
        return Err(format!("an origin is a scheme, a host and a port and no more; write {origin}"));
    }
    Ok(origin)
}

/// The cheapest costs that the OWASP Password Storage Cheat Sheet holds for equally strong:
/// memory in KiB and passes.
const ARGON2_FLOOR: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

pub(super) fn argon2(text: &str) -> Parsed<Argon2Cost> {
    let cost = argon2_cost(text).ok_or("write m=KiB,t=passes,p=lanes, such as m=19456,t=2,p=1")?;
    let enough = |(memory, passes)| cost.memory_kib >= memory && cost.passes >= passes;
    if !ARGON2_FLOOR.into_iter().any(enough) {
        let floor = ARGON2_FLOOR.map(|(memory, passes)| format!("m={memory},t={passes}"));
        return Err(format!("is too cheap to guess; write at least {}", floor.join(" or ")));
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
        memory_kib: memory.parse().ok()?,
        passes: passes.parse().ok()?,
        lanes: lanes.parse().ok()?,
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

/// None for `off`.
pub(super) fn metrics_listen(text: &str) -> Parsed<Option<SocketAddr>> {
    match text {
        "off" => Ok(None),
        address => listen(address)
            .map(Some)
            .map_err(|_| "write off, or address:port, such as 127.0.0.1:9090".to_owned()),
    }
}

/// Where an OpenTelemetry collector takes traces. A bare host means the path that OTLP has for them.
pub(super) fn collector(text: &str) -> Parsed<Url> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let mut url = url.ok_or("write the URL of a collector, such as http://127.0.0.1:4318")?;
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

/// env_logger drops what it does not understand with a warning; here it is a fault.
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
