//! Access tokens (JWTs by RFC 9068) and ID tokens. Only this module issues and verifies them.
//!
//! [`Issuer`] issues tokens. [`Verifier`] turns a token into a [`Caller`](crate::authz::Caller), and
//! nothing else does. Both use the same [`Keys`]: a [`KeyRing`] of the keys in force, which [`KeyStore`]
//! opens from the database with the [`MasterKey`]. A token of an external issuer is verified with the
//! keys of its own [`ExternalIssuer`]. [`Revocations`] end tokens before they expire.
//!
//! Wall: an application can neither make nor reach an `Issuer`, a `Verifier` or `Keys`. Otherwise its
//! handlers could issue a token to themselves, verify it, and hold the caller of their choice.

mod inspect;
mod invalid;
mod issue_error;
mod issuers;
mod jws;
mod keys;
mod numeric_date;
mod test_tokens;

pub(crate) mod access;
pub(crate) mod client_auth;
#[cfg(test)]
mod tests;

pub use access::cache::CacheUsage;
pub use access::id_token::{IdToken, IdTokenHint, IdTokenRequest};
pub use access::introspected::Introspected;
pub use access::issue::{AccessToken, IssueRequest, IssueTo, IssuedToken, Issuer};
pub use access::revocation::Revocations;
pub use access::verified::{BoundToken, ExternalToken, UnconfirmedToken, Verification, Verified};
pub use access::verify::{Expected, Verifier};
pub use client_auth::client_assertion::ClientAssertion;
pub use client_auth::client_keys::{ASSERTION_ALGORITHMS, ClientKeys};
pub use client_auth::dpop::{DPOP_ALGORITHMS, InvalidProof, Proof, ProofFor, UsedProofs};
pub(crate) use inspect::{Check, DecodedToken};
pub use invalid::InvalidToken;
pub use issue_error::IssueError;
pub(crate) use issuers::address::is_safe;
pub(crate) use issuers::external_claims::find as find_claim;
pub use issuers::external_issuer::ExternalIssuer;
pub(crate) use issuers::fetch::tls;
pub(crate) use issuers::refresh::refresh_keys;
pub use issuers::trusted_issuer::TrustedIssuer;
pub(crate) use issuers::trusted_issuer::{ClientToken, TokenTyp};
pub use keys::algorithm::{SigningAlgorithm, UnknownAlgorithm};
pub use keys::error::KeyError;
pub use keys::key_ring::KeyRing;
pub use keys::key_set::KeySet;
pub use keys::key_store::{KeySettings, KeyStore, SignsFrom};
pub use keys::seal::{MasterKey, SealError, TokenSeal};
pub use keys::server_keys::Keys;
pub use keys::verification_key::{UnfitKey, VerificationKey};
pub(crate) use numeric_date::numeric_date;
pub(crate) use test_tokens::{TestTokenError, TestTokens, TokenDefect, UnsignedToken, long_ago};
