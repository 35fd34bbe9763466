//! Problems in the document: their two schemas, and an example of each code.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::{Map, Value, json};

use crate::domain::{Invalid, RULES};
use crate::http::kit::{Code, Family, Header, Problem, ProblemContext, Route};

const REQUEST_ID: &str = "019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17";
const DECISION_ID: &str = "019ab1f7-3c2b-7a06-8d54-0c1e9b7f2a63";

impl Family {
    /// Returns the media type of a problem.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Api => "application/problem+json",
            Self::OAuth => "application/json",
            Self::Page => "text/html",
        }
    }

    /// True when a program can read the code.
    pub(super) fn is_machine_readable(self) -> bool {
        self != Self::Page
    }

    /// Returns the schema of a problem with one of these codes.
    pub(super) fn schema(self, codes: &[Code]) -> Value {
        let one_of = |schema: &str, member: &str, mut names: Vec<&str>| {
            names.sort_unstable();
            names.dedup();
            json!({
                "allOf": [{ "$ref": format!("#/components/schemas/{schema}") }],
                "type": "object",
                "properties": { member: { "type": "string", "enum": names } },
            })
        };
        match self {
            Self::Api => one_of("Problem", "code", codes.iter().map(|code| code.as_str()).collect()),
            Self::OAuth => one_of("OAuthError", "error", codes.iter().map(|code| code.oauth()).collect()),
            Self::Page => json!({ "type": "string" }),
        }
    }

    /// Returns the header of a problem at a route.
    pub(super) fn header(self, code: Code, route: &Route) -> Option<&'static str> {
        match code.header() {
            Header::Nothing => None,
            Header::RetryAfter(_) => Some("Retry-After"),
            Header::Challenge(_) => Some("WWW-Authenticate"),
            Header::Allow => Some("Allow"),
            Header::MediaType => Some(match route.method {
                Method::PATCH => "Accept-Patch",
                Method::POST => "Accept-Post",
                _ => "Accept",
            }),
        }
    }

    /// Returns the name of the example of a problem.
    pub(super) fn example_name(self, code: Code) -> String {
        match self {
            Self::OAuth => format!("oauth-{}", code.as_str()),
            _ => code.as_str().to_owned(),
        }
    }

    fn example(self, code: Code, issuer: &str) -> Value {
        let problem = match code {
            Code::InvalidBody => {
                let rule = Invalid::new("too-short", "must be at least 15 characters").with("min", 15);
                Problem::broken_rule("/password", rule)
            }
            code => Problem::new(code),
        };
        let value = match self {
            Self::OAuth => problem.oauth_error(),
            _ => problem.document(&ProblemContext {
                issuer,
                service: "",
                home: None,
                path: "/users/019ab1f7-2b11-7c90-8a4f-d3e5f7091b2c",
                request_id: REQUEST_ID,
                decision_id: code.is_decided().then(|| DECISION_ID.parse().ok()).flatten(),
                family: self,
                page: |_, _, _| HttpResponse::InternalServerError().finish(),
            }),
        };
        json!({ "summary": code.title(), "description": code.meaning(), "value": value })
    }
}

/// Returns an example of each problem, for the operations to refer to.
pub(crate) fn examples(issuer: &str, own: &[Code]) -> Value {
    let forms = [Family::Api, Family::OAuth].into_iter();
    let each = forms.flat_map(|form| Code::ALL.iter().map(move |code| (form, *code)));
    let own = own.iter().map(|code| (Family::Api, *code));
    each.chain(own)
        .map(|(form, code)| (form.example_name(code), form.example(code, issuer)))
        .collect::<Map<_, _>>()
        .into()
}

/// Returns the schema of a member of `errors`. Its code is one of cloakroom's or of the application's.
pub(crate) fn broken_rule_schema(routes: &[&Route], own: &[Code]) -> Value {
    let rules = routes.iter().flat_map(|route| route.rules).copied();
    let own = own.iter().filter(|code| code.is_collision()).map(|code| code.as_str());
    let codes: BTreeSet<&str> =
        RULES.iter().map(|(code, _)| *code).chain(Code::collisions()).chain(rules).chain(own).collect();
    json!({
        "type": "object",
        "description": "A broken rule or a collision, and its place in the body",
        "required": ["pointer", "code", "detail"],
        "properties": {
            "pointer": { "type": "string", "examples": ["/password"], "description": "A JSON pointer (RFC 6901) into the body; empty for the whole body" },
            "code": { "type": "string", "enum": codes, "examples": ["too-short"], "description": "The stable code of the rule, for programs" },
            "detail": { "type": "string", "examples": ["must be at least 15 characters"], "description": "The rule, in words" },
            "min": { "type": "integer", "description": "The smallest permitted length, number or value" },
            "max": { "type": "integer", "description": "The largest permitted length, number or value" },
            "values": { "type": "array", "items": { "type": "string" }, "description": "The permitted values" },
            "expected": { "type": "string", "enum": ["string", "integer", "number", "boolean", "array", "object"], "description": "The permitted type in JSON" },
        },
    })
}

/// Returns the schema of the reason of a 401 `invalid-token`.
fn reason_schema() -> Value {
    json!({
        "type": "string", "enum": ["expired", "revoked", "invalid"],
        "description": "Why an access token is not accepted, on a 401 `invalid-token` (`invalid_token`) only: renew one that is `expired`; renew one that is `revoked`, and sign in again if that fails",
    })
}

/// Returns the schema of a problem. Its code is one of cloakroom's or of these.
pub(crate) fn problem_schema(own: &[Code]) -> Value {
    let codes: Vec<&str> = Code::ALL.iter().chain(own).map(|code| code.as_str()).collect();
    json!({
        "type": "object",
        "description": "An error (RFC 9457)",
        "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
        "properties": {
            "type": { "type": "string", "format": "uri", "description": "The URL of a page that explains the problem" },
            "title": { "type": "string", "description": "The problem in a few words" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599, "description": "The status of the response" },
            "detail": { "type": "string", "description": "The cause in this case" },
            "instance": { "type": "string", "description": "The path of the request" },
            "code": { "type": "string", "enum": codes, "description": "The stable code of the problem, for programs" },
            "request_id": { "type": "string", "description": "The request's id in the log" },
            "decision_id": {
                "type": "string", "format": "uuid",
                "description": "The id of the decision, for `POST /authz/explain`; on a refusal only",
            },
            "reason": reason_schema(),
            "errors": {
                "type": "array", "items": { "$ref": "#/components/schemas/BrokenRule" },
                "description": "Every broken rule of a 422, and the collision of a 409",
            },
        },
    })
}

pub(crate) fn oauth_error_schema() -> Value {
    json!({
        "type": "object",
        "description": "An error (RFC 6749 §5.2)",
        "required": ["error"],
        "properties": {
            "error": { "type": "string", "description": "The error code, for programs" },
            "error_description": { "type": "string", "description": "The error in words, for the client's developer" },
            "reason": reason_schema(),
        },
    })
}
