//! The table of problems: each row has the status, the names, the header and the texts of one problem.

use actix_web::http::StatusCode;

use self::Header::{Allow, Challenge, MediaType, Nothing, RetryAfter};
use self::Method::{Bearer, Client};
use self::Wait::{Computed, OneSecond};
use super::{BrokenRule, OwnProblem};
use crate::authz::Reason;
use crate::domain::Invalid;

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

/// Time that a client should wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// One second.
    OneSecond,
    /// The rest of the rate limit's window; set by the rate limit.
    Computed,
}

/// Authentication method of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// An access token (RFC 6750 §3), with this `error`; empty when no token was sent.
    Bearer(&'static str),
    /// Client authentication (RFC 6749 §5.2); sent when the client used HTTP Basic.
    Client,
}

macro_rules! problems {
    ($($code:ident = $status:literal $name:literal $oauth:literal $header:expr, $title:literal: $meaning:literal;)*) => {
        /// A kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $code,)*
            /// A problem of the application ([`problems!`](crate::problems!)).
            Own(&'static OwnProblem),
        }

        impl Code {
            /// Every code of cloakroom, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$code),*];

            /// Returns the stable name, in kebab-case.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => $name,)* Code::Own(own) => own.name }
            }

            /// Returns the HTTP status.
            pub fn status(self) -> StatusCode {
                let status = match self { $(Code::$code => $status,)* Code::Own(own) => own.status };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// Returns the title: the problem in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* Code::Own(own) => own.title }
            }

            /// Returns the explanation: what the problem means and how to solve it.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$code => $meaning,)* Code::Own(own) => own.meaning }
            }

            /// Returns the error code for the routes of the authorization server (RFC 6749 §5.2; RFC 6750 §3.1 and RFC 9470
            /// §3 where the route takes an access token).
            pub(crate) fn oauth(self) -> &'static str {
                match self { $(Code::$code => $oauth,)* Code::Own(_) => "invalid_request" }
            }

            /// Returns the header that goes with the problem.
            pub(crate) fn header(self) -> Header {
                match self { $(Code::$code => $header,)* Code::Own(_) => Nothing }
            }
        }
    };
}

problems! {
    Unauthenticated = 401 "unauthenticated" "invalid_request" Challenge(Bearer("")), "An access token is required":
        "The route requires an access token. The request has none, and no cookie of an open session. Send a token as `Authorization: Bearer …`. The resource metadata named in the challenge says where to get one.";
    InvalidToken = 401 "invalid-token" "invalid_token" Challenge(Bearer("invalid_token")), "The access token is invalid":
        "`reason` says what to do. `expired`: renew it. `revoked`: its session has ended, or the user's roles, password or status changed; renew it, and sign in again if that fails. `invalid`: it is malformed, has the wrong issuer or audience, or its signature is wrong. The server's log has the exact reason under the request id.";
    RegistrationClosed = 401 "registration-closed" "invalid_request" Challenge(Bearer("")), "Registration is closed":
        "Users cannot create accounts themselves. A caller whose token has the scope `users:create` creates them. `GET /service` says whether registration is open.";
    TwoTokens = 400 "two-tokens" "invalid_request" Challenge(Bearer("invalid_request")), "The request has two access tokens":
        "Send one access token, in the Authorization header only, or one cookie of a browser session.";
    InvalidCredentials = 401 "invalid-credentials" "invalid_grant" Challenge(Bearer("")), "The e-mail address or password is wrong":
        "No active account has this e-mail address and this password. The response is the same for an account that does not exist.";
    InsufficientScope = 403 "insufficient-scope" "insufficient_scope" Challenge(Bearer("insufficient_scope")), "The token's scope is insufficient":
        "The token has no scope for this route. The challenge names the narrowest scope that suffices. Request that scope if your roles and the client's registration allow it.";
    StaleAuthentication = 401 "insufficient-user-authentication" "insufficient_user_authentication" Challenge(Bearer("insufficient_user_authentication")), "You must authenticate again":
        "The action can take over an account or grant power, and you authenticated too long ago. Send your password to `POST /sessions/current/authentication` and use the new token. An OAuth client sends its user to the authorization endpoint with the `max_age` of the challenge (RFC 9470).";
    NotOwner = 403 "not-owner" "access_denied" Nothing, "This is not your own record":
        "The token's scope covers only your own records, and this is not one of them. The response does not say whether the record exists. A scope that ends in `:any` is needed.";
    AboveCaller = 403 "above-caller" "access_denied" Nothing, "This exceeds your own powers":
        "You cannot grant a power that you do not have, and you cannot act on an account or a client that has one. Your powers are the scopes of this token that reach other users. Where the detail names scopes that the token does not carry, another token can suffice; where it names scopes that your roles do not grant, none can.";
    WrongState = 409 "wrong-state" "access_denied" Nothing, "The record is in the wrong state":
        "The policy allows you this in another state of the record, which the detail names. Change the record's state first, if you are allowed to.";
    NotFound = 404 "not-found" "invalid_request" Nothing, "The record was not found":
        "The record does not exist, or you may not know that it exists.";
    UnknownPath = 404 "unknown-path" "invalid_request" Nothing, "The path is unknown":
        "The server has no route with this path. `cloakroom routes` and `/openapi.json` list all routes.";
    MethodNotAllowed = 405 "method-not-allowed" "invalid_request" Allow, "The path does not support this method":
        "The `Allow` header lists the supported methods.";
    RequestTimeout = 408 "request-timeout" "invalid_request" Nothing, "The request timed out":
        "The request body did not arrive in time. Send the request again.";
    EmailTaken = 409 "email-taken" "invalid_request" Nothing, "The e-mail address is already in use":
        "Another account has this e-mail address. Upper case and lower case are not distinguished.";
    ExternalIdTaken = 409 "external-id-taken" "invalid_request" Nothing, "The external id is already in use":
        "Another account has this `external_id`. Upper case and lower case are distinguished.";
    Taken = 409 "taken" "invalid_request" Nothing, "A unique value is already in use":
        "Another record already has a value that must be unique, such as a name.";
    Conflict = 409 "conflict" "invalid_request" Nothing, "The request conflicts with the record's state":
        "The current state of the record does not permit this request. The detail says why.";
    LastAdmin = 409 "last-admin" "invalid_request" Nothing, "The last administrator cannot be removed":
        "This change would leave no active administrator. Make another user an administrator first.";
    ChangedMeanwhile = 409 "changed-meanwhile" "invalid_request" Nothing, "The record changed during the request":
        "Another request changed the record while this one was handled. Read the record again and repeat the request.";
    InvalidIdempotencyKey = 400 "invalid-idempotency-key" "invalid_request" Nothing, "The Idempotency-Key is invalid":
        "`Idempotency-Key` must be one value of 1 to 255 visible ASCII characters, such as a UUID. The detail says what is wrong.";
    IdempotencyKeyInUse = 409 "idempotency-key-in-use" "invalid_request" RetryAfter(OneSecond), "A request with this key is still in progress":
        "The first request with this `Idempotency-Key` has no response yet. Retry after the number of seconds in `Retry-After`. If the conflict stays, the server stopped before it stored the response: the change is done and is not repeated.";
    IdempotencyKeyReused = 422 "idempotency-key-reused" "invalid_request" Nothing, "The key belongs to a different request":
        "A request with this `Idempotency-Key` and a different body, or by a caller with other scopes or roles, was made in the last 24 hours. Use a new key for each new request.";
    PreconditionFailed = 412 "precondition-failed" "invalid_request" Nothing, "The record changed since you read it":
        "`If-Match` names a version that is no longer current. Read the record again and apply your change to the current version.";
    PreconditionRequired = 428 "precondition-required" "invalid_request" Nothing, "If-Match is required":
        "Read the record and send its `ETag` as `If-Match`. This prevents that you overwrite another client's change.";
    BodyTooLarge = 413 "body-too-large" "invalid_request" Nothing, "The request body is too large":
        "A request body can have at most 64 KiB, unless its route has another limit. The detail names the limit.";
    UnsupportedMediaType = 415 "unsupported-media-type" "invalid_request" MediaType, "The media type is not supported":
        "A header of the response names the media type that the route accepts.";
    MalformedBody = 400 "malformed-body" "invalid_request" Nothing, "The request body is malformed":
        "The body is not valid JSON in UTF-8, is nested too deeply, or has two members of one name. A form of parts is incomplete, or has a part without a name or two parts of one name.";
    InvalidBody = 422 "invalid-body" "invalid_request" Nothing, "The request body is invalid":
        "`errors` lists every broken rule, each with a JSON pointer (RFC 6901) to the place in the body.";
    InvalidQuery = 400 "invalid-query" "invalid_request" Nothing, "The query is invalid":
        "A query parameter is unknown, is repeated, or has an invalid value. The detail says which one.";
    InvalidCursor = 400 "invalid-cursor" "invalid_request" Nothing, "The cursor is invalid":
        "Use the `next` value of the previous page as the cursor, with the same filters and sort order. Otherwise start at the first page again.";
    InvalidRequest = 400 "invalid-request" "invalid_request" Nothing, "The request is invalid":
        "A parameter is missing, is repeated, or contradicts another one.";
    ForeignForm = 403 "foreign-form" "invalid_request" Nothing, "The form was not served to this browser":
        "The server accepts a form only from its own page, in the browser that loaded the page, with the page's cookie. Load the page again. The detail says what was missing.";
    ForeignOrigin = 403 "foreign-origin" "access_denied" Nothing, "The cookie is accepted from this server's own pages alone":
        "The cookie of a browser session counts only for requests that a page of this server's own origin sends. The browser says so by `Origin` and `Sec-Fetch-Site`, and a request that changes something must have one of them. A page of another origin sends an access token instead. The detail says what was wrong.";
    InvalidClient = 401 "invalid-client" "invalid_client" Challenge(Client), "Client authentication failed":
        "The client is unknown, its secret is wrong, or the server does not support the authentication method.";
    UnauthorizedClient = 400 "unauthorized-client" "unauthorized_client" Nothing, "The client may not use this grant type":
        "The client is not registered for this grant type.";
    UnsupportedGrantType = 400 "unsupported-grant-type" "unsupported_grant_type" Nothing, "The grant type is not supported":
        "The metadata document lists the supported grant types.";
    InvalidGrant = 400 "invalid-grant" "invalid_grant" Nothing, "The grant is invalid":
        "The authorization code or refresh token is unknown, expired, already used, issued to another client, or does not match the other parameters.";
    InvalidLink = 400 "invalid-link" "invalid_request" Nothing, "The link is not valid":
        "The token is wrong or incomplete, was used, has expired, or lost its effect because the account changed. The response is the same for each of these. Request a new link.";
    InvalidDpopProof = 400 "invalid-dpop-proof" "invalid_dpop_proof" Nothing, "The DPoP proof is invalid":
        "The `DPoP` header must have one JWT (RFC 9449 §4), made for this request and signed with the key that the tokens are bound to. The detail says what is wrong.";
    InvalidTarget = 400 "invalid-target" "invalid_target" Nothing, "The resource is unknown":
        "`resource` must be the audience of this server or a resource that its operator configured.";
    InvalidScope = 400 "invalid-scope" "invalid_scope" Nothing, "None of the requested scopes can be granted":
        "None of the requested scopes both exists and is in the registration of the client.";
    Busy = 503 "busy" "temporarily_unavailable" RetryAfter(OneSecond), "Too many logins at the same time":
        "The server hashes only a few passwords at a time, and the queue is full. Retry after the number of seconds in `Retry-After`.";
    TooManyGuesses = 429 "too-many-guesses" "temporarily_unavailable" RetryAfter(Computed), "Too many wrong passwords":
        "There were too many wrong passwords for this account or from this address, so the password was not checked. Retry after the number of seconds in `Retry-After`. Existing sessions are not affected.";
    TooManyRequests = 429 "too-many-requests" "temporarily_unavailable" RetryAfter(Computed), "Too many requests":
        "There were too many registrations, requests for mail, or invalid client secrets, codes or tokens, from this address or of this client. Retry after the number of seconds in `Retry-After`. `RateLimit` says how many requests are left.";
    Unavailable = 503 "unavailable" "temporarily_unavailable" RetryAfter(OneSecond), "The database is unavailable":
        "Nothing was changed. Retry after the number of seconds in `Retry-After`.";
    OutcomeUnknown = 503 "outcome-unknown" "temporarily_unavailable" RetryAfter(OneSecond), "The outcome of the change is unknown":
        "The connection to the database was lost during the commit. The change may or may not be made. Retry after the number of seconds in `Retry-After`: with the same `Idempotency-Key` or `If-Match`, it is made only once.";
    Stopping = 503 "stopping" "temporarily_unavailable" RetryAfter(OneSecond), "The server is shutting down":
        "The server finishes its current requests. Send new requests to another replica.";
    Internal = 500 "internal" "server_error" Nothing, "Internal server error":
        "An unexpected error occurred in the server. The server's log has the cause under the request id.";
}

impl Code {
    /// Returns the names of all codes of cloakroom.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|code| code.as_str()).collect()
    }

    /// True for a problem that comes from a decision: its answer has a `decision_id`.
    pub(crate) fn is_decided(self) -> bool {
        matches!(
            self,
            Self::InvalidToken
                | Self::InsufficientScope
                | Self::StaleAuthentication
                | Self::NotOwner
                | Self::NotFound
                | Self::WrongState
                | Self::AboveCaller
        )
    }

    /// True for a 409: the request collides with what is stored.
    pub(crate) fn is_collision(self) -> bool {
        self.status() == StatusCode::CONFLICT
    }

    /// Returns the collision as a broken rule, for a form to show. An e-mail address or an external id is `taken` as any
    /// other value.
    pub(super) fn as_broken_rule(self, pointer: &str) -> BrokenRule {
        let code = if self.is_taken() { Self::Taken } else { self };
        BrokenRule::new(pointer, Invalid::new(code.as_str(), self.meaning()))
    }

    fn is_taken(self) -> bool {
        matches!(self, Self::EmailTaken | Self::ExternalIdTaken)
    }

    /// Returns the codes that `errors` of a 409 can have.
    pub(crate) fn collisions() -> impl Iterator<Item = &'static str> {
        let collisions = Self::ALL.iter().filter(|code| code.is_collision() && !code.is_taken());
        collisions.map(|code| code.as_str())
    }

    /// Returns the code of cloakroom with this name.
    pub fn named(name: &str) -> Option<Code> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl From<Reason> for Code {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::InsufficientScope => Code::InsufficientScope,
            Reason::Stale => Code::StaleAuthentication,
            Reason::NotOwner => Code::NotOwner,
            Reason::NotFound => Code::NotFound,
            Reason::WrongState => Code::WrongState,
            Reason::AboveCaller => Code::AboveCaller,
        }
    }
}
