//! Client IP address behind trusted proxies.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use crate::config::ForwardingHeader;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The reverse proxies of this server, and the header in which they name their peer.
///
/// A proxy that writes one of the two headers passes the other one on as the client sent it. So one header
/// counts, and the other is ignored.
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardingHeader,
    /// Set when the log has the warning about a header of a peer that is not trusted.
    warned_of_peer: AtomicBool,
    /// Set when the log has the warning about a proxy that writes the other header.
    warned_of_header: AtomicBool,
}

impl TrustedProxies {
    /// Trusts the proxies in these networks to write this header.
    pub(crate) fn new(networks: Vec<IpNet>, header: ForwardingHeader) -> Self {
        let (warned_of_peer, warned_of_header) = Default::default();
        Self { networks, header, warned_of_peer, warned_of_header }
    }

    /// True for the address of a trusted proxy.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Returns the address of the client that a request is from. Each proxy appends the address of its peer,
    /// so the list is read from its end. Entries before the first address that is not trusted can be forged.
    pub(crate) fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        let has = |name: &HeaderName| headers.contains_key(name);
        if !self.contain(peer) {
            if has(&X_FORWARDED_FOR) || has(&header::FORWARDED) {
                self.warn_of_peer(peer);
            }
            return peer;
        }
        match self.header {
            ForwardingHeader::XForwardedFor => {
                if !has(&X_FORWARDED_FOR) && has(&header::FORWARDED) {
                    self.warn_of_header(peer);
                }
                self.walk(peer, headers.get_all(X_FORWARDED_FOR), parse_address)
            }
            ForwardingHeader::Forwarded => {
                if !has(&header::FORWARDED) && has(&X_FORWARDED_FOR) {
                    self.warn_of_header(peer);
                }
                self.walk(peer, headers.get_all(header::FORWARDED), parse_forwarded)
            }
        }
    }

    /// Walks the entries in all lines of a header from their end while they are trusted, and returns the last
    /// address of the walk. An entry that is not an address ends it.
    fn walk<'a>(
        &self,
        peer: IpAddr,
        lines: impl Iterator<Item = &'a HeaderValue>,
        parse: fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let lines: Vec<&HeaderValue> = lines.collect();
        let mut address = peer;
        for line in lines.into_iter().rev() {
            let Ok(line) = line.to_str() else { return address };
            for entry in FromEnd::of(line, b',') {
                let Some(hop) = parse(entry) else { return address };
                address = hop;
                if !self.contain(hop) {
                    return address;
                }
            }
        }
        address
    }

    /// Warns once that a peer outside of the trusted networks sent a forwarding header.
    fn warn_of_peer(&self, peer: IpAddr) {
        if !self.warned_of_peer.swap(true, Ordering::Relaxed) {
            log::warn!(
                "ignored the forwarding header of {peer}, which is not a trusted proxy; if it is your proxy, \
                 add it to CLOAKROOM_TRUSTED_PROXIES (this is logged once)"
            );
        }
    }

    /// Warns once that a trusted proxy sent only the header that is ignored.
    fn warn_of_header(&self, proxy: IpAddr) {
        if !self.warned_of_header.swap(true, Ordering::Relaxed) {
            log::warn!(
                "the proxy {proxy} did not send {}; if it writes the other header, change \
                 CLOAKROOM_FORWARDING_HEADER (this is logged once)",
                self.header
            );
        }
    }
}

/// The parts of a header's line between separators, from its end. A separator in a quoted string (RFC 9110
/// §5.6.4) does not count. The end is what the trusted proxy wrote: a quotation mark that a client left open
/// before it cannot hide it.
struct FromEnd<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> FromEnd<'a> {
    fn of(line: &'a str, separator: u8) -> Self {
        Self { rest: Some(line), separator }
    }
}

impl<'a> Iterator for FromEnd<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let mut quoted = false;
        let found = rest.bytes().enumerate().rev().find(|(at, byte)| {
            if *byte == b'"' && !is_escaped(rest, *at) {
                quoted = !quoted;
            }
            *byte == self.separator && !quoted
        });
        let (before, part) = match found {
            Some((at, _)) => (rest.get(..at), rest.get(at + 1..).unwrap_or_default()),
            None => (None, rest),
        };
        self.rest = before;
        Some(part.trim())
    }
}

/// True when an odd number of backslashes precedes the byte.
fn is_escaped(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// Parses an address with or without a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let in_brackets = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    in_brackets.parse().or_else(|_| with_port()).ok().map(|address: IpAddr| address.to_canonical())
}

/// Returns `for` of a `Forwarded` element (RFC 7239 §4). None when it is missing, repeated, or not an address:
/// `unknown`, or an obfuscated identifier (§6.3).
fn parse_forwarded(element: &str) -> Option<IpAddr> {
    let pairs = FromEnd::of(element, b';').filter_map(|pair| pair.split_once('='));
    let mut nodes = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (Some((_, node)), None) = (nodes.next(), nodes.next()) else { return None };
    let node = node.trim();
    parse_address(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the client's address for a server that trusts `header`.
    fn by(header: ForwardingHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let networks = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
        let proxies = TrustedProxies::new(networks.into(), header);
        proxies.client_address(peer.parse().unwrap(), &headers).to_string()
    }

    fn of(peer: &str, lines: &[(&'static str, &str)]) -> String {
        by(ForwardingHeader::XForwardedFor, peer, lines)
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

    fn forwarded(list: &str) -> String {
        by(ForwardingHeader::Forwarded, "::1", &[("forwarded", list)])
    }

    #[test]
    fn reads_forwarded_by_rfc_7239() {
        assert_eq!(forwarded("for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\""), "2001:db8:cafe::17");
        assert_eq!(forwarded("proto=http; FOR=192.0.2.60;by=203.0.113.43"), "192.0.2.60");
        assert_eq!(forwarded("for=192.0.2.60, for=10.1.1.1;secret=\"a, b\""), "192.0.2.60");
        let lines = [("forwarded", "for=203.0.113.7"), ("forwarded", "for=192.0.2.60,for=10.1.1.1")];
        assert_eq!(by(ForwardingHeader::Forwarded, "::1", &lines), "192.0.2.60");
    }

    #[test]
    fn an_element_without_an_address_ends_the_walk() {
        for element in ["proto=http", "for=unknown", "for=_hidden", "for=\"_gazonk\"", "for=", "", "for"] {
            assert_eq!(forwarded(element), "::1", "{element}");
            assert_eq!(forwarded(&format!("for=203.0.113.7, {element}")), "::1", "{element}");
            assert_eq!(forwarded(&format!("{element}, for=192.0.2.60")), "192.0.2.60", "{element}");
        }
        assert_eq!(forwarded("for=203.0.113.7;for=192.0.2.60"), "::1", "repeated");
    }

    #[test]
    fn quotation_marks_of_a_client_hide_nothing() {
        for from_client in ["for=\"203.0.113.7", "for=\"203.0.113.7\\\"", "a=\"", "\"", "\\"] {
            assert_eq!(forwarded(&format!("{from_client}, for=192.0.2.60")), "192.0.2.60", "{from_client}");
        }
        // The proxy writes the `Host` that the client chose.
        assert_eq!(forwarded("host=\"x;for=203.0.113.7\";for=192.0.2.60"), "192.0.2.60");
        assert_eq!(forwarded("for=192.0.2.60;host=\"x, for=203.0.113.7\""), "192.0.2.60");
        assert_eq!(forwarded("for=192.0.2.60;host=\"x\\\", for=203.0.113.7\""), "192.0.2.60");
    }

    #[test]
    fn ignores_the_header_that_the_proxy_does_not_write() {
        let both = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=203.0.113.7")];
        assert_eq!(by(ForwardingHeader::XForwardedFor, "10.1.1.1", &both), "198.51.100.1");
        assert_eq!(by(ForwardingHeader::Forwarded, "10.1.1.1", &both), "203.0.113.7");
        assert_eq!(by(ForwardingHeader::XForwardedFor, "10.1.1.1", &both[1..]), "10.1.1.1");
        assert_eq!(by(ForwardingHeader::Forwarded, "10.1.1.1", &both[..1]), "10.1.1.1");
    }
}
