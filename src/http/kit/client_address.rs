//! Client IP address behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{self, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the address of the client for which the `trusted` proxies forward. Each proxy appends the address
/// of its peer, so the list is read from its end. Entries before the first address that is not trusted can be
/// forged. If `X-Forwarded-For` and `Forwarded` (RFC 7239) contradict each other, at least one is forged, and
/// both are ignored.
pub fn forwarded_for(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let along = |hops: Option<Vec<Option<IpAddr>>>| hops.map(|hops| walk(peer, &hops, trusted));
    let of = |name, parse: fn(&str) -> Option<IpAddr>| along(hops(headers, name, parse));
    match (of(&X_FORWARDED_FOR, parse_address), of(&header::FORWARDED, parse_forwarded)) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(address), _) | (None, Some(address)) => address,
        (None, None) => peer,
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// Walks the hops from the end while they are trusted, and returns the last address of the walk.
fn walk(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &[IpNet]) -> IpAddr {
    let mut address = peer;
    for hop in hops.iter().rev() {
        // An entry that is not an address ends the walk.
        let Some(hop) = hop else { return address };
        address = *hop;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    address
}

/// Returns the list in all lines of a header; `None` when there is no such header.
fn hops(
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&str) -> Option<IpAddr>,
) -> Option<Vec<Option<IpAddr>>> {
    let mut lines = headers.get_all(name).peekable();
    lines.peek()?;
    let entries = lines.flat_map(|line| match line.to_str() {
        Ok(line) => line.split(',').map(|entry| read(entry.trim())).collect(),
        Err(_) => vec![None],
    });
    Some(entries.collect())
}

/// Parses an address with or without a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let in_brackets = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    in_brackets.parse().or_else(|_| with_port()).ok().map(|address: IpAddr| address.to_canonical())
}

/// Returns `for` of a `Forwarded` element (RFC 7239 §4).
fn parse_forwarded(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    parse_address(node.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let trusted = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
        forwarded_for(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn ignores_the_headers_of_an_untrusted_peer() {
        assert_eq!(of("192.0.2.9", &[("x-forwarded-for", "198.51.100.1")]), "192.0.2.9");
        assert_eq!(of("192.0.2.9", &[("forwarded", "for=198.51.100.1")]), "192.0.2.9");
    }

    #[test]
    fn reads_the_list_from_its_end_while_proxies_are_trusted() {
        let xff = |list| of("10.1.1.1", &[("x-forwarded-for", list)]);
        assert_eq!(xff("198.51.100.1"), "198.51.100.1");
        assert_eq!(xff("203.0.113.7, 198.51.100.1"), "198.51.100.1");
        assert_eq!(xff("203.0.113.7, 198.51.100.1, 10.2.2.2"), "198.51.100.1");
        assert_eq!(xff("10.3.3.3, 10.2.2.2"), "10.3.3.3");
        assert_eq!(xff("198.51.100.1:4711"), "198.51.100.1");
        assert_eq!(xff("[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(xff("::ffff:198.51.100.1"), "198.51.100.1");
        let two = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "198.51.100.1, 10.2.2.2")];
        assert_eq!(of("10.1.1.1", &two), "198.51.100.1");
        assert_eq!(of("::ffff:10.1.1.1", &two), "198.51.100.1");
    }

    #[test]
    fn an_entry_that_is_not_an_address_ends_the_walk() {
        for list in ["", "unknown", "203.0.113.7,", "_hidden", "1.2.3", "198.51.100.1;", "a, b"] {
            assert_eq!(of("10.1.1.1", &[("x-forwarded-for", list)]), "10.1.1.1", "{list}");
        }
        assert_eq!(of("10.1.1.1", &[("x-forwarded-for", "unknown, 10.2.2.2")]), "10.2.2.2");
        assert_eq!(of("10.1.1.1", &[]), "10.1.1.1");
    }

    #[test]
    fn reads_forwarded_by_rfc_7239() {
        let forwarded = |list| of("::1", &[("forwarded", list)]);
        assert_eq!(forwarded("for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\""), "2001:db8:cafe::17");
        assert_eq!(forwarded("proto=http; FOR=192.0.2.60;by=203.0.113.43"), "192.0.2.60");
        assert_eq!(forwarded("proto=http"), "::1");
    }

    #[test]
    fn ignores_two_headers_that_contradict_each_other() {
        let both = |one, other| of("10.1.1.1", &[("x-forwarded-for", one), ("forwarded", other)]);
        assert_eq!(both("198.51.100.1", "for=198.51.100.1"), "198.51.100.1");
        assert_eq!(both("198.51.100.1", "for=203.0.113.7"), "10.1.1.1");
    }
}
