//! Problems: documents by RFC 9457, errors of RFC 6749 §5.2 for the authorization server's routes, and pages.
//! The table of all problems is in `problem_code.rs`: which status, code, header and text each has.
//!
//! Which one to use: `NotFound` and the refusals come from a decision and are never made by a handler for a
//! record. A body or a query that breaks a rule is `InvalidBody` or `InvalidQuery`, with every broken rule. A
//! collision with another record is a 409 with a code of its own. Whatever a caller cannot mend is `Internal`
//! or `Unavailable`, and its cause goes to the log only.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::family::Family;
pub use super::problem_code::Code;
use super::problem_code::{Header, Method, Wait};
use crate::authz::{AuditEvent, Reason, Refusal, Relation, Rule};
use crate::domain::{Invalid, Origin};
use crate::hashing::HashError;
use crate::store::StoreError;

/// A broken rule and the place in the body that breaks it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct BrokenRule {
    /// A JSON pointer (RFC 6901) into the body.
    #[schema(examples("/email"))]
    pub pointer: String,
    /// Stable, kebab-case.
    #[schema(value_type = String, examples("missing"))]
    pub code: &'static str,
    /// What is wrong and what would be right.
    #[schema(examples("must be there"))]
    pub detail: String,
}

/// A problem: why a request failed (RFC 9457).
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
    unacceptable: Option<Unacceptable>,
    headers: Vec<(HeaderName, String)>,
}

/// Why a token is not acceptable. Its sender is not told.
#[derive(Debug)]
pub(crate) struct Unacceptable {
    /// The reason in the audit trail and in metrics.
    pub(crate) reason: &'static str,
    /// The reason in the log.
    pub(crate) words: String,
}

/// The members of a problem document (RFC 9457 §3.1).
#[derive(Serialize)]
struct ProblemDocument<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_id: Option<Uuid>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [BrokenRule],
}

/// Renders a problem as a page: the code, the detail, the name of the service and the id of the request.
pub(crate) type RenderPage = fn(Code, Option<&str>, &str, &str) -> HttpResponse;

/// The request that a problem answers.
pub(crate) struct ProblemContext<'a> {
    /// The server's public URL; never from a header of the request.
    pub(crate) issuer: &'a str,
    /// The name of the service.
    pub(crate) service: &'a str,
    /// The path of the request.
    pub(crate) path: &'a str,
    /// The id of the request.
    pub(crate) request_id: &'a str,
    /// The id of the decision, for a refusal.
    pub(crate) decision_id: Option<Uuid>,
    /// The form of the answer.
    pub(crate) family: Family,
    /// Renders the problem for a person.
    pub(crate) page: RenderPage,
}

impl Problem {
    /// Makes a problem of this kind.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Details {
            code,
            detail: None,
            errors: Vec::new(),
            refusal: None,
            unacceptable: None,
            headers: Vec::new(),
        }))
    }

    /// Adds what is wrong in this case. It must say nothing of the server's inside.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a header to the answer.
    pub fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// Makes a 422 for a body that breaks these rules.
    pub fn broken_rules(errors: Vec<BrokenRule>) -> Self {
        let mut problem = Self::new(Code::InvalidBody);
        problem.0.errors = errors;
        problem
    }

    /// Makes a 422 for a body with one broken rule.
    pub fn broken_rule(pointer: &str, rule: Invalid) -> Self {
        Self::broken_rules(vec![BrokenRule {
            pointer: pointer.to_owned(),
            code: rule.code,
            detail: rule.detail,
        }])
    }

    /// Replaces the problem with one of kind `to` if it is of kind `from`.
    pub(crate) fn instead(self, from: Code, to: Code) -> Self {
        if self.0.code == from { Self::new(to) } else { self }
    }

    /// Makes a 401 for a token that is not acceptable. The caller is not told why.
    pub(crate) fn invalid_token(why: Unacceptable) -> Self {
        let mut problem = Self::new(Code::InvalidToken);
        problem.0.unacceptable = Some(why);
        problem
    }

    /// Returns the event for the audit trail, if the problem is a refusal.
    pub(crate) fn event(&self, origin: impl FnOnce() -> Origin) -> Option<AuditEvent> {
        match (&self.0.refusal, &self.0.unacceptable) {
            (Some(refusal), _) => Some(AuditEvent::refused(refusal, origin())),
            (None, Some(why)) => Some(AuditEvent::not_acceptable(why.reason, origin())),
            (None, None) => None,
        }
    }

    /// Returns the refusal, if the problem is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// Returns why the token is not acceptable, if that is the problem.
    pub(crate) fn unacceptable(&self) -> Option<&Unacceptable> {
        self.0.unacceptable.as_ref()
    }

    /// Returns the kind of problem.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Returns the problem document.
    pub(crate) fn document(&self, context: &ProblemContext<'_>) -> Value {
        serde_json::to_value(self.0.document(context)).unwrap_or_default()
    }

    /// Returns the error of RFC 6749 §5.2.
    pub(crate) fn oauth_error(&self) -> Value {
        self.0.oauth_error()
    }

    /// Makes the answer, with the header that the table names unless the problem brings its own.
    pub(crate) fn respond(mut self, context: &ProblemContext<'_>) -> HttpResponse {
        if let Some((name, value)) = self.default_header(context)
            && self.0.headers.iter().all(|(own, _)| *own != name)
        {
            self.0.headers.push((name, value));
        }
        let mut response = self.body(context);
        for (name, value) in &self.0.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().append(name.clone(), value);
            }
        }
        response
    }

    fn body(&self, context: &ProblemContext<'_>) -> HttpResponse {
        let code = self.0.code;
        let (media_type, body) = match context.family {
            Family::Page => {
                let detail = self.0.detail.as_deref();
                return (context.page)(code, detail, context.service, context.request_id);
            }
            Family::OAuth => ("application/json", self.oauth_error()),
            Family::Api => ("application/problem+json", self.document(context)),
        };
        HttpResponse::build(code.status())
            .insert_header((header::CONTENT_TYPE, media_type))
            .body(body.to_string())
    }

    fn default_header(&self, context: &ProblemContext<'_>) -> Option<(HeaderName, String)> {
        match self.0.code.header() {
            Header::RetryAfter(Wait::OneSecond) => Some((header::RETRY_AFTER, "1".to_owned())),
            Header::Challenge(Method::Bearer(error)) => {
                Some((header::WWW_AUTHENTICATE, self.challenge(error, context.issuer)))
            }
            Header::Nothing
            | Header::RetryAfter(Wait::Computed)
            | Header::Challenge(Method::Client)
            | Header::Allow
            | Header::MediaType => None,
        }
    }

    /// Returns a Bearer challenge (RFC 6750 §3) that names the resource metadata (RFC 9728 §5.1).
    fn challenge(&self, error: &str, issuer: &str) -> String {
        let scope = self.0.refusal.as_ref().and_then(|refusal| refusal.rule.weakest_scope());
        let error = match (error, scope) {
            ("", _) => String::new(),
            ("insufficient_scope", Some(scope)) => format!("error=\"{error}\", scope=\"{scope}\", "),
            ("invalid_token", _) => {
                format!("error=\"{error}\", error_description=\"the access token is not acceptable\", ")
            }
            (error, _) => format!("error=\"{error}\", "),
        };
        format!("Bearer {error}resource_metadata=\"{issuer}/.well-known/oauth-protected-resource\"")
    }
}

impl Details {
    fn oauth_error(&self) -> Value {
        let description = self.detail.as_deref().unwrap_or_else(|| self.code.title());
        json!({ "error": self.code.oauth(), "error_description": description })
    }

    fn document<'a>(&'a self, context: &ProblemContext<'a>) -> ProblemDocument<'a> {
        ProblemDocument {
            r#type: format!("{}/problems/{}", context.issuer, self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: self.detail.as_deref().unwrap_or_else(|| self.code.meaning()),
            instance: context.path,
            code: self.code.as_str(),
            request_id: context.request_id,
            decision_id: context.decision_id,
            errors: &self.errors,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let rule = &refusal.rule;
        let problem = Self::new(refusal.reason.into());
        let mut problem = match refusal.reason {
            // A caller that reaches every record is not refused: the record is not there.
            Reason::NotFound if refusal.is_plain_not_found() => return problem,
            Reason::NotFound => problem,
            Reason::InsufficientScope => problem.with_detail(needed(rule)),
            Reason::NotOwner => problem.with_detail(reached(rule)),
            Reason::WrongState => problem.with_detail(format!(
                "this needs a {} that is {}",
                rule.resource,
                rule.condition.state().map_or("", Relation::name)
            )),
            Reason::AboveCaller => problem.with_detail("this needs a power over others that you do not have"),
        };
        problem.0.refusal = Some(refusal);
        problem
    }
}

fn needed(rule: &Rule) -> String {
    let scope = rule.weakest_scope();
    scope.map_or_else(String::new, |scope| format!("the scope {scope} is needed: {}", scope.meaning()))
}

/// Says which scope reaches which records.
fn reached(rule: &Rule) -> String {
    let (condition, kind) = (&rule.condition, rule.resource);
    let own = condition.owner_scope().map(|scope| match condition.relations().next() {
        Some(_) => format!("{scope} reaches your own {kind}"),
        None => format!("{scope} reaches your own {kind} alone"),
    });
    let related = condition
        .relations()
        .map(|(relation, scope)| format!("{scope} one to which you are {}", relation.name()));
    let roles = condition.roles().map(|(role, scope)| format!("{scope} with the role {role} everyone's"));
    let any = condition.anyone_scope().map(|scope| match condition.owner_scope() {
        Some(_) => format!("{scope} reaches everyone's"),
        None => format!("only {scope} reaches a {kind}"),
    });
    own.into_iter().chain(related).chain(roles).chain(any).collect::<Vec<_>>().join("; ")
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable(_) | StoreError::Lost(_) | StoreError::RolledBack(_) => Code::Unavailable,
            StoreError::Uncertain(_) => Code::OutcomeUnknown,
            StoreError::Taken => Code::Taken,
            StoreError::Changed => Code::ChangedMeanwhile,
            StoreError::LastAdmin => Code::LastAdmin,
            StoreError::Repeated => Code::IdempotencyKeyInUse,
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
