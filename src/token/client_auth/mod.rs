//! Client authentication by keys: signed assertions, registered keys, proofs of possession (DPoP).

pub(in crate::token) mod client_assertion;
pub(in crate::token) mod client_keys;
pub(in crate::token) mod dpop;
