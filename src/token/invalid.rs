//! Reasons for which a token is refused.

use std::fmt;

macro_rules! reasons {
    ($($reason:ident = $name:literal $text:literal;)*) => {
        /// Reason for which a token is refused. The client gets `invalid_token` (RFC 6750 §3.1) for all
        /// of them; the log has the reason.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum InvalidToken {
            $(#[doc = concat!("\"", $text, "\"")] $reason,)*
        }

        impl InvalidToken {
            /// All reasons, in the order of the checks.
            pub const ALL: &'static [InvalidToken] = &[$(Self::$reason),*];

            /// Returns the name in the audit trail.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$reason => $name,)* }
            }

            /// Returns the reason as a fixed text, without any content of the token.
            pub fn reason(self) -> &'static str {
                match self { $(Self::$reason => $text,)* }
            }
        }
    };
}

reasons! {
    TooLong = "too-long" "longer than 8 KiB";
    NotThreeParts = "not-three-parts" "not three parts";
    NotBase64Url = "not-base64url" "not canonical base64url";
    NotAnObject = "not-an-object" "header or claims are not a JSON object";
    DuplicateMember = "duplicate-member" "header or claims name a member twice";
    UnknownAlgorithm = "unknown-algorithm" "alg is missing or not accepted here";
    CriticalHeader = "critical-header" "crit in the header";
    MalformedHeader = "malformed-header" "kid or typ is not a string";
    WrongType = "wrong-type" "typ is not at+jwt";
    UnknownKey = "unknown-key" "no key has this kid";
    AmbiguousKey = "ambiguous-key" "no kid, and not exactly one key for its alg";
    WrongAlgorithm = "wrong-algorithm" "alg is not the algorithm of the key";
    WrongSignature = "wrong-signature" "the signature is wrong";
    MalformedIssuer = "malformed-issuer" "iss is missing or not a string";
    MalformedAudience = "malformed-audience" "aud is missing or not one or more strings";
    MalformedSubject = "malformed-subject" "sub is missing or not a string";
    MalformedExpiry = "malformed-expiry" "exp is missing or not a time";
    MalformedIssueTime = "malformed-issue-time" "iat is missing or not a time";
    MalformedNotBefore = "malformed-not-before" "nbf is not a time";
    MalformedTokenId = "malformed-token-id" "jti is not a string";
    MalformedClientId = "malformed-client-id" "client_id is not a string";
    MalformedScope = "malformed-scope" "scope is not a string";
    MalformedSession = "malformed-session" "sid is not a UUID";
    MalformedEpoch = "malformed-epoch" "epoch is not an integer";
    MalformedRoles = "malformed-roles" "roles are not strings";
    MalformedConfirmation = "malformed-confirmation" "cnf is not the thumbprint of a key";
    UnknownSubject = "speaks-for-nobody" "sub is neither a user id nor client_id";
    NoClient = "no-client" "the claim with the client id is missing";
    UnfitSubject = "unfit-subject" "the subject is missing, is longer than 255 characters, or has a control character";
    NotAnAccessToken = "not-an-access-token" "not an access token: its claims or its audience are those of an ID token";
    Bound = "bound" "bound to a key, and the request has no proof of it";
    NotBound = "not-bound" "sent with the scheme DPoP, but not bound to a key";
    WrongIssuer = "wrong-issuer" "wrong issuer";
    WrongAudience = "wrong-audience" "wrong audience";
    Expired = "expired" "expired";
    NotYetValid = "not-yet-valid" "nbf is in the future";
    IssuedInTheFuture = "issued-in-the-future" "iat is in the future";
    Revoked = "revoked" "revoked";
    NoSuchUser = "no-such-user" "the user does not exist";
    Suspended = "suspended" "the user is suspended";
    Superseded = "superseded" "older than the last change of password, roles or status";
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for InvalidToken {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_its_own_name_and_text() {
        let words: HashSet<_> = InvalidToken::ALL.iter().map(|why| why.reason()).collect();
        let names: HashSet<_> = InvalidToken::ALL.iter().map(|why| why.as_str()).collect();
        assert_eq!((words.len(), names.len()), (InvalidToken::ALL.len(), InvalidToken::ALL.len()));
    }
}
