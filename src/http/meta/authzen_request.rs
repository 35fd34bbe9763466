//! Bodies of evaluation requests.

use serde_json::{Map, Value};

use crate::domain::Invalid;
use crate::http::kit::Members;

/// Largest number of evaluations in one request.
const MOST_EVALUATIONS: usize = 100;

crate::body! {
    /// An evaluation request (AuthZEN §6.1): may the subject do the action on the resource?
    pub struct EvaluationRequest {
        /// `{"type": "user" | "client", "id": …}`. In `properties`, `scope` restricts the scope of its token.
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
    /// Several evaluation requests (AuthZEN §7.1). The outer members are the defaults of each evaluation.
    pub struct EvaluationsRequest {
        /// The default subject, as in a single request.
        #[schema(value_type = Option<Object>)]
        subject: Option<Value> as Option<Map<String, Value>> = json(object);
        /// The default action, as in a single request.
        #[schema(value_type = Option<Object>)]
        action: Option<Value> as Option<Map<String, Value>> = json(object);
        /// The default resource, as in a single request.
        #[schema(value_type = Option<Object>)]
        resource: Option<Value> as Option<Map<String, Value>> = json(object);
        /// Ignored.
        #[schema(value_type = Option<Object>)]
        context: Option<Value> as Option<Map<String, Value>> = json(object);
        /// The evaluations, at most 100.
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

/// Condition at which several evaluations end early (AuthZEN §7.1.2.1).
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

/// A single request, or several requests with their defaults applied.
pub(crate) enum Several {
    One(Parts),
    Each(Vec<Parts>),
}

/// Parts of a request, as they were sent.
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

    /// Fills missing parts with the defaults.
    fn or(self, defaults: &Self) -> Self {
        Self {
            subject: self.subject.or_else(|| defaults.subject.clone()),
            action: self.action.or_else(|| defaults.action.clone()),
            resource: self.resource.or_else(|| defaults.resource.clone()),
        }
    }
}

fn object(value: &Value) -> Result<Map<String, Value>, Invalid> {
    value.as_object().cloned().ok_or_else(|| Invalid::new("not-an-object", "must be an object"))
}

/// Reads the body of a single evaluation.
pub(crate) fn read_one(members: &mut Members) -> Option<Parts> {
    let request = EvaluationRequest::read(members)?;
    let parts = Parts { subject: request.subject, action: request.action, resource: request.resource };
    // No rule depends on the context.
    drop(request.context);
    parts.require(members);
    Some(parts)
}

/// Reads the body of several evaluations, and the condition at which they end early.
pub(crate) fn read_several(members: &mut Members) -> Option<(Several, Semantic)> {
    let request = EvaluationsRequest::read(members)?;
    let shared = Parts { subject: request.subject, action: request.action, resource: request.resource };
    drop(request.context);
    let semantic = request.options.unwrap_or(Semantic::ExecuteAll);
    match request.evaluations {
        Some(each) if !each.is_empty() => {
            let each: Vec<Parts> = each.into_iter().map(|parts| parts.or(&shared)).collect();
            let is_incomplete =
                |parts: &Parts| parts.subject.is_none() || parts.action.is_none() || parts.resource.is_none();
            if each.iter().any(is_incomplete) {
                let rule = "each must have a subject, an action and a resource, or a default of it";
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
    let each = value.as_array().filter(|each| each.len() <= MOST_EVALUATIONS);
    let each = each.ok_or_else(|| {
        let rule = Invalid::new("not-a-list", format!("must be a list of at most {MOST_EVALUATIONS}"));
        rule.with("max", MOST_EVALUATIONS)
    })?;
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
            let values = ["execute_all", "deny_on_first_deny", "permit_on_first_permit"];
            Invalid::new("unknown-semantic", rule).with("values", values.to_vec())
        }),
    }
}
