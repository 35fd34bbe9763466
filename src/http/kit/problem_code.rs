//! The table of problems: one row says the status, the names, the header and the texts of each.

use actix_web::http::StatusCode;

use self::Header::{Allow, Challenge, MediaType, Nothing, RetryAfter};
use self::Method::{Bearer, Client};
use self::Wait::{Computed, OneSecond};
use crate::authz::Reason;

/// The header that goes with a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// None.
    Nothing,
    /// `Retry-After` (RFC 9110 §10.2.3).
    RetryAfter(Wait),
    /// `WWW-Authenticate` (RFC 9110 §11.6.1).
    Challenge(Method),
    /// `Allow` (RFC 9110 §10.2.1), set by the router.
    Allow,
    /// `Accept`, `Accept-Patch` or `Accept-Post`, by the method; set where the body is read.
    MediaType,
}

/// How long a client should wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// One second.
    OneSecond,
    /// The rest of a rate limit's window; set by whoever counts.
    Computed,
}

/// The method of authentication that a challenge asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// By an access token (RFC 6750 §3), with this `error`; empty where no token was sent.
    Bearer(&'static str),
    /// As a client (RFC 6749 §5.2); set where the client used HTTP Basic.
    Client,
}

macro_rules! problems {
    ($($code:ident = $status:literal $name:literal $oauth:literal $header:expr, $title:literal: $meaning:literal;)*) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$code),*];

            /// The stable name, in kebab-case.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => $name,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                let status = match self { $(Code::$code => $status,)* };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The title: what it is, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// The explanation: what it means and what to do about it.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$code => $meaning,)* }
            }

            /// The error code of RFC 6749 §5.2, for the routes of the authorization server.
            pub(crate) fn oauth(self) -> &'static str {
                match self { $(Code::$code => $oauth,)* }
            }

            /// The header that goes with it.
            pub(crate) fn header(self) -> Header {
                match self { $(Code::$code => $header,)* }
            }
        }
    };
}

problems! {
    Unauthenticated = 401 "unauthenticated" "invalid_request" Challenge(Bearer("")), "An access token is needed":
        "The route needs an access token and none was sent. Send one as `Authorization: Bearer …`; the resource metadata named in the challenge says where to get one.";
    InvalidToken = 401 "invalid-token" "invalid_request" Challenge(Bearer("invalid_token")), "The access token is not acceptable":
        "The token is malformed, expired, revoked, issued by or for somebody else, or its signature does not hold. Get a new one. For the reason, see the server's log under the request id.";
    TwoTokens = 400 "two-tokens" "invalid_request" Challenge(Bearer("invalid_request")), "The token was sent in two ways":
        "Send one access token, in the Authorization header alone.";
    InvalidCredentials = 401 "invalid-credentials" "invalid_grant" Challenge(Bearer("")), "E-mail or password is wrong":
        "No active account has this e-mail and this password. The answer is the same whether or not the account exists.";
    InsufficientScope = 403 "insufficient-scope" "invalid_scope" Challenge(Bearer("insufficient_scope")), "The token does not allow this":
        "The token carries no scope for this route. The challenge names the weakest scope that would do; ask for it when you get a token, if your roles and the client grant it.";
    NotOwner = 403 "not-owner" "access_denied" Nothing, "This record is not yours":
        "The token allows this on your own records, and this is not one. Whether it exists is not said. Another token of the same user would not help; a scope that ends in `:any` would.";
    AboveCaller = 403 "above-caller" "access_denied" Nothing, "This is above your own roles":
        "Nobody may grant a power that they do not have, nor act on an account or a client that has one.";
    WrongState = 403 "wrong-state" "access_denied" Nothing, "The record is not in the state for this":
        "The policy allows this only while the record is in a certain state, which the detail names. Change the state first, if you may.";
    NotFound = 404 "not-found" "invalid_request" Nothing, "There is no such record":
        "The record is not there, or it is not yours to know about.";
    UnknownPath = 404 "unknown-path" "invalid_request" Nothing, "There is no such path":
        "The server has no route with this path. `cloakroom routes` and `/openapi.json` list them all.";
    MethodNotAllowed = 405 "method-not-allowed" "invalid_request" Allow, "The path does not take this method":
        "The `Allow` header lists the methods that it takes.";
    RequestTimeout = 408 "request-timeout" "invalid_request" Nothing, "The request came too slowly":
        "The body did not arrive in time. Send it again.";
    EmailTaken = 409 "email-taken" "invalid_request" Nothing, "The e-mail address is taken":
        "Another account has this address. Addresses that differ in case alone are the same.";
    Taken = 409 "taken" "invalid_request" Nothing, "Another record has this already":
        "What must be a record's own, such as its name, belongs to another one.";
    Conflict = 409 "conflict" "invalid_request" Nothing, "It collides with what is there":
        "The request cannot be done to the record as it is now; the detail says why.";
    LastAdmin = 409 "last-admin" "invalid_request" Nothing, "The last administrator must stay":
        "The change would leave no active administrator. Make another one first.";
    ChangedMeanwhile = 409 "changed-meanwhile" "invalid_request" Nothing, "The record was changed meanwhile":
        "Somebody else changed the record while the request was being handled. Read it again and repeat the request.";
    InvalidIdempotencyKey = 400 "invalid-idempotency-key" "invalid_request" Nothing, "The Idempotency-Key is none":
        "`Idempotency-Key` is one name of 1 to 255 visible characters of ASCII, such as a UUID; the detail says what is wrong.";
    IdempotencyKeyInUse = 409 "idempotency-key-in-use" "invalid_request" RetryAfter(OneSecond), "The first request with this key has no answer yet":
        "A request with this `Idempotency-Key` is being answered: try again after the seconds that `Retry-After` names. If it stays so, the answer was lost when the server stopped: what was asked for is done, and will not be done again.";
    IdempotencyKeyReused = 422 "idempotency-key-reused" "invalid_request" Nothing, "The key is that of another request":
        "A request with this `Idempotency-Key` and another body was made in the last 24 hours. Take a new name for each thing that is to be done.";
    PreconditionFailed = 412 "precondition-failed" "invalid_request" Nothing, "The record was changed since you read it":
        "`If-Match` names a version that is no longer the current one. Read the record again and repeat the change on what it is now.";
    PreconditionRequired = 428 "precondition-required" "invalid_request" Nothing, "If-Match is required":
        "Read the record, and send its `ETag` as `If-Match`, so that nobody's change is overwritten unseen.";
    BodyTooLarge = 413 "body-too-large" "invalid_request" Nothing, "The body is too large":
        "A body may have 64 KiB.";
    UnsupportedMediaType = 415 "unsupported-media-type" "invalid_request" MediaType, "The body is of another type":
        "The answer names the media type that the route takes.";
    MalformedBody = 400 "malformed-body" "invalid_request" Nothing, "The body cannot be read":
        "The body is not valid JSON in UTF-8, is nested too deeply, or names a member twice.";
    InvalidBody = 422 "invalid-body" "invalid_request" Nothing, "The body breaks a rule":
        "`errors` lists every rule that is broken, each with a JSON pointer (RFC 6901) to the place.";
    InvalidQuery = 400 "invalid-query" "invalid_request" Nothing, "The query breaks a rule":
        "A parameter is unknown, stands twice, or has a value that it cannot have; the detail says which.";
    InvalidCursor = 400 "invalid-cursor" "invalid_request" Nothing, "The cursor is not one of ours":
        "A cursor comes from the `next` of a page, and goes with the same filters and the same order. Begin again at the first page.";
    InvalidRequest = 400 "invalid-request" "invalid_request" Nothing, "The request is malformed":
        "A parameter is missing, stands twice, or contradicts another.";
    ForeignForm = 403 "foreign-form" "invalid_request" Nothing, "The form was not shown in this browser":
        "A form of a page is taken from that page alone, in the browser in which it was shown, with its cookie. Load the page again; the detail says what was missing.";
    InvalidClient = 401 "invalid-client" "invalid_client" Challenge(Client), "The client could not be authenticated":
        "The client is unknown, its secret is wrong, or it used a method that this server does not offer.";
    UnauthorizedClient = 400 "unauthorized-client" "unauthorized_client" Nothing, "The client may not use this grant":
        "The client is not registered for this grant type.";
    UnsupportedGrantType = 400 "unsupported-grant-type" "unsupported_grant_type" Nothing, "The grant type is not offered":
        "The metadata document lists the grant types that are.";
    InvalidGrant = 400 "invalid-grant" "invalid_grant" Nothing, "The grant is not good":
        "The code or the refresh token is unknown, expired, used already, issued to another client, or does not fit the rest of the request.";
    InvalidDpopProof = 400 "invalid-dpop-proof" "invalid_dpop_proof" Nothing, "The proof of possession does not hold":
        "The `DPoP` header must hold one JWT by RFC 9449 §4, made for this very request, signed with the key to which tokens are to be bound. The detail says what is wrong.";
    InvalidTarget = 400 "invalid-target" "invalid_target" Nothing, "No tokens are issued for the resource":
        "`resource` must be the audience of this server or one that its operator named.";
    InvalidScope = 400 "invalid-scope" "invalid_scope" Nothing, "None of the scopes can be granted":
        "What was asked for, what the client is registered for and what exists have nothing in common.";
    Busy = 503 "busy" "temporarily_unavailable" RetryAfter(OneSecond), "Too many logins at once":
        "Passwords are checked a few at a time, and the queue is full. Try again after the seconds that `Retry-After` names.";
    TooManyGuesses = 429 "too-many-guesses" "temporarily_unavailable" RetryAfter(Computed), "Too many passwords were wrong":
        "Of late too many passwords were wrong at this account or from this address, so none is looked at. Try again after the seconds that `Retry-After` names. Who is logged in stays so.";
    TooManyRequests = 429 "too-many-requests" "temporarily_unavailable" RetryAfter(Computed), "Too much came from this address":
        "Of late too many accounts were registered from this address, or too many secrets, codes or tokens of clients were no good. Try again after the seconds that `Retry-After` names; `RateLimit` says what is left.";
    Unavailable = 503 "unavailable" "temporarily_unavailable" RetryAfter(OneSecond), "The database is not available":
        "Nothing was done. Try again after the seconds that `Retry-After` names.";
    OutcomeUnknown = 503 "outcome-unknown" "temporarily_unavailable" RetryAfter(OneSecond), "The database went away meanwhile":
        "It went away while the change was being committed, so whether it was made is not known. Repeat the request after the seconds that `Retry-After` names: with the same `Idempotency-Key`, or with the same `If-Match`, it is not done twice.";
    Stopping = 503 "stopping" "temporarily_unavailable" RetryAfter(OneSecond), "The server is stopping":
        "It was told to stop and answers what still comes. Send new requests to another replica.";
    Internal = 500 "internal" "server_error" Nothing, "Something went wrong here":
        "It is not your fault, and nothing is said of the inside. The server's log has the rest under the request id.";
}

impl Code {
    /// The names of all codes.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|code| code.as_str()).collect()
    }

    /// True for a problem that comes from a decision: its answer has a `decision_id`.
    pub(crate) fn is_decided(self) -> bool {
        matches!(
            self,
            Self::InvalidToken
                | Self::InsufficientScope
                | Self::NotOwner
                | Self::NotFound
                | Self::WrongState
                | Self::AboveCaller
        )
    }

    /// The code of this name.
    pub fn named(name: &str) -> Option<Code> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl From<Reason> for Code {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::InsufficientScope => Code::InsufficientScope,
            Reason::NotOwner => Code::NotOwner,
            Reason::NotFound => Code::NotFound,
            Reason::WrongState => Code::WrongState,
            Reason::AboveCaller => Code::AboveCaller,
        }
    }
}
