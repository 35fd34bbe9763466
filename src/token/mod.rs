//! Access tokens, JWTs by RFC 9068, and ID tokens: issued and verified here and nowhere else.
//!
//! [`Issuer`] makes them, [`Verifier`] is the one way from a token to a
//! [`Caller`](crate::authz::Caller). Both use the same [`Keys`]: at any time a [`KeyRing`] of those
//! in force, opened by a [`KeySafe`] from what rests sealed with the [`MasterKey`]. Tokens of other
//! issuers are verified beside our own, each by the keys of its own [`ForeignIssuer`].
//! [`Revocations`] end tokens before they expire.

mod algorithm;
mod cache;
mod claims;
mod client_assertion;
mod client_keys;
mod described;
mod dpop;
mod forge;
mod id_token;
mod inspect;
mod invalid;
mod issue;
mod issuers;
mod jws;
mod key_safe;
mod key_set;
mod keys;
mod private;
mod residents;
mod revocation;
mod seal;
mod signer;
mod ticket;
mod verification_key;
mod verify;

#[cfg(test)]
mod tests;

pub use algorithm::{SigningAlgorithm, UnknownAlgorithm};
pub use cache::CacheUse;
pub use client_assertion::ClientAssertion;
pub use client_keys::{ASSERTION_ALGORITHMS, ClientKeys};
pub use described::Described;
pub use dpop::{DPOP_ALGORITHMS, InvalidProof, Proof, ProofFor, UsedProofs};
pub(crate) use forge::{Draft, ForgeError, Forger, Situation};
pub use id_token::{IdToken, IdTokenHint, IdTokenRequest};
pub(crate) use inspect::{Check, Said};
pub use invalid::InvalidToken;
pub use issue::{AccessToken, IssueError, IssueRequest, IssueTo, IssuedToken, Issuer};
pub(crate) use issuers::{ClientToken, TokenTyp, follow, is_safe, tls};
pub use issuers::{ForeignIssuer, TrustedIssuer};
pub use key_safe::{KeySafe, KeyUse, SignsFrom};
pub use key_set::KeySet;
pub use keys::{KeyError, KeyRing, Keys};
pub use revocation::Revocations;
pub use seal::{MasterKey, SealError, TokenSeal};
pub use ticket::{Bound, Stranger, Ticket, Unconfirmed, Verified};
pub use verification_key::{UnfitKey, VerificationKey};
pub use verify::{Expected, Verifier};
