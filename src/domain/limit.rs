//! What is counted against somebody, and what is left to them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::opaque_token::sha256;

/// For so long what was counted counts, from the first on.
pub const LIMIT_WINDOW: TimeDelta = TimeDelta::minutes(15);

const REGISTRATIONS_FROM_AN_ADDRESS: i32 = 1_000;
const CLIENT_FAILURES_FROM_AN_ADDRESS: i32 = 300;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// By what it is known: a hash, so that no list of addresses lies around.
    pub key: [u8; 32],
    /// How many there may be.
    pub most: i32,
    /// The name under which whoever is counted is told of it; none where it would tell of others.
    pub policy: Option<&'static str>,
}

impl Bucket {
    pub(super) fn of(name: &[&str], most: i32, policy: Option<&'static str>) -> Self {
        Self { key: sha256(name.join("\0").as_bytes()), most, policy }
    }

    /// Of accounts that are registered from an address.
    pub fn registrations(address: IpAddr) -> Self {
        let name = ["registration", &Network::of(address).to_string()];
        Self::of(&name, REGISTRATIONS_FROM_AN_ADDRESS, Some("registrations"))
    }

    /// Of what clients send from an address that is no good: secrets, codes, refresh tokens.
    pub fn client_failures(address: IpAddr) -> Self {
        let name = ["client failure", &Network::of(address).to_string()];
        Self::of(&name, CLIENT_FAILURES_FROM_AN_ADDRESS, Some("failures"))
    }
}

/// From where somebody comes, as limits count it: whoever has an IPv6 address has at least a /64 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// An address.
    V4(Ipv4Addr),
    /// The first 64 bits of one.
    V6(u64),
}

impl Network {
    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
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

/// What is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its name.
    pub policy: &'static str,
    /// How many there may be in [`LIMIT_WINDOW`].
    pub quota: i32,
    /// How many more there may be.
    pub remaining: i32,
    /// When it begins anew.
    pub until: DateTime<Utc>,
}

impl Left {
    /// When the last one does not count after all.
    pub fn with_one_more(self) -> Self {
        Self { remaining: (self.remaining + 1).min(self.quota), ..self }
    }
}

/// More was asked for than there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// When it begins anew.
    pub until: DateTime<Utc>,
    /// What whoever asked may be told.
    pub left: Option<Left>,
}

/// What is left to whoever makes a request, for its answer to say.
#[derive(Clone, Debug, Default)]
pub struct Allowance(Arc<Mutex<Option<Left>>>);

impl Allowance {
    /// Takes note of what is left.
    pub fn note(&self, left: Option<Left>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }

    /// What is left, if anything was counted.
    pub fn left(&self) -> Option<Left> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
