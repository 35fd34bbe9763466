//! What an evaluation asks, read from the body of a request.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::domain::Invalid;
use crate::http::kit::description::BodyType;
use crate::http::kit::members::Members;

/// The most evaluations in one request.
const MOST: usize = 100;

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

/// When several evaluations end early (AuthZEN §7.1.2.1).
#[derive(Clone, Copy)]
pub(crate) enum Semantic {
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

    pub(crate) fn ends_with(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

/// What a body asks: of several, each with what it shares with the others.
pub(crate) enum Several {
    One(Parts),
    Each(Vec<Parts>),
}

/// The parts of a request, each as it was sent.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) subject: Option<Map<String, Value>>,
    pub(crate) action: Option<Map<String, Value>>,
    pub(crate) resource: Option<Map<String, Value>>,
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

/// The body of one evaluation.
pub(crate) fn read_one(members: &mut Members) -> Option<Parts> {
    let mut parts = Parts::take(members);
    parts.require(members);
    Some(parts)
}

/// The body of several, and when they end early.
pub(crate) fn read_several(members: &mut Members) -> Option<(Several, Semantic)> {
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
