//! External issuers: whose tokens are accepted besides our own, and the keys that verify them.
//!
//! Each issuer has its own keys, audience and algorithms. They verify only the tokens that name it as `iss`,
//! so a key never vouches for another issuer (RFC 9700 §2.2, §4.4). The configuration says where the keys
//! are fetched from; a token never does.

pub(in crate::token) mod address;
pub(in crate::token) mod external_claims;
pub(in crate::token) mod external_issuer;
pub(in crate::token) mod fetch;
pub(in crate::token) mod identity_cache;
mod jwks;
pub(in crate::token) mod refresh;
mod roots;
pub(in crate::token) mod trusted_issuer;
mod unknown_keys;
