//! The server's own keys: generated, sealed at rest, and held ready to sign and to verify.

pub(in crate::token) mod algorithm;
pub(in crate::token) mod error;
pub(in crate::token) mod key_ring;
pub(in crate::token) mod key_set;
pub(in crate::token) mod key_store;
pub(in crate::token) mod master_keys;
pub(in crate::token) mod private_key;
pub(in crate::token) mod seal;
pub(in crate::token) mod server_keys;
pub(in crate::token) mod signer;
pub(in crate::token) mod verification_key;
pub(in crate::token) mod verification_keys;
