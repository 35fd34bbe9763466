//! Result of an evaluation.

use serde::Serialize;
use utoipa::ToSchema;

use crate::authz::Explanation;

/// The result of an evaluation (AuthZEN §6.2).
#[derive(Serialize, ToSchema)]
pub struct Evaluation {
    /// True when the subject is allowed to do the action.
    #[schema(examples(false))]
    pub(super) decision: bool,
    /// The reasons. Left out for a caller who may ask about itself alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = EvaluationContext, required = false)]
    context: Option<EvaluationContext>,
}

/// The reasons of a decision.
#[derive(Serialize, ToSchema)]
pub struct EvaluationContext {
    /// The code of a refusal, as the caller gets it; `unknown-resource` if there is no rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("not-owner"))]
    reason: Option<String>,
    /// The decision, step by step.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

impl Evaluation {
    /// Denies a request without a decision, for this reason.
    pub(super) fn denied(reason: &str) -> Self {
        let reason = Some(reason.to_owned());
        Self { decision: false, context: Some(EvaluationContext { reason, explanation: None }) }
    }

    /// Returns the decision alone.
    pub(super) fn without_reasons(self) -> Self {
        Self { context: None, ..self }
    }
}

impl From<Explanation> for Evaluation {
    fn from(explanation: Explanation) -> Self {
        let decision = explanation.allowed == Some(true);
        // The decision may depend on a record that the requesting caller may not read.
        let hidden = explanation.allowed.is_none().then(|| "not-told".to_owned());
        let reason = explanation.reason.clone().or(hidden);
        let context = EvaluationContext { reason, explanation: Some(explanation) };
        Self { decision, context: Some(context) }
    }
}
