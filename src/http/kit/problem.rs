//! Problems: documents by RFC 9457, errors of RFC 6749 §5.2 for the authorization server's routes, and pages.
//! The table of all problems is in `problem_code.rs`: which status, code, header and text each has.
//!
//! Which one to use: `NotFound` and the refusals come from a decision and are never made by a handler for a
//! record. A body or a query that breaks a rule is `InvalidBody` or `InvalidQuery`, with every broken rule. A
//! collision with another record is a 409 with a code of its own. Whatever a caller cannot mend is `Internal`
//! or `Unavailable`, and its cause goes to the log only.

use actix_web::http::header::HeaderName;
use serde_json::{Map, Value};

pub use super::problem_code::Code;
use crate::authz::{AuditEvent, Refusal};
use crate::domain::{Invalid, Origin};

/// A broken rule, and the place in the body that breaks it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BrokenRule {
    /// A JSON pointer (RFC 6901) into the body. An empty one is the whole body.
    pub pointer: String,
    /// The stable code of the rule, in kebab-case.
    pub code: &'static str,
    /// The error, and the rule that the value must follow.
    pub detail: String,
    /// The parameters of the rule.
    #[serde(flatten)]
    pub parameters: Map<String, Value>,
}

impl BrokenRule {
    /// Returns the rule that the value at `pointer` breaks.
    pub fn new(pointer: impl Into<String>, rule: Invalid) -> Self {
        let Invalid { code, detail, parameters } = rule;
        Self { pointer: pointer.into(), code, detail, parameters }
    }
}

/// A problem: why a request failed (RFC 9457).
///
/// ```
/// use cloakroom::http::{Code, Problem};
/// let problem = Problem::new(Code::Conflict).with_detail("every peg is taken");
/// assert_eq!(problem.code(), Code::Conflict);
/// ```
#[derive(Debug)]
pub struct Problem(pub(super) Box<Details>);

#[derive(Debug)]
pub(super) struct Details {
    pub(super) code: Code,
    pub(super) detail: Option<String>,
    pub(super) errors: Vec<BrokenRule>,
    pub(super) refusal: Option<Refusal>,
    pub(super) unacceptable: Option<Unacceptable>,
    pub(super) headers: Vec<(HeaderName, String)>,
}

/// Reason why a token is invalid. The response says what the client can do about it, and no more.
#[derive(Debug)]
pub(crate) struct Unacceptable {
    /// The reason in the audit trail and in metrics.
    pub(crate) reason: &'static str,
    /// The reason in the log.
    pub(crate) words: String,
    /// The audit event, for a token that was acceptable when the request began.
    pub(crate) event: Option<AuditEvent>,
}

impl Unacceptable {
    /// Returns what the client is told. Each other than `invalid` comes after the check of the signature, so it tells
    /// a forger nothing.
    pub(super) fn told(&self) -> &'static str {
        match self.reason {
            "expired" => "expired",
            "revoked" | "superseded" | "no-such-user" | "suspended" => "revoked",
            _ => "invalid",
        }
    }
}

impl Problem {
    /// Makes a problem of this kind.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Details {
            code,
            detail: None,
            errors: if code.is_collision() { vec![code.as_broken_rule("")] } else { Vec::new() },
            refusal: None,
            unacceptable: None,
            headers: Vec::new(),
        }))
    }

    /// Adds the cause in this case, also to the collision of a 409. It must reveal no internals of the server.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self.with_detail_of_collision()
    }

    fn with_detail_of_collision(mut self) -> Self {
        if let (true, Some(detail)) = (self.0.code.is_collision(), &self.0.detail) {
            self.0.errors.iter_mut().for_each(|error| error.detail.clone_from(detail));
        }
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
        Self::broken_rules(vec![BrokenRule::new(pointer, rule)])
    }

    /// Names the member of the body that collides, if the problem is of this kind.
    ///
    /// ```
    /// use cloakroom::http::{Code, Problem};
    /// let problem = Problem::new(Code::Taken).at(Code::Taken, "/number");
    /// assert_eq!(problem.errors()[0].pointer, "/number");
    /// ```
    pub fn at(mut self, kind: Code, pointer: &str) -> Self {
        if self.0.code == kind {
            self.0.errors = vec![kind.as_broken_rule(pointer)];
        }
        self.with_detail_of_collision()
    }

    /// Returns the broken rules of a 422, and the collisions of a 409.
    pub fn errors(&self) -> &[BrokenRule] {
        &self.0.errors
    }

    /// Replaces the problem with one of kind `to` if it is of kind `from`.
    pub(crate) fn instead(self, from: Code, to: Code) -> Self {
        if self.0.code == from { Self::new(to) } else { self }
    }

    /// Makes a 401 for an invalid token.
    pub(crate) fn invalid_token(why: Unacceptable) -> Self {
        let mut problem = Self::new(Code::InvalidToken);
        problem.0.unacceptable = Some(why);
        problem
    }

    /// Makes a 401 for a token that was revoked during the request. `event` is that of the refusal.
    pub(crate) fn revoked(event: AuditEvent) -> Self {
        let words = "revoked during the request".to_owned();
        Self::invalid_token(Unacceptable { reason: "revoked", words, event: Some(event) })
    }

    /// Returns the event for the audit trail, if the problem is a refusal.
    pub(crate) fn event(&self, origin: impl FnOnce() -> Origin) -> Option<AuditEvent> {
        match (&self.0.refusal, &self.0.unacceptable) {
            (Some(refusal), _) => Some(AuditEvent::refused(refusal, origin())),
            (None, Some(Unacceptable { event: Some(event), .. })) => Some(event.clone()),
            (None, Some(why)) => Some(AuditEvent::not_acceptable(why.reason, origin())),
            (None, None) => None,
        }
    }

    /// Returns the refusal, if the problem is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// Returns the reason why the token is invalid, if that is the problem.
    pub(crate) fn unacceptable(&self) -> Option<&Unacceptable> {
        self.0.unacceptable.as_ref()
    }

    /// Returns the kind of problem.
    pub fn code(&self) -> Code {
        self.0.code
    }
}
