//! Keys in stored hashes, which the master key has sealed.

use zeroize::Zeroizing;

/// Opens data that the master key sealed. `None` is data that another key sealed.
pub(crate) type OpenSealed = dyn Fn(&[u8]) -> Option<Zeroizing<Vec<u8>>> + Send + Sync;
