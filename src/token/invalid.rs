//! Why a token is not acceptable.

use std::fmt;

macro_rules! reasons {
    ($($reason:ident = $text:literal;)*) => {
        /// Why a token is not acceptable. The caller is told `invalid_token` (RFC 6750 §3.1) for
        /// all of them alike; the log has the reason.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum InvalidToken {
            $(#[doc = concat!("\"", $text, "\"")] $reason,)*
        }

        impl InvalidToken {
            /// Every reason, in the order in which a token is checked.
            pub const ALL: &'static [InvalidToken] = &[$(Self::$reason),*];

            /// The reason in a few words that stay the same; nothing of the token is in it.
            pub fn reason(self) -> &'static str {
                match self { $(Self::$reason => $text,)* }
            }
        }
    };
}

reasons! {
    TooLong = "longer than 8 KiB";
    NotThreeParts = "not three parts";
    NotBase64Url = "not canonical base64url";
    NotAnObject = "header or claims are not a JSON object";
    DuplicateMember = "header or claims name a member twice";
    UnknownAlgorithm = "alg is missing or not taken here";
    CriticalHeader = "crit in the header";
    MalformedHeader = "kid or typ is not a string";
    WrongType = "typ is not at+jwt";
    UnknownKey = "no key has this kid";
    AmbiguousKey = "no kid, and not exactly one key for its alg";
    WrongAlgorithm = "alg is not that of the key";
    WrongSignature = "the signature does not hold";
    MalformedIssuer = "iss is missing or not a string";
    MalformedAudience = "aud is missing or not one or more strings";
    MalformedSubject = "sub is missing or not a string";
    MalformedExpiry = "exp is missing or not an integer";
    MalformedIssueTime = "iat is missing or not an integer";
    MalformedNotBefore = "nbf is not an integer";
    MalformedTokenId = "jti is not a string";
    MalformedClientId = "client_id is not a string";
    MalformedScope = "scope is not a string";
    MalformedSession = "sid is not a UUID";
    MalformedEpoch = "epoch is not an integer";
    MalformedRoles = "roles are not strings";
    MalformedConfirmation = "cnf is not the thumbprint of a key";
    SpeaksForNobody = "sub is neither a user id nor client_id";
    NoClient = "the claim that names the client is missing";
    UnfitSubject = "sub is longer than 255 characters, or has a control character";
    NotAnAccessToken = "another issuer's token that is not for access: its claims, or its audience, are an ID token's";
    Bound = "bound to a key, of which there is no proof";
    NotBound = "sent as one that is bound to a key, and bound to none";
    WrongIssuer = "wrong issuer";
    WrongAudience = "wrong audience";
    Expired = "expired";
    NotYetValid = "nbf is in the future";
    IssuedInTheFuture = "iat is in the future";
    Revoked = "revoked";
    NoSuchUser = "the user is not there";
    Suspended = "the user is suspended";
    Superseded = "older than the last change of password, roles or status";
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
    fn every_reason_has_words_of_its_own() {
        let words: HashSet<_> = InvalidToken::ALL.iter().map(|why| why.reason()).collect();
        assert_eq!(words.len(), InvalidToken::ALL.len());
    }
}
