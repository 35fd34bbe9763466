//! The decision for others to ask: the OpenID AuthZEN Authorization API 1.0. A gateway or a service asks
//! for a route (`resource.type` is `route`, its id a path, the action a method), or for an action of the
//! policy on a record (`resource.type` is a kind of record, its id the record's).

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::answer::Json;
use super::body::{Body, BodyType};
use super::decide::Public;
use super::endpoint::Endpoint;
use super::explain::foresee::{Known, Who, know, of_route, route};
use super::explain::{endpoint_of, method, path};
use super::members::Members;
use super::paths::Captured;
use super::problem::{Code, Problem};
use super::services::Services;
use crate::authz::action::Explain;
use crate::authz::{Caller, Explanation, Reach};
use crate::domain::Invalid;

/// The most evaluations in one request.
const MOST: usize = 100;

/// `resource.type` of a route.
const ROUTE: &str = "route";

/// What is asked (AuthZEN §6.1): may the subject do the action to the resource?
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the body's documentation")]
pub struct EvaluationRequest {
    /// `{"type": "user" | "client", "id": …}`; in `properties`, `scope` narrows what its token carries.
    #[schema(value_type = Object)]
    subject: Value,
    /// `{"name": …}`: an action of the policy, or a method.
    #[schema(value_type = Object)]
    action: Value,
    /// `{"type": …, "id": …}`: a record, or a route.
    #[schema(value_type = Object)]
    resource: Value,
    /// Not looked at.
    #[schema(value_type = Option<Object>)]
    context: Option<Value>,
}

impl BodyType for EvaluationRequest {
    fn example() -> Value {
        json!({
            "subject": { "type": "user", "id": "ada@example.com" },
            "action": { "name": "read" },
            "resource": { "type": "user", "id": "01890a5d-ac96-774b-bcce-b302099a8057" },
        })
    }
}

/// What several ask at once (AuthZEN §7.1): what stands outside is each one's, unless it has its own.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the body's documentation")]
pub struct EvaluationsRequest {
    /// As of one.
    #[schema(value_type = Option<Object>)]
    subject: Option<Value>,
    /// As of one.
    #[schema(value_type = Option<Object>)]
    action: Option<Value>,
    /// As of one.
    #[schema(value_type = Option<Object>)]
    resource: Option<Value>,
    /// Not looked at.
    #[schema(value_type = Option<Object>)]
    context: Option<Value>,
    /// At most 100.
    #[schema(value_type = Option<Vec<Object>>, max_items = 100)]
    evaluations: Option<Vec<Value>>,
    /// `evaluations_semantic`: `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    #[schema(value_type = Option<Object>)]
    options: Option<Value>,
}

impl BodyType for EvaluationsRequest {
    fn example() -> Value {
        json!({
            "subject": { "type": "user", "id": "ada@example.com" },
            "resource": { "type": "user", "id": "01890a5d-ac96-774b-bcce-b302099a8057" },
            "evaluations": [{ "action": { "name": "read" } }, { "action": { "name": "delete" } }],
        })
    }
}

/// The answer to one (AuthZEN §6.2).
#[derive(Serialize, ToSchema)]
pub struct Evaluation {
    /// Whether the subject may.
    #[schema(examples(false))]
    decision: bool,
    /// Why.
    context: EvaluationContext,
}

/// Why an evaluation went as it did.
#[derive(Serialize, ToSchema)]
pub struct EvaluationContext {
    /// Of a refusal: the code, as a caller is told it; `unknown-resource` where there is no rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("not-owner"))]
    reason: Option<String>,
    /// The decision, step by step.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// The answer to several, in their order; or to one, where only one was asked.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Evaluations {
    /// To several.
    Several {
        /// One each, up to the one that decided.
        evaluations: Vec<Evaluation>,
    },
    /// To one.
    One(Box<Evaluation>),
}

/// Where evaluations are asked for (AuthZEN §9).
#[derive(Serialize, ToSchema)]
pub struct AuthzenConfiguration {
    /// The server.
    #[schema(format = "uri", examples("https://id.example.org"))]
    policy_decision_point: String,
    /// For one evaluation.
    #[schema(format = "uri", examples("https://id.example.org/access/v1/evaluation"))]
    access_evaluation_endpoint: String,
    /// For several.
    #[schema(format = "uri", examples("https://id.example.org/access/v1/evaluations"))]
    access_evaluations_endpoint: String,
}

/// `GET /.well-known/authzen-configuration`
pub async fn configuration(
    _: Public,
    services: Arc<Services>,
) -> Result<Json<AuthzenConfiguration>, Problem> {
    let issuer = &services.issuer_url;
    Ok(Json(AuthzenConfiguration {
        policy_decision_point: issuer.clone(),
        access_evaluation_endpoint: format!("{issuer}/access/v1/evaluation"),
        access_evaluations_endpoint: format!("{issuer}/access/v1/evaluations"),
    }))
}

/// `POST /access/v1/evaluation`
pub async fn evaluation(
    reach: Reach<Explanation, Explain>,
    body: Body<EvaluationRequest>,
    services: Arc<Services>,
) -> Result<Json<Evaluation>, Problem> {
    let request = body.read(|members| {
        let mut parts = Parts::take(members);
        parts.require(members);
        Some(parts)
    })?;
    let mut desk = Desk { services: &services, asker: reach.by(), last: None };
    Ok(Json(desk.evaluate(&request).await?))
}

/// `POST /access/v1/evaluations`
pub async fn evaluations(
    reach: Reach<Explanation, Explain>,
    body: Body<EvaluationsRequest>,
    services: Arc<Services>,
) -> Result<Json<Evaluations>, Problem> {
    let (asked, semantic) = body.read(read_several)?;
    let mut desk = Desk { services: &services, asker: reach.by(), last: None };
    let asked = match asked {
        Several::One(request) => {
            return Ok(Json(Evaluations::One(Box::new(desk.evaluate(&request).await?))));
        }
        Several::Each(requests) => requests,
    };
    let mut evaluations = Vec::with_capacity(asked.len());
    for request in &asked {
        let evaluation = desk.evaluate(request).await?;
        let decision = evaluation.decision;
        evaluations.push(evaluation);
        if semantic.ends_with(decision) {
            break;
        }
    }
    Ok(Json(Evaluations::Several { evaluations }))
}

/// When several evaluations end early (AuthZEN §7.1.2.1).
#[derive(Clone, Copy)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    fn named(name: &str) -> Option<Self> {
        match name {
            "execute_all" => Some(Self::ExecuteAll),
            "deny_on_first_deny" => Some(Self::DenyOnFirstDeny),
            "permit_on_first_permit" => Some(Self::PermitOnFirstPermit),
            _ => None,
        }
    }

    fn ends_with(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

enum Several {
    One(Parts),
    Each(Vec<Parts>),
}

/// The parts of a request, each as it was sent.
#[derive(Clone, Default)]
struct Parts {
    subject: Option<Map<String, Value>>,
    action: Option<Map<String, Value>>,
    resource: Option<Map<String, Value>>,
}

impl Parts {
    fn take(members: &mut Members) -> Self {
        let mut part = |name: &str| members.json(name, object).value();
        let parts = Self { subject: part("subject"), action: part("action"), resource: part("resource") };
        part("context");
        parts
    }

    fn require(&mut self, members: &mut Members) {
        for (name, part) in
            [("subject", &self.subject), ("action", &self.action), ("resource", &self.resource)]
        {
            if part.is_none() && !members.is_broken(name) {
                members.required(name);
            }
        }
    }

    /// The same, with what is lacking taken from the others.
    fn or(self, others: &Self) -> Self {
        Self {
            subject: self.subject.or_else(|| others.subject.clone()),
            action: self.action.or_else(|| others.action.clone()),
            resource: self.resource.or_else(|| others.resource.clone()),
        }
    }
}

fn object(value: &Value) -> Result<Map<String, Value>, Invalid> {
    value.as_object().cloned().ok_or_else(|| Invalid::new("not-an-object", "must be an object"))
}

fn read_several(members: &mut Members) -> Option<(Several, Semantic)> {
    let mut shared = Parts::take(members);
    let each = members.json("evaluations", evaluations_of).value();
    let semantic = members.json("options", semantic_of).value().unwrap_or(Semantic::ExecuteAll);
    match each {
        Some(each) if !each.is_empty() => {
            let each: Vec<Parts> = each.into_iter().map(|parts| parts.or(&shared)).collect();
            let lacks =
                |parts: &Parts| parts.subject.is_none() || parts.action.is_none() || parts.resource.is_none();
            if each.iter().any(lacks) {
                let rule = "each must have a subject, an action and a resource, or all together";
                members.broken("evaluations", Invalid::new("incomplete", rule));
            }
            Some((Several::Each(each), semantic))
        }
        _ => {
            shared.require(members);
            Some((Several::One(shared), semantic))
        }
    }
}

fn evaluations_of(value: &Value) -> Result<Vec<Parts>, Invalid> {
    let each = value.as_array().filter(|each| each.len() <= MOST);
    let each = each.ok_or_else(|| Invalid::new("not-a-list", format!("must be a list of at most {MOST}")))?;
    let part = |of: &Map<String, Value>, name: &str| of.get(name).map(object).transpose();
    each.iter()
        .map(|value| {
            let of = object(value)?;
            let (subject, action) = (part(&of, "subject")?, part(&of, "action")?);
            Ok(Parts { subject, action, resource: part(&of, "resource")? })
        })
        .collect()
}

fn semantic_of(value: &Value) -> Result<Semantic, Invalid> {
    match object(value)?.get("evaluations_semantic") {
        None => Ok(Semantic::ExecuteAll),
        Some(name) => name.as_str().and_then(Semantic::named).ok_or_else(|| {
            let rule =
                "`evaluations_semantic` must be execute_all, deny_on_first_deny or permit_on_first_permit";
            Invalid::new("unknown-semantic", rule)
        }),
    }
}

/// What cannot be asked about at all: it is denied, with this reason.
fn unknown(reason: &str) -> Evaluation {
    let reason = Some(reason.to_owned());
    Evaluation { decision: false, context: EvaluationContext { reason, explanation: None } }
}

fn text<'a>(part: Option<&'a Map<String, Value>>, name: &str) -> &'a str {
    part.and_then(|part| part.get(name)).and_then(Value::as_str).unwrap_or_default()
}

/// Whoever asks, and whom they asked about last: of many evaluations most are about the same subject,
/// who is looked up once.
struct Desk<'a> {
    services: &'a Services,
    asker: &'a Caller,
    last: Option<(Who, Known)>,
}

impl Desk<'_> {
    async fn evaluate(&mut self, request: &Parts) -> Result<Evaluation, Problem> {
        let Parts { subject, action, resource } = request;
        let Some(who) = subject_of(subject.as_ref()) else { return Ok(unknown("unknown-subject")) };
        let (action, kind, id) =
            (text(action.as_ref(), "name"), text(resource.as_ref(), "type"), text(resource.as_ref(), "id"));
        let services = self.services;
        let (endpoint, segments) = match target(services, action, kind, id) {
            Ok(target) => target,
            Err(reason) => return Ok(unknown(reason)),
        };
        let asker = self.asker;
        let Some(known) = self.know(who).await? else { return Ok(unknown(NOT_TO_BE_KNOWN)) };
        Ok(of_route(services, asker, known, endpoint, &segments).await?.into())
    }

    /// Who is asked about; nobody where whoever asks may not know.
    async fn know(&mut self, who: Who) -> Result<Option<&Known>, Problem> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != who) {
            let known = match know(self.services, self.asker, &who).await {
                Ok(known) => known,
                Err(problem) if problem.code() == Code::InvalidBody => return Ok(None),
                Err(problem) => return Err(problem),
            };
            self.last = Some((who, known));
        }
        Ok(self.last.as_ref().map(|(_, known)| known))
    }
}

/// A subject or a route of which nothing is known to whoever asks may do nothing.
const NOT_TO_BE_KNOWN: &str = "unknown-subject-or-resource";

/// The route that does the action, and the segments of its path: a path says them itself, an id in
/// their order.
fn target<'a>(
    services: &'a Services,
    action: &str,
    kind: &str,
    id: &str,
) -> Result<(&'a Endpoint, Captured), &'static str> {
    const UNKNOWN: &str = "unknown-resource";
    if kind == ROUTE {
        let (method, path) = (method(action).map_err(|_| UNKNOWN)?, path(id).map_err(|_| UNKNOWN)?);
        return route(services, &method, &path).map_err(|_| NOT_TO_BE_KNOWN);
    }
    let endpoint = endpoint_of(&services.endpoints, kind, action).ok_or(UNKNOWN)?;
    // The id of what is part of something has both in it, with a stroke between.
    let segments = endpoint.segment_names().zip(id.split('/'));
    Ok((endpoint, segments.map(|(name, value)| (name, value.to_owned())).collect()))
}

fn subject_of(subject: Option<&Map<String, Value>>) -> Option<Who> {
    let id = text(subject, "id").to_owned();
    let scope =
        subject.and_then(|subject| subject.get("properties")).and_then(|all| all.get("scope")?.as_str());
    let scope = scope.map(str::to_owned);
    match text(subject, "type") {
        "user" => Some(Who::User { user: id, scope }),
        "client" => Some(Who::Client { client: id, scope }),
        _ => None,
    }
}

impl From<Explanation> for Evaluation {
    fn from(explanation: Explanation) -> Self {
        let decision = explanation.allowed == Some(true);
        let not_told = explanation.allowed.is_none().then(|| "not-told".to_owned());
        let reason = explanation.reason.clone().or(not_told);
        Self { decision, context: EvaluationContext { reason, explanation: Some(explanation) } }
    }
}
