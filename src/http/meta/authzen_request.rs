//! What an evaluation asks, read from the body of a request.

use serde_json::{Map, Value};

use crate::domain::Invalid;
use crate::http::kit::members::Members;

/// The most evaluations in one request.
const MOST: usize = 100;

crate::body! {
    /// What is asked (AuthZEN §6.1): may the subject do the action to the resource?
    pub struct EvaluationRequest {
        /// `{"type": "user" | "client", "id": …}`; in `properties`, `scope` narrows what its token carries.
        #[schema(value_type = Object)]
        subject: Value as Option<Map<String, Value>> = json(object);
        /// `{"name": …}`: an action of the policy, or a method.
        #[schema(value_type = Object)]
        action: Value as Option<Map<String, Value>> = json(object);
        /// `{"type": …, "id": …}`: a record, or a route.
        #[schema(value_type = Object)]
        resource: Value as Option<Map<String, Value>> = json(object);
        /// Ignored.
        #[schema(value_type = Option<Object>)]
        context: Option<Value> as Option<Map<String, Value>> = json(object);
    }
    example {
        "subject": { "type": "user", "id": "ada@example.com" },
        "action": { "name": "read" },
        "resource": { "type": "user", "id": "01890a5d-ac96-774b-bcce-b302099a8057" },
    }
}

crate::body! {
    /// What several ask at once (AuthZEN §7.1): what stands outside is each one's, unless it has its own.
    pub struct EvaluationsRequest {
        /// As of one.
        #[schema(value_type = Option<Object>)]
        subject: Option<Value> as Option<Map<String, Value>> = json(object);
        /// As of one.
        #[schema(value_type = Option<Object>)]
        action: Option<Value> as Option<Map<String, Value>> = json(object);
        /// As of one.
        #[schema(value_type = Option<Object>)]
        resource: Option<Value> as Option<Map<String, Value>> = json(object);
        /// Ignored.
        #[schema(value_type = Option<Object>)]
        context: Option<Value> as Option<Map<String, Value>> = json(object);
        /// At most 100.
        #[schema(value_type = Option<Vec<Object>>, max_items = 100)]
        evaluations: Option<Vec<Value>> as Option<Vec<Parts>> = json(evaluations_of);
        /// `evaluations_semantic`: `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
        #[schema(value_type = Option<Object>)]
        options: Option<Value> as Option<Semantic> = json(semantic_of);
    }
    example {
        "subject": { "type": "user", "id": "ada@example.com" },
        "resource": { "type": "user", "id": "01890a5d-ac96-774b-bcce-b302099a8057" },
        "evaluations": [{ "action": { "name": "read" } }, { "action": { "name": "delete" } }],
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
    fn require(&self, members: &mut Members) {
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
    let request = EvaluationRequest::read(members)?;
    let parts = Parts { subject: request.subject, action: request.action, resource: request.resource };
    // No rule depends on the context.
    drop(request.context);
    parts.require(members);
    Some(parts)
}

/// The body of several, and when they end early.
pub(crate) fn read_several(members: &mut Members) -> Option<(Several, Semantic)> {
    let request = EvaluationsRequest::read(members)?;
    let shared = Parts { subject: request.subject, action: request.action, resource: request.resource };
    drop(request.context);
    let semantic = request.options.unwrap_or(Semantic::ExecuteAll);
    match request.evaluations {
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
