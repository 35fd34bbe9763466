//! Rate limits that all replicas share: the buckets, and the remaining quota.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::{ClientId, sha256};

/// Window of a limit, from the first counted event.
pub const LIMIT_WINDOW: TimeDelta = TimeDelta::minutes(15);

const MAX_REGISTRATIONS: i32 = 1_000;
const MAX_CLIENT_FAILURES: i32 = 300;
const MAX_MAILS: i32 = 100;

/// Bucket: the events that one limit counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Key of the bucket: a hash, so that the database holds no list of addresses.
    pub key: [u8; 32],
    /// Maximum number of events in [`LIMIT_WINDOW`].
    pub most: i32,
    /// False if the bucket counts the event, but does not refuse it.
    pub binds: bool,
    /// True if a stranger makes the counter at no cost: the oldest are deleted when there are too many.
    pub evictable: bool,
    /// Name of the policy for the caller. `None` where the count would tell about other callers.
    pub policy: Option<&'static str>,
}

impl Bucket {
    pub(super) fn of(name: &[&str], most: i32, policy: Option<&'static str>) -> Self {
        Self { key: sha256(name.join("\0").as_bytes()), most, binds: true, evictable: false, policy }
    }

    /// Returns the bucket of registrations from a network.
    pub fn registrations(network: Network) -> Self {
        let name = ["registration", &network.to_string()];
        Self::of(&name, MAX_REGISTRATIONS, Some("registrations"))
    }

    /// Returns the bucket of requests for mail from a network.
    pub fn mails(network: Network) -> Self {
        let name = ["mail", &network.to_string()];
        Self { evictable: true, ..Self::of(&name, MAX_MAILS, Some("mails")) }
    }

    /// Returns the bucket of failed requests that no client authenticated: unknown clients, wrong
    /// secrets and assertions, and the codes and refresh tokens of public clients.
    pub fn failures_from(network: Network) -> Self {
        let name = ["client failure", &network.to_string()];
        Self { evictable: true, ..Self::of(&name, MAX_CLIENT_FAILURES, Some("failures")) }
    }

    /// Returns the bucket of failed requests that this client authenticated: wrong codes and refresh
    /// tokens.
    pub fn failures_of(client: &ClientId) -> Self {
        Self::of(&["failure of client", client.as_str()], MAX_CLIENT_FAILURES, Some("failures"))
    }
}

/// Network of a client. An IPv6 client has at least a /64 of addresses. Whatever depends on the address of
/// a client depends on its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// IPv4 address.
    V4(Ipv4Addr),
    /// First 64 bits of an IPv6 address.
    V6(u64),
}

impl Network {
    /// Returns the network of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }

    /// Returns the network of a site: an IPv4 address, or the /48 that an IPv6 provider assigns.
    pub(crate) fn site_of(address: IpAddr) -> Self {
        match Self::of(address) {
            Self::V6(bits) => Self::V6(bits & !0xffff),
            address => address,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(bits) => write!(f, "{bits:x}"),
        }
    }
}

/// Remaining quota of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Name of the policy.
    pub policy: &'static str,
    /// Maximum number of events in [`LIMIT_WINDOW`].
    pub quota: i32,
    /// Number of events that remain.
    pub remaining: i32,
    /// End of the window.
    pub until: DateTime<Utc>,
}

impl Left {
    /// Returns the quota without the last counted event.
    pub fn with_one_more(self) -> Self {
        Self { remaining: (self.remaining + 1).min(self.quota), ..self }
    }
}

/// The limit is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// End of the window.
    pub until: DateTime<Utc>,
    /// Remaining quota that the caller may learn.
    pub left: Option<Left>,
}

/// Quota of the caller of a request, for the rate-limit headers of the answer.
#[derive(Clone, Debug, Default)]
pub struct Allowance(Arc<Mutex<Option<Left>>>);

impl Allowance {
    /// Stores the remaining quota.
    pub fn note(&self, left: Option<Left>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }

    /// Returns the remaining quota, if a limit counted the request.
    pub fn left(&self) -> Option<Left> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
