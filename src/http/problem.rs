//! The one table from what went wrong to what the caller is told: problem documents (RFC 9457),
//! and under `/oauth/` the errors of RFC 6749 §5.2.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::pages::{House, of_problem};
use crate::authz::{Event, Reason, Refusal, Relation, Rule};
use crate::domain::{Invalid, Origin};
use crate::hashing::HashError;
use crate::store::StoreError;

macro_rules! problems {
    ($($code:ident = $status:literal $name:literal $oauth:literal $title:literal: $meaning:literal;)*) => {
        /// What went wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$code),*];

            /// The stable name.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => $name,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                let status = match self { $(Code::$code => $status,)* };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// What it is, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// What it means and what to do about it.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$code => $meaning,)* }
            }

            /// The error code of RFC 6749 §5.2 under `/oauth/`.
            pub(super) fn oauth(self) -> &'static str {
                match self { $(Code::$code => $oauth,)* }
            }
        }
    };
}

problems! {
    Unauthenticated = 401 "unauthenticated" "invalid_request" "An access token is needed":
        "The route needs an access token and none was sent. Send one as `Authorization: Bearer …`; the resource metadata named in the challenge says where to get one.";
    InvalidToken = 401 "invalid-token" "invalid_request" "The access token is not acceptable":
        "The token is malformed, expired, revoked, issued by or for somebody else, or its signature does not hold. Get a new one. For the reason, see the server's log under the request id.";
    TwoTokens = 400 "two-tokens" "invalid_request" "The token was sent in two ways":
        "Send one access token, in the Authorization header alone.";
    InvalidCredentials = 401 "invalid-credentials" "invalid_grant" "E-mail or password is wrong":
        "No active account has this e-mail and this password. The answer is the same whether or not the account exists.";
    InsufficientScope = 403 "insufficient-scope" "invalid_scope" "The token does not allow this":
        "The token carries no scope for this route. The challenge names the weakest scope that would do; ask for it when you get a token, if your roles and the client grant it.";
    NotOwner = 403 "not-owner" "access_denied" "This record is not yours":
        "The token allows this on your own records, and this is not one. Whether it exists is not said. Another token of the same user would not help; a scope that ends in `:any` would.";
    AboveCaller = 403 "above-caller" "access_denied" "This is above your own roles":
        "Nobody may grant a power that they do not have, nor act on an account or a client that has one.";
    WrongState = 403 "wrong-state" "access_denied" "The record is not in the state for this":
        "The policy allows this only while the record is in a certain state, which the detail names. Change the state first, if you may.";
    NotFound = 404 "not-found" "invalid_request" "There is no such record":
        "The record is not there, or it is not yours to know about.";
    UnknownPath = 404 "unknown-path" "invalid_request" "There is no such path":
        "The server has no route with this path. `cloakroom routes` and `/openapi.json` list them all.";
    MethodNotAllowed = 405 "method-not-allowed" "invalid_request" "The path does not take this method":
        "The `Allow` header lists the methods that it takes.";
    RequestTimeout = 408 "request-timeout" "invalid_request" "The request came too slowly":
        "The body did not arrive in time. Send it again.";
    EmailTaken = 409 "email-taken" "invalid_request" "The e-mail address is taken":
        "Another account has this address. Addresses that differ in case alone are the same.";
    Taken = 409 "taken" "invalid_request" "Another record has this already":
        "What must be a record's own, such as its name, belongs to another one.";
    Conflict = 409 "conflict" "invalid_request" "It collides with what is there":
        "The request cannot be done to the record as it is now; the detail says why.";
    LastAdmin = 409 "last-admin" "invalid_request" "The last administrator must stay":
        "The change would leave no active administrator. Make another one first.";
    ChangedMeanwhile = 409 "changed-meanwhile" "invalid_request" "The record was changed meanwhile":
        "Somebody else changed the record while the request was being handled. Read it again and repeat the request.";
    PreconditionFailed = 412 "precondition-failed" "invalid_request" "The record was changed since you read it":
        "`If-Match` names a version that is no longer the current one. Read the record again and repeat the change on what it is now.";
    PreconditionRequired = 428 "precondition-required" "invalid_request" "If-Match is required":
        "Read the record, and send its `ETag` as `If-Match`, so that nobody's change is overwritten unseen.";
    BodyTooLarge = 413 "body-too-large" "invalid_request" "The body is too large":
        "A body may have 64 KiB.";
    UnsupportedMediaType = 415 "unsupported-media-type" "invalid_request" "The body is of another type":
        "The answer names the media type that the route takes.";
    MalformedBody = 400 "malformed-body" "invalid_request" "The body cannot be read":
        "The body is not valid JSON in UTF-8, is nested too deeply, or names a member twice.";
    InvalidBody = 422 "invalid-body" "invalid_request" "The body breaks a rule":
        "`errors` lists every rule that is broken, each with a JSON pointer (RFC 6901) to the place.";
    InvalidQuery = 400 "invalid-query" "invalid_request" "The query breaks a rule":
        "A parameter is unknown, stands twice, or has a value that it cannot have; the detail says which.";
    InvalidCursor = 400 "invalid-cursor" "invalid_request" "The cursor is not one of ours":
        "A cursor comes from the `next` of a page, and goes with the same filters and the same order. Begin again at the first page.";
    InvalidRequest = 400 "invalid-request" "invalid_request" "The request is malformed":
        "A parameter is missing, stands twice, or contradicts another.";
    ForeignForm = 403 "foreign-form" "invalid_request" "The form was not shown in this browser":
        "A form of a page is taken from that page alone, in the browser in which it was shown, with its cookie. Load the page again; the detail says what was missing.";
    InvalidClient = 401 "invalid-client" "invalid_client" "The client could not be authenticated":
        "The client is unknown, its secret is wrong, or it used a method that this server does not offer.";
    UnauthorizedClient = 400 "unauthorized-client" "unauthorized_client" "The client may not use this grant":
        "The client is not registered for this grant type.";
    UnsupportedGrantType = 400 "unsupported-grant-type" "unsupported_grant_type" "The grant type is not offered":
        "The metadata document lists the grant types that are.";
    InvalidGrant = 400 "invalid-grant" "invalid_grant" "The grant is not good":
        "The code or the refresh token is unknown, expired, used already, issued to another client, or does not fit the rest of the request.";
    InvalidDpopProof = 400 "invalid-dpop-proof" "invalid_dpop_proof" "The proof of possession does not hold":
        "The `DPoP` header must hold one JWT by RFC 9449 §4, made for this very request, signed with the key to which tokens are to be bound. The detail says what is wrong.";
    InvalidTarget = 400 "invalid-target" "invalid_target" "No tokens are issued for the resource":
        "`resource` must be the audience of this server or one that its operator named.";
    InvalidScope = 400 "invalid-scope" "invalid_scope" "None of the scopes can be granted":
        "What was asked for, what the client is registered for and what exists have nothing in common.";
    Busy = 503 "busy" "temporarily_unavailable" "Too many logins at once":
        "Passwords are checked a few at a time, and the queue is full. Try again after the seconds that `Retry-After` names.";
    TooManyGuesses = 429 "too-many-guesses" "temporarily_unavailable" "Too many passwords were wrong":
        "Of late too many passwords were wrong at this account or from this address, so none is looked at. Try again after the seconds that `Retry-After` names. Who is logged in stays so.";
    Unavailable = 503 "unavailable" "temporarily_unavailable" "The database is not available":
        "Nothing was done. Try again after the seconds that `Retry-After` names.";
    Internal = 500 "internal" "server_error" "Something went wrong here":
        "It is not your fault, and nothing is said of the inside. The server's log has the rest under the request id.";
}

impl Code {
    /// The code of this name.
    pub fn named(name: &str) -> Option<Code> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

/// A broken rule and the place in the body that breaks it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct BrokenRule {
    /// A JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// Stable, kebab-case.
    #[schema(value_type = String)]
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// Why a request is not answered as it was asked (RFC 9457).
///
/// ```
/// use cloakroom::http::{Code, Problem};
/// let problem = Problem::new(Code::Conflict).with_detail("every peg is taken");
/// assert_eq!(problem.code(), Code::Conflict);
/// ```
#[derive(Debug)]
pub struct Problem(Box<Details>);

#[derive(Debug)]
struct Details {
    code: Code,
    detail: Option<String>,
    errors: Vec<BrokenRule>,
    refusal: Option<Refusal>,
    invalid_token: Option<&'static str>,
    headers: Vec<(HeaderName, String)>,
}

/// What a problem document says of the request it answers.
pub struct Asked<'a> {
    /// The server's own URL, never from a header of the request.
    pub issuer: &'a str,
    /// The path of the request.
    pub path: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The id under which a refusal can be looked up.
    pub decision_id: Option<Uuid>,
    /// The name of the service, where a person reads the answer in a browser.
    pub page_of: Option<&'a str>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Details {
            code,
            detail: None,
            errors: Vec::new(),
            refusal: None,
            invalid_token: None,
            headers: Vec::new(),
        }))
    }

    /// What is the matter this time; never anything of the inside.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// A header that goes with it.
    pub fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// A body that breaks these rules.
    pub fn broken_rules(errors: Vec<BrokenRule>) -> Self {
        let mut problem = Self::new(Code::InvalidBody);
        problem.0.errors = errors;
        problem
    }

    /// A body of which one member breaks a rule.
    pub fn broken_rule(pointer: &str, rule: Invalid) -> Self {
        Self::broken_rules(vec![BrokenRule {
            pointer: pointer.to_owned(),
            code: rule.code,
            detail: rule.detail,
        }])
    }

    /// The same, but where `from` was the matter it is `to`.
    pub(super) fn instead(self, from: Code, to: Code) -> Self {
        if self.0.code == from { Self::new(to) } else { self }
    }

    /// That a token is not acceptable; the caller is not told the reason.
    pub(super) fn invalid_token(reason: &'static str) -> Self {
        let mut problem = Self::new(Code::InvalidToken);
        problem.0.invalid_token = Some(reason);
        problem
    }

    /// The decision behind it, if it is a refusal, as the audit trail keeps it.
    pub(super) fn event(&self, origin: impl FnOnce() -> Origin) -> Option<Event> {
        match (&self.0.refusal, self.0.invalid_token) {
            (Some(refusal), _) => Some(Event::refused(refusal, origin())),
            (None, Some(reason)) => Some(Event::not_acceptable(reason, origin())),
            (None, None) => None,
        }
    }

    /// The refusal behind it, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// Its kind.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The answer.
    pub fn respond(self, asked: &Asked<'_>) -> HttpResponse {
        let mut response = self.without_its_headers(asked);
        for (name, value) in &self.0.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().append(name.clone(), value);
            }
        }
        response
    }

    fn without_its_headers(&self, asked: &Asked<'_>) -> HttpResponse {
        if let Some(service) = asked.page_of {
            let house = House { service, request_id: asked.request_id };
            return of_problem(self.0.code, self.0.code.oauth(), self.0.detail.as_deref()).in_house(&house);
        }
        let mut response = HttpResponse::build(self.0.code.status());
        if matches!(self.0.code, Code::Unavailable | Code::Busy) {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        if asked.path.starts_with("/oauth/") {
            response.insert_header((header::CONTENT_TYPE, "application/json"));
            return response.body(self.0.oauth_error().to_string());
        }
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        response.body(self.0.document(asked).to_string())
    }
}

impl Details {
    fn oauth_error(&self) -> Value {
        let description = self.detail.as_deref().unwrap_or_else(|| self.code.title());
        json!({ "error": self.code.oauth(), "error_description": description })
    }

    fn document(&self, asked: &Asked<'_>) -> Value {
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| document.insert(name.to_owned(), value);
        put("type", format!("{}/problems/{}", asked.issuer, self.code.as_str()).into());
        put("title", self.code.title().into());
        put("status", self.code.status().as_u16().into());
        put("detail", self.detail.as_deref().unwrap_or_else(|| self.code.meaning()).into());
        put("instance", asked.path.into());
        put("code", self.code.as_str().into());
        put("request_id", asked.request_id.into());
        if let Some(id) = asked.decision_id {
            put("decision_id", id.to_string().into());
        }
        if !self.errors.is_empty() {
            put("errors", json!(self.errors));
        }
        Value::Object(document)
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

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let rule = &refusal.rule;
        let problem = Self::new(refusal.reason.into());
        let mut problem = match refusal.reason {
            // Who reaches every record is refused nothing: it is not there.
            Reason::NotFound if refusal.is_of_nothing() => return problem,
            Reason::NotFound => problem,
            Reason::InsufficientScope => problem.with_detail(needed(rule)),
            Reason::NotOwner => problem.with_detail(reached(rule)),
            Reason::WrongState => problem.with_detail(format!(
                "it takes a {} that is {}",
                rule.resource,
                rule.who.state().map_or("", Relation::name)
            )),
            Reason::AboveCaller => problem.with_detail("it takes a power over others that you do not have"),
        };
        problem.0.refusal = Some(refusal);
        problem
    }
}

fn needed(rule: &Rule) -> String {
    let scope = rule.weakest_scope();
    scope.map_or_else(String::new, |scope| format!("the scope {scope} is needed: {}", scope.meaning()))
}

/// What each way into the rule reaches.
fn reached(rule: &Rule) -> String {
    let (who, kind) = (&rule.who, rule.resource);
    let own = who.owner_scope().map(|scope| match who.relations().next() {
        Some(_) => format!("{scope} reaches your own {kind}"),
        None => format!("{scope} reaches your own {kind} alone"),
    });
    let related =
        who.relations().map(|(relation, scope)| format!("{scope} one to which you are {}", relation.name()));
    let roles = who.roles().map(|(role, scope)| format!("{scope} with the role {role} everyone's"));
    let any = who.anyone_scope().map(|scope| match who.owner_scope() {
        Some(_) => format!("{scope} reaches everyone's"),
        None => format!("only {scope} reaches a {kind}"),
    });
    own.into_iter().chain(related).chain(roles).chain(any).collect::<Vec<_>>().join("; ")
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable(_) => Code::Unavailable,
            StoreError::Taken => Code::Taken,
            StoreError::Changed => Code::ChangedMeanwhile,
            StoreError::LastAdmin => Code::LastAdmin,
            StoreError::Internal(_) => Code::Internal,
        };
        if code.status().is_server_error() {
            log::error!("{error}");
        }
        Self::new(code)
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::new(Code::Busy),
            HashError::Failed => Self::new(Code::Internal),
        }
    }
}

impl From<crate::domain::NoRandomness> for Problem {
    fn from(error: crate::domain::NoRandomness) -> Self {
        log::error!("{error}");
        Self::new(Code::Internal)
    }
}
