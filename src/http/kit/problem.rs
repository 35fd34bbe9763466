//! What went wrong, as the caller is told it: problem documents (RFC 9457), and under `/oauth/` the
//! errors of RFC 6749 §5.2. What there is to go wrong is one table, in `code.rs`.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub use super::problem_code::Code;

use crate::authz::{Event, Reason, Refusal, Relation, Rule};
use crate::domain::{Invalid, Origin};
use crate::hashing::HashError;
use crate::http::pages::{House, of_problem};
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
    unacceptable: Option<Unacceptable>,
    headers: Vec<(HeaderName, String)>,
}

/// Why a token is not acceptable, which its sender is not told.
#[derive(Debug)]
pub(crate) struct Unacceptable {
    /// As the audit trail has it.
    pub(crate) reason: &'static str,
    /// As the log has it.
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
            unacceptable: None,
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
    pub(crate) fn instead(self, from: Code, to: Code) -> Self {
        if self.0.code == from { Self::new(to) } else { self }
    }

    /// That a token is not acceptable; the caller is not told why.
    pub(crate) fn invalid_token(why: Unacceptable) -> Self {
        let mut problem = Self::new(Code::InvalidToken);
        problem.0.unacceptable = Some(why);
        problem
    }

    /// The decision behind it, if it is a refusal, as the audit trail keeps it.
    pub(crate) fn event(&self, origin: impl FnOnce() -> Origin) -> Option<Event> {
        match (&self.0.refusal, &self.0.unacceptable) {
            (Some(refusal), _) => Some(Event::refused(refusal, origin())),
            (None, Some(why)) => Some(Event::not_acceptable(why.reason, origin())),
            (None, None) => None,
        }
    }

    /// The refusal behind it, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// Why the token is not acceptable, if that is the matter.
    pub(crate) fn unacceptable(&self) -> Option<&Unacceptable> {
        self.0.unacceptable.as_ref()
    }

    /// Its kind.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// It as a problem document.
    pub(crate) fn document(&self, asked: &Asked<'_>) -> Value {
        serde_json::to_value(self.0.document(asked)).unwrap_or_default()
    }

    /// It as an error of RFC 6749.
    pub(crate) fn oauth_error(&self) -> Value {
        self.0.oauth_error()
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
        if matches!(
            self.0.code,
            Code::Unavailable
                | Code::OutcomeUnknown
                | Code::Stopping
                | Code::Busy
                | Code::IdempotencyKeyInUse
        ) {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        if asked.path.starts_with("/oauth/") {
            response.insert_header((header::CONTENT_TYPE, "application/json"));
            return response.body(self.oauth_error().to_string());
        }
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        response.body(serde_json::to_vec(&self.document(asked)).unwrap_or_default())
    }
}

impl Details {
    fn oauth_error(&self) -> Value {
        let description = self.detail.as_deref().unwrap_or_else(|| self.code.title());
        json!({ "error": self.code.oauth(), "error_description": description })
    }

    fn document<'a>(&'a self, asked: &Asked<'a>) -> ProblemDocument<'a> {
        ProblemDocument {
            r#type: format!("{}/problems/{}", asked.issuer, self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: self.detail.as_deref().unwrap_or_else(|| self.code.meaning()),
            instance: asked.path,
            code: self.code.as_str(),
            request_id: asked.request_id,
            decision_id: asked.decision_id,
            errors: &self.errors,
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
            StoreError::Unavailable(_) | StoreError::Lost(_) | StoreError::Undone(_) => Code::Unavailable,
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
