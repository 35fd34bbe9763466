//! Access tokens, JWTs by RFC 9068, and ID tokens: issued and verified here and nowhere else.
//!
//! [`Issuer`] makes them, [`Verifier`] is the one way from a token to a
//! [`Caller`](crate::authz::Caller). Both use the same [`Keys`]: at any time a [`KeyRing`] of those
//! in force, opened by a [`KeySafe`] from what rests sealed with the [`MasterKey`]. Tokens of other
//! issuers are verified beside our own, each by the keys of its own [`ForeignIssuer`].
//! [`Revocations`] end tokens before they expire.

mod forge;
mod inspect;
mod invalid;
mod issuers;
mod jws;
mod keys;

pub(crate) mod access;
pub(crate) mod client_auth;
#[cfg(test)]
mod tests;

pub use access::cache::CacheUse;
pub use access::id_token::{IdToken, IdTokenHint, IdTokenRequest};
pub use access::introspected::Described;
pub use access::issue::{AccessToken, IssueError, IssueRequest, IssueTo, IssuedToken, Issuer};
pub use access::revocation::Revocations;
pub use access::verified::{Bound, Stranger, Ticket, Unconfirmed, Verified};
pub use access::verify::{Expected, Verifier};
pub use client_auth::client_assertion::ClientAssertion;
pub use client_auth::client_keys::{ASSERTION_ALGORITHMS, ClientKeys};
pub use client_auth::dpop::{DPOP_ALGORITHMS, InvalidProof, Proof, ProofFor, UsedProofs};
pub(crate) use forge::{Draft, ForgeError, Forger, Situation};
pub(crate) use inspect::{Check, Said};
pub use invalid::InvalidToken;
pub(crate) use issuers::{ClientToken, TokenTyp, follow, is_safe, tls};
pub use issuers::{ForeignIssuer, TrustedIssuer};
pub use keys::algorithm::{SigningAlgorithm, UnknownAlgorithm};
pub use keys::key_safe::{KeySafe, KeyUse, SignsFrom};
pub use keys::key_set::KeySet;
pub use keys::seal::{MasterKey, SealError, TokenSeal};
pub use keys::verification_key::{UnfitKey, VerificationKey};
pub use keys::{KeyError, KeyRing, Keys};
