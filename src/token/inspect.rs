//! Explains the verification of a token, check by check. [`Verifier`](super::Verifier) decides; this module
//! names the check that failed and decodes the content of the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::InvalidToken;

/// A check of token verification, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Size,
    Form,
    Critical,
    Algorithm,
    Type,
    Key,
    Signature,
    Claims,
    Issuer,
    Audience,
    Times,
    AccountState,
    Possession,
}

impl Check {
    /// All checks, in their order.
    pub(crate) const ALL: [Check; 13] = [
        Check::Size,
        Check::Form,
        Check::Critical,
        Check::Algorithm,
        Check::Type,
        Check::Key,
        Check::Signature,
        Check::Claims,
        Check::Issuer,
        Check::Audience,
        Check::Times,
        Check::AccountState,
        Check::Possession,
    ];

    /// Returns the name of the check.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Check::Size => "size",
            Check::Form => "form",
            Check::Critical => "crit",
            Check::Algorithm => "alg",
            Check::Type => "typ",
            Check::Key => "key",
            Check::Signature => "signature",
            Check::Claims => "claims",
            Check::Issuer => "iss",
            Check::Audience => "aud",
            Check::Times => "times",
            Check::AccountState => "standing",
            Check::Possession => "possession",
        }
    }

    /// Returns the rule that the token must meet.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Check::Size => "at most 8 KiB",
            Check::Form => "three parts of canonical base64url; JSON objects without duplicate members",
            Check::Critical => "no critical header (crit)",
            Check::Algorithm => "an algorithm that is accepted of the issuer",
            Check::Type => "that of the issuer's access tokens (RFC 9068 §2.1)",
            Check::Key => "kid names one of the issuer's keys",
            Check::Signature => "valid for that key and its algorithm",
            Check::Claims => "complete, and each of its type (RFC 9068 §2.2)",
            Check::Issuer => "exactly the expected issuer",
            Check::Audience => "has exactly the expected audience",
            Check::Times => "nbf and iat have passed, exp has not",
            Check::AccountState => {
                "not revoked; its user exists, is active and has not changed since it was issued"
            }
            Check::Possession => "not bound to a key, or with a proof of the key (RFC 9449)",
        }
    }

    /// Returns the check that refuses a token for this reason.
    pub(crate) fn of(reason: InvalidToken) -> Self {
        use InvalidToken as Why;
        match reason {
            Why::TooLong => Check::Size,
            Why::NotThreeParts
            | Why::NotBase64Url
            | Why::NotAnObject
            | Why::DuplicateMember
            | Why::MalformedHeader => Check::Form,
            Why::CriticalHeader => Check::Critical,
            Why::UnknownAlgorithm => Check::Algorithm,
            Why::WrongType => Check::Type,
            Why::UnknownKey | Why::AmbiguousKey => Check::Key,
            Why::WrongAlgorithm | Why::WrongSignature => Check::Signature,
            Why::MalformedIssuer
            | Why::MalformedAudience
            | Why::MalformedSubject
            | Why::MalformedExpiry
            | Why::MalformedIssueTime
            | Why::MalformedNotBefore
            | Why::MalformedTokenId
            | Why::MalformedClientId
            | Why::MalformedScope
            | Why::MalformedSession
            | Why::MalformedEpoch
            | Why::MalformedRoles
            | Why::MalformedConfirmation
            | Why::UnknownSubject
            | Why::NoClient
            | Why::UnfitSubject
            | Why::NotAnAccessToken => Check::Claims,
            Why::WrongIssuer => Check::Issuer,
            Why::WrongAudience => Check::Audience,
            Why::Expired | Why::NotYetValid | Why::IssuedInTheFuture => Check::Times,
            Why::Revoked | Why::NoSuchUser | Why::Suspended | Why::Superseded => Check::AccountState,
            Why::Bound | Why::NotBound => Check::Possession,
        }
    }
}

/// Decoded header and claims of a token, not verified. The signature is left out.
pub(crate) struct DecodedToken {
    /// Header; none when it cannot be read.
    pub(crate) header: Option<Map<String, Value>>,
    /// Claims; none when they cannot be read.
    pub(crate) claims: Option<Map<String, Value>>,
}

impl DecodedToken {
    /// Decodes a token.
    pub(crate) fn decode(token: &str) -> Self {
        let part = |place: usize| {
            let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(place)?).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        Self { header: part(0), claims: part(1) }
    }
}
