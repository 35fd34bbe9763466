//! Access tokens: issuing, verification, cache and revocation.

pub(in crate::token) mod browser;
pub(in crate::token) mod cache;
pub(in crate::token) mod claims;
pub(in crate::token) mod id_token;
pub(in crate::token) mod introspected;
pub(in crate::token) mod issue;
pub(in crate::token) mod revocation;
pub(in crate::token) mod verified;
pub(in crate::token) mod verify;
