//! A token, check by check, for whoever asks why it is or is not accepted. The verdict is that of the
//! [`Verifier`](super::Verifier); here it is only told at which check it fell, and what the token says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::invalid::InvalidToken;

/// What is checked, in the order in which it is.
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
    Standing,
    Possession,
}

impl Check {
    /// In their order.
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
        Check::Standing,
        Check::Possession,
    ];

    /// Its name.
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
            Check::Standing => "standing",
            Check::Possession => "possession",
        }
    }

    /// What must hold.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Check::Size => "at most 8 KiB",
            Check::Form => "three parts of canonical base64url, JSON objects in which no member stands twice",
            Check::Critical => "no header that must be understood",
            Check::Algorithm => "an algorithm that is taken at all",
            Check::Type => "at+jwt (RFC 9068)",
            Check::Key => "one of the issuer's keys, by its kid",
            Check::Signature => "made with that key, by its algorithm",
            Check::Claims => "each there and of its type (RFC 9068 §2.2)",
            Check::Issuer => "exactly the issuer",
            Check::Audience => "has exactly the audience",
            Check::Times => "begun, and not over",
            Check::Standing => {
                "not taken back; its user is there, active, and as they were when it was issued"
            }
            Check::Possession => "not bound to a key, or the key is proved (RFC 9449)",
        }
    }

    /// At which check a token falls that is refused for this reason.
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
            | Why::SpeaksForNobody
            | Why::NoClient
            | Why::UnfitSubject
            | Why::NotAnAccessToken => Check::Claims,
            Why::WrongIssuer => Check::Issuer,
            Why::WrongAudience => Check::Audience,
            Why::Expired | Why::NotYetValid | Why::IssuedInTheFuture => Check::Times,
            Why::Revoked | Why::NoSuchUser | Why::Suspended | Why::Superseded => Check::Standing,
            Why::Bound | Why::NotBound => Check::Possession,
        }
    }
}

/// What a token says, whether or not any of it is true. Its signature is not in it.
pub(crate) struct Said {
    /// The header; none where it cannot be read.
    pub(crate) header: Option<Map<String, Value>>,
    /// The claims; none where they cannot be read.
    pub(crate) claims: Option<Map<String, Value>>,
}

impl Said {
    /// Reads it.
    pub(crate) fn by(token: &str) -> Self {
        let part = |place: usize| {
            let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(place)?).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        Self { header: part(0), claims: part(1) }
    }
}
