//! Open connections, counted by the client's network, so that one client does not take them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::IntCounterVec;

use crate::config::Config;
use crate::domain::Network;
use crate::http::kit::{Services, TrustedProxies};

/// Why the server closed a connection.
#[derive(Clone, Copy)]
pub(super) enum Closed {
    /// Its address has as many as it may have.
    AddressLimit,
    /// The client accepted no part of an answer in time.
    WriteTimeout,
    /// The head of a request did not arrive in time.
    HeadTimeout,
    /// A request was not HTTP. The HTTP library has answered it 400.
    MalformedRequest,
}

/// Open connections of a listener, and their limits.
pub(super) struct Connections {
    most: usize,
    write_timeout: Duration,
    proxies: Arc<TrustedProxies>,
    closed: IntCounterVec,
    open: Mutex<HashMap<Network, usize>>,
}

impl Connections {
    /// Returns the counter of a server without connections.
    pub(super) fn new(config: &Config, services: &Services) -> Arc<Self> {
        Arc::new(Self {
            most: config.connections_per_address,
            write_timeout: config.write_timeout,
            proxies: Arc::clone(&services.proxies),
            closed: services.metrics.connections_closed.clone(),
            open: Mutex::default(),
        })
    }

    /// Counts a connection until its place is dropped. None when its network has as many as it may have. The
    /// connections of trusted proxies are not counted, because they are those of many clients.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let counted = !self.proxies.contain(address.to_canonical());
        let network = counted.then(|| Network::of(address));
        if let Some(network) = network {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(network).or_default();
            if *count >= self.most {
                self.count_closed(Closed::AddressLimit);
                return None;
            }
            *count += 1;
        }
        Some(Place { connections: Arc::clone(self), network })
    }

    /// Counts that the server closes a connection.
    pub(super) fn count_closed(&self, why: Closed) {
        let reason = match why {
            Closed::AddressLimit => "address-limit",
            Closed::WriteTimeout => "write-timeout",
            Closed::HeadTimeout => "head-timeout",
            Closed::MalformedRequest => "malformed-request",
        };
        self.closed.with_label_values(&[reason]).inc();
    }
}

/// Place of an open connection.
pub(super) struct Place {
    connections: Arc<Connections>,
    /// The network for which it counts.
    network: Option<Network>,
}

impl Place {
    /// Returns how long the client may accept nothing.
    pub(super) fn write_timeout(&self) -> Duration {
        self.connections.write_timeout
    }

    /// Counts that the server closes the connection.
    pub(super) fn count_closed(&self, why: Closed) {
        self.connections.count_closed(why);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = open.get_mut(&network) else { return };
        *count -= 1;
        if *count == 0 {
            open.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Opts;

    use super::*;
    use crate::config::ForwardingHeader;

    #[test]
    fn counts_by_network_and_not_for_trusted_proxies() {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()], ForwardingHeader::Forwarded);
        let connections = Arc::new(Connections {
            most: 2,
            write_timeout: Duration::from_secs(1),
            proxies: Arc::new(proxies),
            closed: IntCounterVec::new(Opts::new("closed", "-"), &["reason"]).unwrap(),
            open: Mutex::default(),
        });
        let admit = |address: &str| connections.admit(address.parse().unwrap());
        let (first, _second) = (admit("192.0.2.1").unwrap(), admit("::ffff:192.0.2.1").unwrap());
        assert!(admit("192.0.2.1").is_none());
        assert_eq!(connections.closed.with_label_values(&["address-limit"]).get(), 1);
        assert!(admit("192.0.2.2").is_some());
        drop(first);
        assert!(admit("192.0.2.1").is_some(), "the place of a closed connection is free");
        let _of_one_64 = (admit("2001:db8::1").unwrap(), admit("2001:db8::2").unwrap());
        assert!(admit("2001:db8::3").is_none());
        assert!(admit("2001:db8:0:1::1").is_some());
        let of_a_proxy: Vec<_> = (0..10).map(|_| admit("10.1.1.1").unwrap()).collect();
        drop(of_a_proxy);
        assert_eq!(connections.open.lock().unwrap().len(), 2, "only networks with connections are kept");
    }
}
